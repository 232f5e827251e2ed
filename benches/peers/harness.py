"""Runs contestants, row in its own process, and compares them with elastic-core.

The input is a folder of prepared files and the names of contestant scripts, the output one `Lap`
per step and run, and a table of medians and paired ratios. It imports nothing heavy, because the
peak memory of a child starts from that of its parent.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS = "elastic_core"


@dataclass(frozen=True)
class Lap:
    """One timed step of one run."""

    contestant: str
    step: str
    cpu: float
    """User and system seconds of the process with its threads and children."""
    wall: float
    peak: int
    """Peak memory in bytes, including interpreter and input."""
    grown: int
    """Peak memory minus the memory before the step."""
    scale: float
    """The share of the input that was processed; the times are scaled up to the whole."""
    check: dict[str, float]
    """Figures to compare between contestants; may be empty."""


class SkippedError(Exception):
    """A contestant cannot run here; the message says why."""


def text_files(corpus: Path) -> list[Path]:
    """The text files of a corpus, sorted."""
    return [corpus] if corpus.is_file() else sorted(corpus.rglob("*.txt"))


def run(scenario: str, contestant: str, work: Path, depth: int, threads: int) -> list[Lap]:
    """Runs one contestant and returns its laps."""
    script = HERE / f"{scenario}_{contestant}.py"
    environment = os.environ | {
        "POLARS_MAX_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    command = [sys.executable, str(script), str(work), str(depth), str(threads)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{script.name} failed with exit code {done.returncode}.")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "skipped" in answer:
        raise SkippedError(answer["skipped"])
    return [Lap(contestant, **lap) for lap in answer["laps"]]


def race(
    rivals: Sequence[str],
    rounds: int,
    enter: Callable[[str], list[Lap]],
) -> dict[str, list[tuple[list[Lap], list[Lap]]]]:
    """Runs row rival `rounds` times next to elastic-core, alternating which goes first."""
    pairs: dict[str, list[tuple[list[Lap], list[Lap]]]] = {}
    for rival in rivals:
        for turn in range(rounds):
            print(f"  {rival}, round {turn + 1} of {rounds} ...", file=sys.stderr)
            try:
                if turn % 2:
                    theirs, ours = enter(rival), enter(OURS)
                else:
                    ours, theirs = enter(OURS), enter(rival)
            except SkippedError as reason:
                print(f"  {rival} is left out: {reason}", file=sys.stderr)
                break
            compare(ours[0], theirs[0])
            pairs.setdefault(rival, []).append((ours, theirs))
    return pairs


def compare(ours: Lap, theirs: Lap) -> None:
    """Stops the race if two contestants disagree."""
    for key in ours.check.keys() & theirs.check.keys():
        a, b = ours.check[key], theirs.check[key]
        if abs(a - b) > 1e-9 * max(abs(a), abs(b)):
            raise SystemExit(f"{theirs.contestant} has {key} = {b}, elastic-core {a}.")


def table(
    pairs: dict[str, list[tuple[list[Lap], list[Lap]]]], units: int, unit: str, megabytes: float
) -> str:
    """A Markdown table: medians per step, and the ratio of CPU seconds within the pairs."""
    ours = [laps for rounds in pairs.values() for laps, _ in rounds]
    rows = _rows(ours, units, megabytes, [1.0])
    for rounds in pairs.values():
        ratios = [theirs[0].cpu / own[0].cpu for own, theirs in rounds]
        rows += _rows([theirs for _, theirs in rounds], units, megabytes, ratios)
    heads = [
        "contestant",
        "CPU s",
        "wall s",
        "MB/s",
        "peak MB",
        f"peak bytes/{unit}",
        f"grown bytes/{unit}",
        "CPU ratio to elastic-core",
    ]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rows(
    runs: list[list[Lap]], units: int, megabytes: float, ratios: list[float]
) -> list[list[str]]:
    rows = []
    for number, laps in enumerate(zip(*runs, strict=True)):
        lap = laps[0]
        whole = lap.scale == 1
        wall = statistics.median(row.wall for row in laps)
        peak = statistics.median(row.peak for row in laps)
        grown = statistics.median(row.grown for row in laps)
        part = "" if whole else f" ({lap.scale:.0%} of the input, time scaled)"
        rows.append(
            [
                f"{lap.contestant}: {lap.step}{part}",
                f"{statistics.median(row.cpu for row in laps):.2f}",
                f"{wall:.2f}",
                f"{megabytes / wall:.1f}",
                f"{peak / 1e6:.0f}" if whole else "",
                f"{peak / units:.1f}" if whole else "",
                f"{grown / units:.1f}" if whole else "",
                _spread(ratios) if number == 0 else "",
            ]
        )
    return rows


def _spread(ratios: list[float]) -> str:
    middle = f"{statistics.median(ratios):.2f}"
    return middle if len(ratios) == 1 else f"{middle} ({min(ratios):.2f} to {max(ratios):.2f})"
