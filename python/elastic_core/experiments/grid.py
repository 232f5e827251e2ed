"""The rows of a study by their labels, one number per seed."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.cells import Label, Metrics
from elastic_core.statistics.intervals import Interval, interval


class Grid:
    """Rows by labels.

    Args:
        rows: The rows, labels among the metrics.
        seeds: The seeds, in the order of what is returned.
    """

    def __init__(self, rows: Sequence[Metrics], seeds: Sequence[int]) -> None:
        self.seeds = tuple(seeds)
        self._rows = [row for row in rows if row["seed"] in self.seeds]

    def find(self, seed: int, **labels: Label) -> Metrics | None:
        """The row of a seed with these labels; None where it is not there, or diverged."""
        for row in self._rows:
            if row["seed"] == seed and all(row.get(key) == to for key, to in labels.items()):
                return None if row.get("diverged") else row
        return None

    def values(self, metric: str, **labels: Label) -> NDArray[np.float64]:
        """A metric of the rows with these labels, shape (seeds,), NaN where there is none."""
        rows = [self.find(seed, **labels) for seed in self.seeds]
        found = [
            math.nan if row is None or row.get(metric) is None else row[metric] for row in rows
        ]
        return np.array(found, np.float64)

    def interval(self, metric: str, **labels: Label) -> Interval:
        """Its mean over seeds, with the interval."""
        return interval(self.values(metric, **labels))

    def has(self, metric: str) -> bool:
        """Whether any row has a metric."""
        return any(row.get(metric) is not None for row in self._rows)

    def first(self, metric: str) -> float | None:
        """A metric that is the same in all rows that have it; None if no row does."""
        return next((row[metric] for row in self._rows if row.get(metric) is not None), None)

    def diverged(self) -> list[str]:
        """The cells that diverged, or were to go on from one that did."""
        return [row["name"] for row in self._rows if row.get("diverged")]


def notes_on(grid: Grid) -> tuple[str, ...]:
    """What a reader should know of cells that are missing and of how many seeds there are."""
    notes = []
    accuracy, low, high = (grid.first(f"scorer_{each}") for each in ("accuracy", "low", "high"))
    if accuracy is not None:
        notes.append(
            f"The linear scorer is right about {accuracy:.1%} ({low:.1%} to {high:.1%}) of "
            "labelled texts that it was not trained on. What models draw is shorter than these."
        )
    if diverged := grid.diverged():
        notes.append(
            f"{len(diverged)} cells are left out because their training diverged, or that of a "
            f"model that they go on from: {'; '.join(diverged)}."
        )
    if len(grid.seeds) < 2:
        notes.append("There is a single seed, so there are no intervals and nothing is decided.")
    elif len(grid.seeds) < 6:
        least = 2.0 ** (1 - len(grid.seeds))
        notes.append(
            f"With {len(grid.seeds)} seeds a sign-flip test cannot give a p-value below "
            f"{least:.3g}; decisions here are made by intervals."
        )
    return tuple(notes)
