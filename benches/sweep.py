"""Times a sweep over three saved trees, compared with reading the trees once.

    python benches/sweep.py --corpus novels/ --work /tmp/sweep

The trees are of bytes in chunks of 8: of the corpus, and of the corpus with its vowels or some of
its consonants permuted. Prints the seconds of reading the trees, and of reading, joining and rating
them at 100 values of l for all depths, alternating, and their ratio; then the peak memory of whole
processes by memory budget, and a fingerprint of the rates, which must agree.
"""

import argparse
import hashlib
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import elastic_core as ec
from elastic_core.common.units import parse_memory

PERMUTED = ((b"", b""), (b"aeiou", b"eioua"), (b"bcdfg", b"cdfgb"))
TREES = len(PERMUTED)
VOLUMES = np.array([[16.8, 1, l] for l in np.geomspace(1e-4, 10, 100)])


def make_trees(corpus: Path, files: list[Path]) -> None:
    """Writes the three trees, unless they exist."""
    texts = [path.read_bytes() for path in sorted(corpus.glob("*.txt"))]
    offsets = np.cumsum([0, *map(len, texts)])
    for file, (letters, permuted) in zip(files, PERMUTED, strict=True):
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            text = b"".join(texts).translate(bytes.maketrans(letters, permuted))
            ec.TokenTree.from_symbols(np.frombuffer(text, np.uint8), offsets, depth=8).save(file)


def read(files: list[Path], memory: int | None = None) -> list[ec.TokenTree]:
    return [ec.TokenTree.open(file, memory=memory) for file in files]


def sweep(files: list[Path], memory: int | None = None) -> ec.JointRates:
    joint = ec.JointSpectrum.of(read(files, memory), memory=memory)
    return joint.rates(VOLUMES, 2)


def within(files: list[Path], budget: str) -> None:
    """Reads and rates within a budget, each tree a quarter of it, and prints one line."""
    memory = parse_memory(budget)
    rates = sweep(files, None if memory is None else memory // (TREES + 1))
    digest = hashlib.sha256(rates.gamma_bits.tobytes() + rates.slope_bits.tobytes()).hexdigest()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{budget}: peak {peak:.0f} MiB, rates {digest[:12]}", flush=True)


def race(files: list[Path], rounds: int) -> None:
    """Times reading the trees, and reading with the sweep, alternating."""
    ratios = []
    for _ in range(rounds):
        seconds = []
        for job in (read, sweep):
            start = time.perf_counter()
            job(files)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[1] / seconds[0])
        print(f"read {seconds[0]:.2f} s; read, join and rate {seconds[1]:.2f} s", flush=True)
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--work", type=Path, required=True, help="folder for the trees")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files = [options.work / f"{number}.parquet" for number in range(TREES)]
    if options.part == "make":
        make_trees(options.corpus, files)
    elif options.part == "race":
        race(files, options.rounds)
    elif options.part:
        within(files, options.part)
    else:
        # Each part has its own process, because peak memory is measured per process.
        for part in ("make", "race", "16GiB", "512MiB", "128MiB"):
            command = [sys.executable, *sys.argv, "--part", part]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
