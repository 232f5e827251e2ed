"""Compares log-probabilities with lm-evaluation-harness: same model, documents, windows, batch.

python benches/peers/rolling.py --model CHECKPOINT --corpus FOLDER

Both compute the log-probability of every document, in one process, alternating. Windows of equal
length do not overlap, as in `loglikelihood_rolling`. Documents are first cut to fit into one
window, where both must agree, then left whole, where they need not: in later windows
lm-evaluation-harness conditions the first token on the preceding one, elastic-core on the first
token of a text, and lm-evaluation-harness moves the last window back.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from harness import text_files
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from numpy.typing import NDArray

from elastic_core.models.transformers.loading import load
from elastic_core.models.transformers.model import TransformersModel

Contestant = Callable[[list[str]], NDArray[np.float64]]


def main() -> None:
    """Cuts the documents, runs the rounds, prints the table."""
    args = arguments()
    torch.set_num_threads(args.threads)
    os.environ["TQDM_DISABLE"] = "1"  # Hides the progress bar of lm-evaluation-harness.
    batch = args.rows * args.window
    ours = load(args.model, args.model, window=args.window, stride=args.window, batch=batch)
    texts = [path.read_text("utf-8", "replace") for path in text_files(args.corpus)]
    whole = "".join(texts)[: args.characters]
    lengths = np.random.default_rng(0).integers(1, 5 * args.window, 1 << 20)
    for name, documents in (
        ("that fit into a window", cut(whole, lengths // 2, ours, args.window)),
        ("as long as they are", [whole]),
    ):
        tokens = sum(map(len, ours.tokens(documents)))
        print(f"\n{len(documents)} documents {name}, {tokens:,} tokens, {args.rounds} rounds")
        race(documents, tokens, elastic_core(ours), harness(args), args.rounds)


def race(
    documents: list[str], tokens: int, ours: Contestant, theirs: Contestant, rounds: int
) -> None:
    """Runs both, alternating, and prints medians, and the ratios within each pair."""
    seconds: list[tuple[float, float]] = []
    walls: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        pair = (ours, theirs) if turn % 2 else (theirs, ours)
        laps = {contestant: lap(contestant, documents) for contestant in pair}
        if turn:  # The first round warms up.
            seconds.append((laps[ours][1], laps[theirs][1]))
            walls.append((laps[ours][2], laps[theirs][2]))
    computed, expected = laps[ours][0], laps[theirs][0]
    for name, column in (("elastic-core", 0), ("lm-evaluation-harness", 1)):
        cpu = statistics.median(pair[column] for pair in seconds)
        wall = statistics.median(pair[column] for pair in walls)
        print(f"{name:22} {cpu:8.2f} CPU s {wall:8.2f} s {tokens / wall:10,.0f} tokens/s")
    ratios = sorted(theirs / ours for ours, theirs in seconds)
    print(f"CPU ratio {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    worst = np.max(np.abs(computed - expected) / np.abs(expected))
    print(f"sum {computed.sum():.3f} against {expected.sum():.3f}, ", end="")
    print(f"relative difference of a document at most {worst:.1e}")


def lap(contestant: Contestant, documents: list[str]) -> tuple[NDArray[np.float64], float, float]:
    """Runs a contestant; returns its result, its CPU seconds and its wall-clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    computed = contestant(documents)
    return computed, time.process_time() - cpu, time.perf_counter() - wall


def elastic_core(model: TransformersModel) -> Contestant:
    """The sums of elastic-core's log-probabilities."""
    return lambda documents: np.array(
        [values.sum(dtype=np.float64) for values in model.log_probs(documents)]
    )


def harness(args: argparse.Namespace) -> Contestant:
    """The sums of lm-evaluation-harness."""
    model = HFLM(
        pretrained=args.model,
        device="cpu",
        dtype="float32",
        max_length=args.window,
        batch_size=args.rows,
    )

    def log_probs(documents: list[str]) -> NDArray[np.float64]:
        requests = [
            Instance("loglikelihood_rolling", {}, (document,), number)
            for number, document in enumerate(documents)
        ]
        return np.array(model.loglikelihood_rolling(requests, disable_tqdm=True))

    return log_probs


def cut(text: str, lengths: NDArray[np.int64], model: TransformersModel, window: int) -> list[str]:
    """Consecutive pieces of the text with these lengths, without those longer than a window."""
    ends = np.cumsum(lengths)
    ends = ends[: np.searchsorted(ends, len(text))]
    pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return [piece for piece in pieces if piece and len(model.encode(piece)) <= window]


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a transformers checkpoint")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--characters", type=int, default=400_000, help="of the corpus, to score")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--rows", type=int, default=8, help="windows in a forward pass")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if not text_files(args.corpus):
        sys.exit(f"{args.corpus}: no .txt file there.")
    return args


if __name__ == "__main__":
    main()
