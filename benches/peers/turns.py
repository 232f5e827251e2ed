"""Alternating runs of two trainings: their CPU seconds, and the ratio within each pair."""

import statistics
import sys
import time
from collections.abc import Callable

Contestant = Callable[[], tuple[float, int]]
"""Trains; returns the last loss and the tokens."""


def race(ours: Contestant, theirs: Contestant, rounds: int, names: tuple[str, str]) -> None:
    """Runs both, alternating, and prints median CPU seconds, and the ratios within each pair.

    Args:
        ours: The training of elastic-core.
        theirs: The other training.
        rounds: How often each runs; they alternate in going first.
        names: The names to print.
    """
    seconds: list[tuple[float, float]] = []
    tokens = 0
    for turn in range(rounds):
        laps: dict[Contestant, tuple[float, float]] = {}
        for contestant in (ours, theirs) if turn % 2 else (theirs, ours):
            start = time.process_time()
            loss, tokens = contestant()
            laps[contestant] = time.process_time() - start, loss
        seconds.append((laps[ours][0], laps[theirs][0]))
        print(f"  last loss {laps[ours][1]:.3f} and {laps[theirs][1]:.3f}", file=sys.stderr)
    for name, column in zip(names, (0, 1), strict=True):
        cpu = statistics.median(pair[column] for pair in seconds)
        print(f"{name:22} {cpu:8.2f} CPU s {tokens / cpu:10,.0f} tokens/CPU s")
    speeds = sorted(theirs / ours for ours, theirs in seconds)
    print(
        f"speed of the {names[1]}'s {statistics.median(speeds):.1%} "
        f"({speeds[0]:.1%} to {speeds[-1]:.1%})"
    )
