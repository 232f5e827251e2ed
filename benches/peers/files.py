"""Compresses one file with elastic-core's tree model and with archivers, alternating.

Prints bits per byte, the median CPU seconds (user and system) of whole commands, including the
start of the interpreter, and the ratio to elastic-core's `tree:16` within each round. Archivers
that are not on PATH are left out. Debian has 7-Zip and zpaq in the packages 7zip and zpaq.

    python benches/peers/files.py --corpus novels/ --work /tmp/files --bytes 10000000 --rounds 3
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from harness import text_files

OURS = "elastic-core tree:16"


def contestants(file: Path, out: Path) -> dict[str, list[str]]:
    """The command lines that compress `file` into `out`, by name."""
    elastic = str(Path(sys.executable).parent / "elastic-core")
    seven = shutil.which("7zz") or shutil.which("7z") or "7z"
    tree = [elastic, "compress", str(file), "--force", "-o", str(out), "--model"]
    ppmd = [seven, "a", "-bd", "-mmt=1"]
    commands = {
        OURS: [*tree, "tree:16"],
        "elastic-core tree:8": [*tree, "tree:8"],
        "elastic-core tree:7": [*tree, "tree:7"],
        "PPMd -o16": [*ppmd, "-m0=PPMd:o=16:mem=1g", str(out), str(file)],
        "PPMd -o6": [*ppmd, "-m0=PPMd:o=6:mem=1g", str(out), str(file)],
        "zpaq -m5": ["zpaq", "add", str(out), str(file), "-m5", "-t1"],
        "xz -9e": ["xz", "-9e", "-T1", "-k", "-f", str(file)],
        "zstd -19": ["zstd", "-19", "-q", "-f", str(file), "-o", str(out)],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def run(command: list[str], file: Path, out: Path) -> tuple[int, float]:
    """Runs one command; returns the bytes written and its CPU seconds."""
    out.unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    written = file.with_name(file.name + ".xz") if command[0] == "xz" else out
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return written.stat().st_size, seconds


def main() -> None:
    """Runs the race and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bytes", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    file, out = options.work / "text", options.work / "text.out"
    texts = (path.read_bytes() for path in text_files(options.corpus))
    file.write_bytes(b"".join(texts)[: options.bytes])
    size = file.stat().st_size
    commands = contestants(file, out)
    sizes: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            sizes[name], spent = run(command, file, out)
            seconds[name].append(spent)
    print(f"{size:,} bytes\n{'':24}{'bits/byte':>10}{'CPU s':>8}{'ratio':>8}")
    for name, laps in seconds.items():
        ratios = [theirs / ours for theirs, ours in zip(laps, seconds[OURS], strict=True)]
        rate, median = 8 * sizes[name] / size, statistics.median(laps)
        print(f"{name:24}{rate:10.4f}{median:8.2f}{statistics.median(ratios):8.2f}")


if __name__ == "__main__":
    main()
