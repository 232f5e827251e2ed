"""What is left of an alignment at each dose of an arm, less what the arm does to the base."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.arms.curves import first_crossing, half_dose
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.cells import Label
from elastic_core.experiments.studies.study import SIGN
from elastic_core.statistics.effects import over_seeds, seed_means

Array: TypeAlias = NDArray[np.float64]
Volumes: TypeAlias = NDArray[np.int64]

_SIGNED = ("margin", "log_odds", "score")
"""The metrics that alignment with the negative side is meant to lower."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """The models of a lineage that are trained further, one for each seed and draw.

    Attributes:
        name: Name in tables and legends.
        lineage: The lineage.
        volumes: Rows aligned with, integers of shape (seeds, draws).
    """

    name: str
    lineage: Lineage = field(hash=False)
    volumes: Volumes = field(hash=False)


class Outcome:
    """A metric of the cells of a study with arms, with the placebo subtracted.

    With S the metric, D(a, arm, n) = S(align a, then n rows of the arm) - S(base, then the same n
    rows). D(a, arm, 0) is the change by the alignment, S(align a) - S(base). A metric that the
    alignment is meant to lower counts with the opposite sign.

    Args:
        grid: The rows.
        metric: The metric.
        doses: The doses, increasing.
    """

    def __init__(self, grid: Grid, metric: str, doses: Sequence[int]) -> None:
        self._grid = grid
        self._metric = metric
        self.doses = tuple(doses)

    def aligned(self, alignment: Alignment) -> Array:
        """The change by the alignment, shape (seeds, draws)."""
        base = self._grid.values(self._metric, stage="base", **alignment.lineage.base_labels)
        return self.sign(alignment) * (self.start(alignment) - base[:, None])

    def start(self, alignment: Alignment) -> Array:
        """The metric after the alignment, shape (seeds, draws)."""
        labels = alignment.lineage.labels_of_aligned
        return self._values(alignment.volumes, labels, stage="align")

    def after(self, alignment: Alignment, arm: str) -> Array:
        """The metric after each dose, shape (doses, seeds, draws)."""
        return self._after(alignment, alignment.volumes, alignment.lineage.labels, arm)

    def placebo(self, alignment: Alignment, arm: str) -> Array:
        """The metric of the base after each dose, same shape as `after`."""
        volumes = np.zeros_like(alignment.volumes)
        return self._after(alignment, volumes, alignment.lineage.placebo_labels, arm)

    def difference(self, alignment: Alignment, arm: str) -> Array:
        """D at dose 0 and at each dose, shape (1 + doses, seeds, draws)."""
        after = self.after(alignment, arm) - self.placebo(alignment, arm)
        return np.concatenate([self.aligned(alignment)[None], after])

    def left(self, alignment: Alignment, arm: str) -> Array:
        """D as a share of D at dose 0, same shape as `difference`.

        The ratio r of the means over seeds and draws, and for each of them its linearization
        r + (D - r D(0)) / mean D(0), whose mean is r and whose variance is that of a ratio of means
        (Cochran, *Sampling Techniques*, ch. 6). A seed whose alignment did little is no outlier, as
        it would be by its own ratio. NaN where the mean gain is not above 0.
        """
        difference = self.difference(alignment, arm)
        gain = _mean(difference[0])
        if not gain > 0:
            return np.full_like(difference, np.nan)
        ratios = np.array([_mean(dose) for dose in difference])[:, None, None] / gain
        share: Array = ratios + (difference - ratios * difference[0]) / gain
        return share

    def lost(self, alignment: Alignment, arm: str) -> Array:
        """The share of D lost at each dose, shape (doses, seeds, draws)."""
        lost: Array = 1 - self.left(alignment, arm)[1:]
        return lost

    def area(self, alignment: Alignment, arm: str) -> Array:
        """The share of D left, averaged over the doses, shape (seeds, draws)."""
        area: Array = self.left(alignment, arm)[1:].mean(axis=0)
        return area

    def half_doses(self, alignment: Alignment, arm: str) -> "Doses":
        """The dose at which half of each seed's D is left."""
        return _of_each_and_all(half_dose, self.doses, self._curves(alignment, arm))

    def doses_to_nothing(self, alignment: Alignment, arm: str) -> "Doses":
        """The dose at which each seed's D has fallen to 0."""
        return self._crossing(self._curves(alignment, arm), 0.0)

    def doses_to_value(self, alignment: Alignment, arm: str, level: float) -> "Doses":
        """The dose at which each seed's metric itself, without placebo, has fallen to a level."""
        values = np.concatenate([self.start(alignment)[None], self.after(alignment, arm)])
        return self._crossing(np.array([seed_means(dose) for dose in values]).T, level)

    def has_moved(self, alignment: Alignment) -> bool:
        """Whether the alignment raised the metric; at 95% where there are two seeds or more."""
        return over_seeds(self.aligned(alignment)).is_positive

    def _curves(self, alignment: Alignment, arm: str) -> Array:
        """D of each seed, the mean over its draws, shape (seeds, 1 + doses)."""
        return np.array([seed_means(dose) for dose in self.difference(alignment, arm)]).T

    def _crossing(self, curves: Array, level: float) -> "Doses":
        return _of_each_and_all(partial(first_crossing, level=level), self.doses, curves)

    def _after(
        self, alignment: Alignment, volumes: Volumes, labels: Mapping[str, Label], arm: str
    ) -> Array:
        values = [
            self._values(volumes, labels, stage="arm", arm=arm, dose=dose) for dose in self.doses
        ]
        return self.sign(alignment) * np.array(values)

    def _values(self, volumes: Volumes, labels: Mapping[str, Label], **more: Label) -> Array:
        """The metric of cells with these labels, shape (seeds, draws)."""
        return np.array(
            [
                [
                    self._grid.value(
                        self._metric, seed, **labels, **more, align=int(volume), draw=draw
                    )
                    for draw, volume in enumerate(row)
                ]
                for seed, row in zip(self._grid.seeds, volumes, strict=True)
            ]
        )

    def sign(self, alignment: Alignment) -> float:
        """-1 for a metric that the alignment is meant to lower, otherwise 1."""
        return SIGN[alignment.lineage.first] if self._metric in _SIGNED else 1.0


@dataclass(frozen=True, slots=True)
class Doses:
    """The doses after which something has been reached.

    Attributes:
        rows: The dose of each seed, shape (seeds,); infinite where it is not reached, NaN where the
            alignment did nothing or a value is missing.
        pooled: The same for the mean curve of all seeds.
    """

    rows: Array
    pooled: float

    @property
    def text(self) -> str:
        """The pooled dose for a table."""
        if math.isnan(self.pooled):
            return "-"
        return f"{self.pooled:,.0f}" if math.isfinite(self.pooled) else "not reached"

    @property
    def not_reached(self) -> int:
        """In how many seeds it is not reached."""
        return int(np.isinf(self.rows).sum())

    def logs(self, not_reached: float = math.nan) -> Array:
        """log2 of the dose of each seed, shape (seeds,), with doses below 1 row as 1.

        Args:
            not_reached: Stands for doses that are not reached.
        """
        rows = np.where(np.isinf(self.rows), not_reached, self.rows)
        logs: Array = np.log2(np.maximum(rows, 1.0))
        return logs


def _of_each_and_all(
    find: Callable[[Sequence[float], Array], Array], doses: Sequence[int], curves: Array
) -> Doses:
    """A dose for each curve, and for the mean of all, of shape (seeds, 1 + doses)."""
    volumes = [0, *doses]
    mean = np.array([[_mean(column) for column in curves.T]])
    return Doses(find(volumes, curves), float(find(volumes, mean)[0]))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
