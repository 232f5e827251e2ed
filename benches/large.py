"""Builds the tree of a corpus larger than the memory budget, and the same with enough memory.

    python benches/large.py --corpus novels/ --work /tmp/large --gigabytes 4

The text consists of copies of the corpus with differently permuted letters, so that they share few
leaves. Prints, for each budget, the rate, CPU seconds, peak memory of the whole process, and a
fingerprint of the statistics, which must agree.
"""

import argparse
import hashlib
import random
import resource
import string
import subprocess
import sys
import time
from pathlib import Path


def make_text(corpus: Path, folder: Path, size: int) -> None:
    """Writes files of `size` bytes in total, unless the folder exists."""
    if folder.exists():
        return
    part = folder.with_suffix(".part")
    part.mkdir(parents=True)
    text = b"".join(path.read_bytes() for path in sorted(corpus.glob("*.txt")))
    for copy in range(max(1, size // len(text))):
        letters = list(string.ascii_lowercase.encode())
        random.Random(copy).shuffle(letters)
        table = bytes.maketrans(string.ascii_lowercase.encode(), bytes(letters))
        (part / f"{copy:04}.txt").write_bytes(text.translate(table))
    part.rename(folder)


def build(folder: Path, memory: str) -> None:
    """Builds the tree of `folder` within `memory` and prints one line."""
    import elastic_core as ec
    from elastic_core.common.units import parse_memory

    start = time.perf_counter()
    tree = ec.TokenTree.build(folder, depth=8, memory=parse_memory(memory))
    wall = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    statistics = tree.statistics()
    figures = repr([(at.leaves, at.entropy_bits, at.huffman_bits) for at in statistics.depths])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{memory}: {tree.bytes / wall / 1e6:.0f} MB/s, {cpu:.1f} CPU-s, "
        f"peak {peak:.0f} MiB, {len(tree):,} leaves "
        f"{'in memory' if tree.in_memory else 'on disk'}, "
        f"statistics {hashlib.sha256(figures.encode()).hexdigest()[:12]}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path, help="folder of .txt files")
    parser.add_argument("--work", type=Path, required=True, help="folder for the text")
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--memory", action="append", help="budgets; default 16GiB and 1GiB")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.work / "text"
    if options.build:
        build(folder, options.build)
        return
    if not options.corpus:
        parser.error("name the folder of text with --corpus")
    make_text(options.corpus, folder, int(options.gigabytes * 1e9))
    for memory in options.memory or ["16GiB", "1GiB"]:
        # Each budget has its own process, because peak memory is measured per process.
        command = [sys.executable, __file__, "--work", options.work, "--build", memory]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
