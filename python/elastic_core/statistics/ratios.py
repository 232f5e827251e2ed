"""Ratios of two means over seeds, with Fieller's interval."""

import numpy as np
from numpy.typing import NDArray

from elastic_core.statistics.intervals import LEVEL, Interval


def ratios_of_means(above: NDArray[np.float64], below: NDArray[np.float64]) -> list[Interval]:
    """The ratio of two means over seeds for each column, with Fieller's interval.

    The interval contains exactly those ratios r for which the t interval of `above - r * below`
    contains 0 (Fieller, *Some Problems in Interval Estimation*, J. R. Stat. Soc. B 16, 1954). If
    the t interval of `below` contains 0, the ratio is unbounded and the interval has no ends.

    Args:
        above: One value per seed, shape (seeds, columns).
        below: The same, paired with `above`.

    Returns:
        A ratio for each column; its mean is not finite where that of `below` is 0.
    """
    seeds = len(above)
    over, under = above.mean(axis=0), below.mean(axis=0)
    square = _squared_quantile(seeds)
    a = under**2 - square * _covariance_of_means(below, below)
    b = over * under - square * _covariance_of_means(above, below)
    c = over**2 - square * _covariance_of_means(above, above)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = over / under
        root = np.sqrt(np.maximum(b**2 - a * c, 0))
        ends = np.where(a > 0, [(b - root) / a, (b + root) / a], np.nan)
    return [
        Interval(mean, low, high, seeds) if np.isfinite(low) else Interval(mean, None, None, seeds)
        for mean, low, high in zip(ratio.tolist(), *ends.tolist(), strict=True)
    ]


def _squared_quantile(seeds: int) -> float:
    """The square of Student's t quantile; NaN for a single seed."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, seeds - 1)) ** 2 if seeds > 1 else np.nan


def _covariance_of_means(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The covariance of two means over seeds; 0 for a single seed."""
    seeds = len(one)
    product = (one - one.mean(axis=0)) * (other - other.mean(axis=0))
    return np.asarray(product.sum(axis=0) / (max(seeds - 1, 1) * seeds))
