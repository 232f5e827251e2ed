"""Range coding with rows of probabilities: elastic-core compared with the constriction package.

python benches/peers/rows.py [--rounds 7]

Both encode the same symbols with the same rows, in blocks of 4 MiB as from a model, alternating in
one process; constriction uses its fastest family, `Categorical(perfect=False)`. Prints symbols per
CPU second, medians over the rounds, and the ratio within each round.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from elastic_core._core import CategoricalDecoder, CategoricalEncoder

FLOATS = 1 << 20
REPEATS = 10
FAMILY = constriction.stream.model.Categorical(perfect=False)

Rows = NDArray[np.float32]
Symbols = NDArray[np.uint32]


def rows_and_symbols(vocabulary: int) -> tuple[Rows, Symbols]:
    """Softmax rows of normal logits, about as sharp as a language model's, and a draw from each."""
    random = np.random.default_rng(vocabulary)
    powers = np.exp(random.normal(0, 3, (FLOATS // vocabulary, vocabulary)))
    rows = powers / powers.sum(1, keepdims=True)
    draws = random.random((len(rows), 1))
    symbols = (rows.cumsum(1) < draws).sum(1).clip(max=vocabulary - 1)
    return rows.astype(np.float32), symbols.astype(np.uint32)


def encode_ours(rows: Rows, symbols: Symbols) -> bytes:
    encoder = CategoricalEncoder()
    encoder.encode(rows, symbols)
    return encoder.finish()


def decode_ours(code: bytes, rows: Rows) -> Any:
    return CategoricalDecoder(code).decode(rows)


def encode_theirs(rows: Rows, symbols: Symbols) -> Any:
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(symbols.astype(np.int32), FAMILY, rows)
    return encoder.get_compressed()


def decode_theirs(code: Any, rows: Rows) -> Any:
    return constriction.stream.queue.RangeDecoder(code).decode(FAMILY, rows)


def rate(run: Callable[[], Any], symbols: int) -> float:
    """Symbols per CPU second."""
    start = time.process_time()
    for _ in range(REPEATS):
        run()
    return REPEATS * symbols / (time.process_time() - start)


def race(vocabulary: int, rounds: int) -> None:
    """Races encoding and decoding at one vocabulary and prints a line for each."""
    rows, symbols = rows_and_symbols(vocabulary)
    ours, theirs = encode_ours(rows, symbols), encode_theirs(rows, symbols)
    assert (decode_ours(ours, rows) == symbols).all()
    assert (decode_theirs(theirs, rows) == symbols).all()
    races: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "encode": (lambda: encode_ours(rows, symbols), lambda: encode_theirs(rows, symbols)),
        "decode": (lambda: decode_ours(ours, rows), lambda: decode_theirs(theirs, rows)),
    }
    for direction, (run_ours, run_theirs) in races.items():
        pairs = [
            (rate(run_ours, len(symbols)), rate(run_theirs, len(symbols))) for _ in range(rounds)
        ]
        medians = [statistics.median(rates) for rates in zip(*pairs, strict=True)]
        ratio = statistics.median(own / other for own, other in pairs)
        print(
            f"| {direction}, {vocabulary} symbols | {medians[0] / 1e3:,.0f} k/s | "
            f"{medians[1] / 1e3:,.0f} k/s | {ratio:.2f} |"
        )


def main() -> None:
    """Prints a table for three vocabularies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print("| | elastic-core | constriction | ratio |\n|---|---:|---:|---:|")
    for vocabulary in (256, 8192, 131072):
        race(vocabulary, rounds)


if __name__ == "__main__":
    main()
