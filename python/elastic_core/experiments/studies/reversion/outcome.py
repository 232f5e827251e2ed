"""What is left of an alignment at each dose of an arm, less what the arm does to the base."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.cells import Label
from elastic_core.experiments.curves import half_dose
from elastic_core.experiments.studies.reversion.cells import ReversionConfig
from elastic_core.statistics.effects import seed_means, student_interval
from elastic_core.statistics.intervals import Interval

Array = NDArray[np.float64]


class Outcome:
    """A metric of all cells of reversion, with the placebo subtracted.

    With S the metric, D(a, arm, n) = S(align a, then n texts of the arm) - S(base, then the same n
    texts). D(a, arm, 0) is the change by the alignment, S(align a).

    Args:
        config: The configuration.
        grid: The rows.
        metric: The metric of an instrument, which is 0 for the base.
    """

    def __init__(self, config: ReversionConfig, grid: Grid, metric: str) -> None:
        self._config = config
        self._grid = grid
        self._metric = metric

    def aligned(self, volume: int) -> Array:
        """The change by the alignment, shape (seeds, draws)."""
        return self._values(stage="align", align=volume)

    def after(self, volume: int, arm: str) -> Array:
        """The metric after each dose, shape (doses, seeds, draws); volume 0 is the placebo."""
        return np.array(
            [
                self._values(stage="arm", align=volume, arm=arm, dose=dose)
                for dose in self._config.doses
            ]
        )

    def difference(self, volume: int, arm: str) -> Array:
        """D at dose 0 and at each dose, shape (1 + doses, seeds, draws)."""
        difference: Array = self.after(volume, arm) - self.after(0, arm)
        return np.concatenate([self.aligned(volume)[None], difference])

    def left(self, volume: int, arm: str) -> Array:
        """D as a share of D at dose 0, same shape as `difference`.

        The ratio r of the means over seeds and draws, and for each of them its linearization
        r + (D - r D(0)) / mean D(0), whose mean is r and whose variance is that of a ratio of means
        (Cochran, *Sampling Techniques*, ch. 6). A seed whose alignment did little is no outlier, as
        it would be by its own ratio. NaN where the mean gain is not above 0.
        """
        difference = self.difference(volume, arm)
        gain = _mean(difference[0])
        if not gain > 0:
            return np.full_like(difference, np.nan)
        ratios = np.array([_mean(dose) for dose in difference])[:, None, None] / gain
        share: Array = ratios + (difference - ratios * difference[0]) / gain
        return share

    def lost(self, volume: int, arm: str) -> Array:
        """The share of D lost at each dose, shape (doses, seeds, draws)."""
        lost: Array = 1 - self.left(volume, arm)[1:]
        return lost

    def area(self, volume: int, arm: str) -> Array:
        """The share of D left, averaged over the doses, shape (seeds, draws)."""
        area: Array = self.left(volume, arm)[1:].mean(axis=0)
        return area

    def half_doses(self, volume: int, arm: str) -> "HalfDoses":
        """The dose at which half of each seed's D is left."""
        curves = np.array([seed_means(dose) for dose in self.difference(volume, arm)]).T
        doses = [0, *self._config.doses]
        each = half_dose(doses, curves)
        rows = np.where(each.is_censored, np.nan, each.rows)
        pooled = half_dose(doses, [_mean(column) for column in curves.T])
        return HalfDoses(rows, float(pooled.rows[0]), bool(pooled.is_censored[0]))

    def has_moved(self, volume: int) -> bool:
        """Whether the alignment raised the metric; at 95% where there are two seeds or more."""
        gain = over_seeds(self.aligned(volume))
        return (gain.mean if gain.low is None else gain.low) > 0

    def _values(self, **labels: Label) -> Array:
        """The metric of cells with these labels, shape (seeds, draws)."""
        draws = range(self._config.draws)
        return np.column_stack(
            [self._grid.values(self._metric, **labels, draw=draw) for draw in draws]
        )


@dataclass(frozen=True, slots=True)
class HalfDoses:
    """The texts of an arm after which half of an alignment is left.

    Attributes:
        rows: The dose of each seed, shape (seeds,); NaN where half is left after the last dose, or
            where the alignment did nothing.
        pooled: The dose for the mean of all seeds; the last dose if `is_censored`, NaN if the
            alignment did nothing.
        is_censored: Whether more than half of the mean is left after the last dose.
    """

    rows: Array
    pooled: float
    is_censored: bool


def over_seeds(values: Array) -> Interval:
    """The mean over seeds, of draws' means, with Student's interval.

    Args:
        values: Shape (seeds, draws).
    """
    means = seed_means(values)
    return student_interval(means[np.isfinite(means)])


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
