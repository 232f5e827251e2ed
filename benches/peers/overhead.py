"""What compression adds to a run of a torch model: quantizing, range coding, tokens, checks.

python benches/peers/overhead.py FILE MODEL [--bytes 32768] [--lanes 4] [--rounds 5]

MODEL is a folder with a checkpoint. The first bytes of FILE are compressed and decompressed; for
comparison, the model alone takes the same steps on the same tokens, all on one thread. Prints the
least CPU seconds over the rounds, and what compression adds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import elastic_core as ec
from elastic_core.compression.streams import cut


def model_alone(model: Any, text: bytes, lanes: int) -> None:
    """The steps of the model that compression takes, and nothing else."""
    ids = model.tokens(cut(text, lanes))
    table = np.zeros((max(map(len, ids)), lanes), np.uint32)
    for lane, lane_ids in enumerate(ids):
        table[: len(lane_ids), lane] = lane_ids
    steps = model.steps(lanes)
    steps.next(None)
    for row in table[:-1]:
        steps.next(row)


def cpu(run: Callable[[], Any]) -> float:
    """CPU seconds of all threads."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Prints the times of compression, decompression and the model alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("model")
    parser.add_argument("--bytes", type=int, default=1 << 15)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    text = args.file.read_bytes()[: args.bytes]
    model: Any = ec.load_model(args.model)
    with tempfile.TemporaryDirectory() as folder:
        source, coded, back = (Path(folder) / name for name in ("text", "coded", "back"))
        source.write_bytes(text)
        options: dict[str, Any] = {"model": model, "overwrite": True}

        def compress() -> None:
            ec.compress(source, coded, lanes=args.lanes, **options)

        def decompress() -> None:
            ec.decompress(coded, back, **options)

        def alone() -> None:
            model_alone(model, text, args.lanes)

        compress()
        rounds = [(cpu(alone), cpu(compress), cpu(decompress)) for _ in range(args.rounds)]
    print("| | CPU s | added |\n|---|---:|---:|")
    for number, name in enumerate(("model alone", "compress", "decompress")):
        seconds = min(times[number] for times in rounds)
        added = seconds / min(times[0] for times in rounds) - 1
        print(f"| {name} | {seconds:.2f} | {added:+.1%} |")


if __name__ == "__main__":
    main()
