"""Races elastic-core against other programs on one input: see benches/README.md.

python benches/peers/race.py window --corpus FOLDER --work FOLDER
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from harness import HERE, OURS, Lap, race, run, table, text_files

RIVALS = {
    "window": ["infini_gram", "polars", "duckdb", "numpy", "counter", "kenlm"],
    "chunk": ["wc", "polars", "numpy", "counter"],
}


def main() -> None:
    """Prepares the input, runs the rounds, prints the table."""
    args = arguments()
    corpus, work = args.corpus.resolve(), args.work.resolve()
    if not text_files(corpus):
        sys.exit(f"{corpus}: no .txt file there.")
    work.mkdir(parents=True, exist_ok=True)
    print("preparing the input ...", file=sys.stderr)
    if args.scenario == "window":
        prepare = [sys.executable, str(HERE / "prepare.py"), str(corpus), str(work)]
        subprocess.run([*prepare, str(args.depth)], check=True)
        facts = json.loads((work / "facts.json").read_text())
        megabytes, units, unit = facts["bytes"] / 1e6, facts["symbols"], "symbol"
    else:
        files = text_files(corpus)
        (work / "files.json").write_text(json.dumps([str(file) for file in files]))
        units, unit = sum(file.stat().st_size for file in files), "byte"
        megabytes = units / 1e6

    def enter(contestant: str) -> list[Lap]:
        return run(args.scenario, contestant, work, args.depth, args.threads)

    enter(OURS)  # Warms the page cache.
    pairs = race(args.only, args.rounds, enter)
    if not pairs:
        sys.exit("no rival could run.")
    print(
        f"{args.scenario}, depth {args.depth}, {args.threads} threads, {args.rounds} rounds: "
        f"{megabytes:.1f} MB, {units:,} {unit}s\n"
    )
    print(table(pairs, units, unit, megabytes))


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", choices=list(RIVALS))
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--work", type=Path, required=True, help="folder for prepared input")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="pairs to run with each rival")
    parser.add_argument("--only", help="rivals to run, separated by commas")
    args = parser.parse_args()
    rivals = RIVALS[args.scenario]
    args.only = args.only.split(",") if args.only else rivals
    if unknown := set(args.only) - set(rivals):
        parser.error(f"no rival is called {', '.join(unknown)}; choose from {', '.join(rivals)}")
    return args


if __name__ == "__main__":
    main()
