"""Confidence intervals, paired comparisons and correlations for a handful of values, one per seed.

Values that are NaN or infinite count as missing in every function here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95
"""Confidence level of every interval."""

FEWEST = 3
"""The fewest values whose interval supports a verdict."""

RESAMPLES = 9999
"""Bootstrap resamples of an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds with its confidence interval.

    Attributes:
        mean: The mean; NaN without values.
        low: The lower end; None with fewer than two values.
        high: The upper end; likewise.
        count: The number of values.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 is outside the interval; False with fewer than `FEWEST` values."""
        if self.low is None or self.high is None or self.count < FEWEST:
            return False
        return self.low > 0 or self.high < 0

    @property
    def is_positive(self) -> bool:
        """Whether the interval lies above 0, or the mean where there is no interval."""
        return (self.mean if self.low is None else self.low) > 0


def interval(values: ArrayLike, within: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """The mean of the values and its bootstrap confidence interval of level `LEVEL`.

    Uses the expanded percentile interval of Hesterberg (*What Teachers Should Know About the
    Bootstrap*, 2015, section 3.3). Plain percentiles of resampled means are too narrow for small
    samples, so the percentiles are moved outwards to match Student's t with n - 1 degrees of
    freedom, scaled by sqrt(n / (n - 1)). Resampled means never leave the range of the sample, which
    for very few values is still too narrow, so an end of Student's interval is used where it lies
    further out.

    Args:
        values: One value per seed, shape (seeds,).
        within: The range of possible values, such as -1 to 1 for a correlation; the interval is
            clipped to it.
    """
    sample = np.asarray(values, np.float64)
    sample = sample[np.isfinite(sample)]
    count = len(sample)
    if not count:
        return Interval(math.nan, None, None, 0)
    mean = math.fsum(sample) / count
    if count < 2:
        return Interval(mean, None, None, count)
    from scipy.stats import norm, t

    quantile = float(t.ppf((1 + LEVEL) / 2, count - 1))
    tail = float(norm.cdf(-math.sqrt(count / (count - 1)) * quantile))
    margin = quantile * float(sample.std(ddof=1)) / math.sqrt(count)
    random = np.random.default_rng(count)
    means = sample[random.integers(count, size=(RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(means, [tail, 1 - tail])
    ends = min(float(low), mean - margin), max(float(high), mean + margin)
    return Interval(mean, max(ends[0], within[0]), min(ends[1], within[1]), count)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation; NaN if x or y is constant.

    Args:
        x: Values, shape (n,).
        y: Values, shape (n,); pairs with a missing value are left out.
    """
    from scipy.stats import spearmanr

    pairs = np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    known = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(known) or (known == known[0]).all(axis=0).any():
        return math.nan
    return float(spearmanr(known).statistic)
