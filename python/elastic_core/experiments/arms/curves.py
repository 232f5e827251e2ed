"""Points on falling curves: where half of a gain is lost, and where a level is first reached."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]


def half_dose(doses: Sequence[float], gains: ArrayLike) -> Array:
    """Finds the dose at which half of the gain is lost.

    An isotonic (monotone decreasing) fit to each curve keeps noise from crossing the half early;
    between doses the fit is interpolated linearly. The half is that of the gain measured at dose 0.

    Args:
        doses: Numbers of rows, increasing from 0, shape (points,).
        gains: How far the metric is from the base, shape (curves, points); NaN where missing.

    Returns:
        The dose of each curve, shape (curves,); infinite if more than half is left at the last
        dose, NaN if there was no gain.
    """
    rows = [_half_dose(np.asarray(doses, np.float64), row) for row in np.atleast_2d(gains)]
    return np.array(rows, np.float64)


def _half_dose(doses: Array, gains: Array) -> float:
    from scipy.optimize import isotonic_regression

    is_known = np.isfinite(gains)
    if not is_known[0] or is_known.sum() < 2 or gains[0] <= 0:
        return math.nan
    falling = isotonic_regression(gains[is_known], increasing=False).x
    return _crossing(doses[is_known], falling, 0.5 * gains[0])


def first_crossing(doses: Sequence[float], values: ArrayLike, level: float) -> Array:
    """Finds the first dose at which a curve is at or below a level, interpolated linearly.

    Args:
        doses: Numbers of rows, increasing from 0, shape (points,).
        values: The metric, shape (curves, points); NaN where missing.
        level: The level.

    Returns:
        The dose of each curve, shape (curves,); infinite if it is not reached, NaN if the value at
        dose 0, or every other one, is missing.
    """
    n = np.asarray(doses, np.float64)
    rows = []
    for row in np.atleast_2d(np.asarray(values, np.float64)):
        is_known = np.isfinite(row)
        is_usable = is_known[0] and is_known.sum() > 1
        rows.append(_crossing(n[is_known], row[is_known], level) if is_usable else math.nan)
    return np.array(rows, np.float64)


def _crossing(doses: Array, values: Array, level: float) -> float:
    """The first crossing of a curve without missing values."""
    is_reached = values <= level
    if not is_reached.any():
        return math.inf
    after = int(np.argmax(is_reached))
    if after == 0:
        return float(doses[0])
    share = (values[after - 1] - level) / (values[after - 1] - values[after])
    return float(doses[after - 1] + share * (doses[after] - doses[after - 1]))
