"""Curves of a metric over the number of reverse rows: how they fall, and where half is lost.

A curve follows one aligned model as it is trained on more and more reverse data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elastic_core.experiments.analysis import Array, Grid
from elastic_core.experiments.cells import Label

_BASE_LABELS = frozenset({"size", "pretraining"})
"""The labels that tell base models apart where a study has several."""

_SCALES = 200
_REACH = 10.0


@dataclass(frozen=True, slots=True)
class Falls:
    """How the curves of several seeds fall; arrays of shape (seeds,), NaN where undetermined.

    Attributes:
        first: The drop up to the first volume, per 100 rows.
        total: The drop up to the last volume.
        plateau: The limit of the fitted exponential; NaN if the curve does not reach it, so that
            the best scale is the largest one tried, or if the metric cannot have that value.
        rows_to_plateau: Rows after which the exponential is nine tenths of the way to its limit;
            NaN without a plateau, and if it is reached before the first volume, so that the best
            scale is the smallest one tried.
    """

    first: Array
    total: Array
    plateau: Array
    rows_to_plateau: Array


def fit_falls(
    volumes: Sequence[float],
    values: ArrayLike,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Falls:
    """Describes falling curves, each seed's by itself.

    The exponential p + (s - p) exp(-n / r) is fitted by least squares: p and s for each of a range
    of scales r, from a tenth of the first volume to ten times the last, and the best r is kept.

    Args:
        volumes: Numbers of rows, increasing from 0, shape (points,).
        values: The metric, shape (seeds, points) or (points,); NaN where it is missing.
        within: The smallest and largest value that the metric can have.
    """
    n = np.asarray(volumes, np.float64)
    falls = [_fit_fall(n, row, within) for row in np.atleast_2d(values)]
    return Falls(*np.array(falls, np.float64).T)


def _fit_fall(n: Array, y: Array, within: tuple[float, float]) -> tuple[float, float, float, float]:
    is_known = np.isfinite(y)
    n, y = n[is_known], y[is_known]
    if len(n) < 2 or n[0] != 0:
        return math.nan, math.nan, math.nan, math.nan
    first, total = (y[0] - y[1]) / n[1] * 100, y[0] - y[-1]
    if len(n) < 4:  # Three parameters are fitted.
        return first, total, math.nan, math.nan
    best = (math.inf, math.nan, math.nan)
    scales = np.geomspace(n[1] / _REACH, n[-1] * _REACH, _SCALES)
    for scale in scales:
        design = np.column_stack([np.ones_like(n), np.exp(-n / scale)])
        weights, *_ = np.linalg.lstsq(design, y, rcond=None)
        error = float(np.sum((design @ weights - y) ** 2))
        if error < best[0]:
            best = (error, float(scale), float(weights[0]))
    _, scale, plateau = best
    if scale == scales[-1] or not within[0] <= plateau <= within[1]:
        return first, total, math.nan, math.nan
    return first, total, plateau, math.nan if scale == scales[0] else scale * math.log(10)


@dataclass(frozen=True, slots=True)
class HalfDose:
    """The reverse rows that halve the gain of an alignment; arrays of shape (seeds,).

    Attributes:
        rows: The number of rows; NaN if the alignment gained nothing.
        is_censored: Whether more than half is left at the last volume, which `rows` then holds.
    """

    rows: Array
    is_censored: NDArray[np.bool_]


def half_dose(volumes: Sequence[float], gains: ArrayLike) -> HalfDose:
    """Finds the number of reverse rows at which half of the gain is lost.

    An isotonic (monotone decreasing) fit to each seed's gains keeps noise from crossing the half
    early; between volumes the fit is interpolated linearly. The half is that of the gain measured
    at volume 0.

    Args:
        volumes: Numbers of rows, increasing from 0, shape (points,).
        gains: How far the metric is from the base, shape (seeds, points); NaN where missing.
    """
    doses = [_half_dose(np.asarray(volumes, np.float64), row) for row in np.atleast_2d(gains)]
    rows, is_censored = zip(*doses, strict=True)
    return HalfDose(np.array(rows, np.float64), np.array(is_censored, np.bool_))


def _half_dose(volumes: Array, gains: Array) -> tuple[float, bool]:
    from scipy.optimize import isotonic_regression

    is_known = np.isfinite(gains)
    if not is_known[0] or is_known.sum() < 2 or gains[0] <= 0:
        return math.nan, False
    n, half = volumes[is_known], 0.5 * gains[0]
    falling = isotonic_regression(gains[is_known], increasing=False).x
    if falling[-1] > half:
        return float(n[-1]), True
    after = int(np.argmax(falling <= half))
    if after == 0:
        return 0.0, False
    share = (falling[after - 1] - half) / (falling[after - 1] - falling[after])
    return float(n[after - 1] + share * (n[after] - n[after - 1])), False


@dataclass(frozen=True, slots=True)
class Curve:
    """One aligned model and what reverse training makes of it.

    Attributes:
        name: Name in tables and legends.
        labels: Labels of its cells, without the stage and the reverse volume.
        volumes: Numbers of reverse rows, increasing, above 0.
        sign: 1 if the alignment is meant to raise the score, -1 if to lower it.
        start: Labels of the aligned cell; None: `labels`.
    """

    name: str
    labels: dict[str, Label]
    volumes: tuple[int, ...]
    sign: float = 1.0
    start: dict[str, Label] | None = None

    @property
    def base_labels(self) -> dict[str, Label]:
        """The labels of its base model."""
        return {key: value for key, value in self.labels.items() if key in _BASE_LABELS}

    def direction(self, metric: str) -> float:
        """The sign of the change that alignment is meant to cause; 1 for all but the score."""
        return self.sign if metric == "score" else 1.0

    def values(self, grid: Grid, metric: str) -> Array:
        """A metric before and after each reverse volume, shape (seeds, 1 + volumes)."""
        columns = [grid.values(metric, stage="align", **(self.start or self.labels))]
        columns += [
            grid.values(metric, stage="reverse", reverse=volume, **self.labels)
            for volume in self.volumes
        ]
        return np.column_stack(columns)

    def changes(self, grid: Grid, metric: str) -> Array:
        """The metric minus that of the base model, same shape as `values`."""
        base = grid.values(metric, stage="base", **self.base_labels)
        changes: Array = self.values(grid, metric) - base[:, None]
        return changes

    def gains(self, grid: Grid, metric: str) -> Array:
        """The changes in the direction of the alignment, same shape as `values`."""
        return self.direction(metric) * self.changes(grid, metric)

    def falls(self, grid: Grid, metric: str) -> Falls:
        """How the metric falls back; a score that was lowered counts with the opposite sign."""
        direction = self.direction(metric)
        low, high = sorted(direction * bound for bound in grid.bounds(metric))
        return fit_falls([0, *self.volumes], direction * self.values(grid, metric), (low, high))
