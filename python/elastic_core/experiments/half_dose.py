"""How much reverse data an alignment withstands: where half of what it gained is lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Withstood:
    """What the curves of several seeds come to.

    Attributes:
        rows: Reverse rows at which half of the gain is lost, shape (seeds,); NaN where there is
            none, for the alignment gained nothing.
        is_censored: Whether it is not lost at the last volume, which then stands in `rows`.
    """

    rows: NDArray[np.float64]
    is_censored: NDArray[np.bool_]


def withstood(volumes: Sequence[float], gains: ArrayLike) -> Withstood:
    """Finds where half of each seed's gain is lost.

    The gains are first made to fall or stay, by the least change of their squares (isotonic
    regression), so that noise does not cross the half early; between volumes they are then
    interpolated linearly in the rows. Half is that of the gain as it was measured, at volume 0.

    Args:
        volumes: Rows, rising from 0, shape (points,).
        gains: How far the metric is from the base, shape (seeds, points).
    """
    found = [_half(np.asarray(volumes, np.float64), row) for row in np.atleast_2d(gains)]
    rows, censored = zip(*found, strict=True)
    return Withstood(np.array(rows, np.float64), np.array(censored, np.bool_))


def _half(volumes: NDArray[np.float64], gains: NDArray[np.float64]) -> tuple[float, bool]:
    from scipy.optimize import isotonic_regression

    known = np.isfinite(gains)
    if not known[0] or known.sum() < 2 or gains[0] <= 0:
        return np.nan, False
    n, level = volumes[known], _SHARE * gains[0]
    falling = isotonic_regression(gains[known], increasing=False).x
    if falling[-1] > level:
        return float(n[-1]), True
    after = int(np.argmax(falling <= level))
    if after == 0:
        return 0.0, False
    share = (falling[after - 1] - level) / (falling[after - 1] - falling[after])
    return float(n[after - 1] + share * (n[after] - n[after - 1])), False
