"""Fuzzing of every format that is read: each mutated input is right or refused in one sentence.

    python tests/fuzz [--seed N] [--count N] [TARGET...]

Mutates good inputs, the same for the same seed, and reads them in a watched process. Any outcome
but `right`, `refused` and `accepted` is printed with the command that repeats it; the exit code is
then 1.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from supervisor import Case, run_cases
from targets import TARGETS, run_worker

_STRIDE = 1_000_000


def main() -> int:
    """Runs the command line.

    Returns:
        The exit code: 1 if any outcome is not fine.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=float, default=1.0, help="times the usual number of cases")
    parser.add_argument("--case", type=int, help="repeat one case of a target")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        run_worker(options.worker)
        return 0
    names = options.targets or list(TARGETS)
    cases = [
        Case(name, options.seed * _STRIDE + number)
        for name in names
        for number in range(max(1, round(TARGETS[name].cases * options.count)))
    ]
    if options.case is not None:
        cases = [Case(name, options.case) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        bad = run_cases(cases, Path(folder))
    for case, outcome in bad:
        print(json.dumps([outcome.kind, outcome.note[:600]], ensure_ascii=False))
        print(f"    python tests/fuzz {case.target} --case {case.seed}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
