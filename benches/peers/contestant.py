"""Runs inside a contestant's process: times its steps and reports one line of JSON.

The command line is `SCRIPT WORK DEPTH THREADS`; `harness.run` reads the line. Interpreter start,
imports and loading are not timed.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

VOCABULARY = 8192
EOS = VOCABULARY
PAD = VOCABULARY + 1

Step = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Entry:
    """The options of a contestant: the folder of its input, tree depth, threads."""

    work: Path
    depth: int
    threads: int


def entry() -> Entry:
    """Parses the command line."""
    return Entry(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))


def skip(reason: str) -> NoReturn:
    """Exits without a row in the table."""
    print(json.dumps({"skipped": reason}))
    sys.exit()


def contest(
    loaded: object,
    steps: Sequence[Step],
    check: Callable[[Any], dict[str, float]] = lambda _: {},
    part: float = 1.0,
) -> None:
    """Runs the steps, each on the result of the previous one, and reports them.

    Args:
        loaded: The input of the first step.
        steps: Names and functions.
        check: Extracts figures to compare from the result of the first step, untimed.
        part: The share of the input that the contestant processed; its times are divided by it.

    """
    laps: list[dict[str, object]] = []
    result: Any = loaded
    for name, step in steps:
        before = _memory_now()
        _forget_peak()
        cpu, wall = _cpu(), time.perf_counter()
        result = step(result)
        cpu, wall = _cpu() - cpu, time.perf_counter() - wall
        peak = _peak()
        laps.append(
            {
                "step": name,
                "cpu": cpu / part,
                "wall": wall / part,
                "peak": peak,
                "grown": max(peak - before, 0),
                "scale": part,
                "check": {} if laps else check(result),
            }
        )
    print(json.dumps({"laps": laps}))


def _cpu() -> float:
    """CPU seconds of all threads of this process and of its finished children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _peak() -> int:
    """Peak memory in bytes of this process, or of its largest child if that is more."""
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    own = _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(own, children)


def _memory_now() -> int:
    return _status("VmRSS") or _peak()


def _forget_peak() -> None:
    """Resets the peak memory (Linux only)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0
