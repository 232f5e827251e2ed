"""Curves of a metric over the volume of reverse data: how fast it falls, where it comes to rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SCALES = 200
_REACH = 10.0


@dataclass(frozen=True, slots=True)
class Fall:
    """What the curve of one seed comes to.

    Attributes:
        first: What is lost per 100 rows up to the first volume.
        total: What is lost at the last volume.
        plateau: Where the fitted exponential comes to rest.
        rows_to_plateau: Rows after which nine tenths of the way there are gone.
    """

    first: float
    total: float
    plateau: float
    rows_to_plateau: float


def fall(volumes: Sequence[float], values: Sequence[float]) -> Fall:
    """Describes a curve that falls.

    The exponential p + (s - p) exp(-n / r) is fitted by least squares, p and s for each of some
    scales r, of which the best is taken; they run from a tenth of the first volume to ten times
    the last.

    Args:
        volumes: Rows, rising from 0, shape (points,).
        values: The metric, shape (points,).
    """
    n, y = np.asarray(volumes, np.float64), np.asarray(values, np.float64)
    known = np.isfinite(y)
    n, y = n[known], y[known]
    if len(n) < 2 or n[0] != 0:
        return Fall(math.nan, math.nan, math.nan, math.nan)
    first, total = (y[0] - y[1]) / n[1] * 100, y[0] - y[-1]
    if len(n) < 4:  # Three numbers are fitted.
        return Fall(float(first), float(total), math.nan, math.nan)
    scale, plateau = _fit(n, y)
    return Fall(float(first), float(total), plateau, scale * math.log(10))


def _fit(n: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """The scale and the plateau of the exponential that is nearest."""
    best = (math.inf, math.nan, math.nan)
    for scale in np.geomspace(n[1] / _REACH, n[-1] * _REACH, _SCALES):
        design = np.column_stack([np.ones_like(n), np.exp(-n / scale)])
        found, *_ = np.linalg.lstsq(design, y, rcond=None)
        error = float(np.sum((design @ found - y) ** 2))
        if error < best[0]:
            best = (error, float(scale), float(found[0]))
    return best[1], best[2]
