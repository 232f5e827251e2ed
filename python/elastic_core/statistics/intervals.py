"""Intervals and tests over seeds: what is said of few numbers, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""How often an interval is meant to hold what it is of."""

RESAMPLES = 9999
"""Resamples behind an interval, and random sign flips behind a test where not all are tried."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and the interval that holds it.

    Attributes:
        mean: The mean.
        low: The lower end; None of a single seed.
        high: The upper end.
        count: How many seeds there are.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval is wholly on one side of 0; never that of a single seed."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two cells compared seed by seed.

    Attributes:
        difference: Of the one less the other, with its interval.
        p: Two-sided p-value of the sign-flip test that the differences are as often above 0 as
            below; None of a single seed.
    """

    difference: Interval
    p: float | None

    @property
    def p_in_words(self) -> str:
        """The p-value as the end of a sentence has it; empty where there is none."""
        return "" if self.p is None else f"; sign-flip test p = {self.p:.3f}"


def interval(values: ArrayLike, within: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """The mean of one number per seed and its bootstrap interval of level `LEVEL`.

    The ends are percentiles of the means of `RESAMPLES` resamples. Plain percentiles would be too
    close together for few seeds, for a resample varies less than a sample; they are moved out as
    Hesterberg (*What Teachers Should Know About the Bootstrap*, 2015, section 3.3, the expanded
    percentile interval) says: to the level that Student's t with n - 1 degrees and the factor
    sqrt(n / (n - 1)) ask for. No resample goes beyond the lowest and the highest number, though,
    and two of them enclose the truth in one case of two only; so where an end of Student's
    interval is further out, as it is for few seeds, it is taken.

    Args:
        values: One number per seed, shape (seeds,); those that are no numbers are left out.
        within: The least and the largest number that there can be, such as -1 and 1 for a
            correlation; no end is beyond.
    """
    given = np.asarray(values, np.float64)
    found = given[np.isfinite(given)]
    if not len(found):
        return Interval(math.nan, None, None, 0)
    mean = math.fsum(found) / len(found)
    if len(found) < 2:
        return Interval(mean, None, None, len(found))
    from scipy.stats import norm, t

    count = len(found)
    quantile = float(t.ppf((1 + LEVEL) / 2, count - 1))
    tail = float(norm.cdf(-math.sqrt(count / (count - 1)) * quantile))
    reach = quantile * float(found.std(ddof=1)) / math.sqrt(count)
    random = np.random.default_rng(count)
    means = found[random.integers(count, size=(RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(means, [tail, 1 - tail])
    ends = min(float(low), mean - reach), max(float(high), mean + reach)
    return Interval(mean, max(ends[0], within[0]), min(ends[1], within[1]), count)


def compare(one: ArrayLike, other: ArrayLike) -> Comparison:
    """Compares two cells by their differences seed by seed.

    Args:
        one: One number per seed, shape (seeds,).
        other: The numbers of the same seeds; where either is no number the seed is left out.
    """
    differences = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    found = differences[np.isfinite(differences)]
    return Comparison(interval(found), _sign_flip(found))


def _sign_flip(differences: NDArray[np.float64]) -> float | None:
    """The share of sign flips whose mean is as far from 0; all are tried where they are few."""
    if len(differences) < 2:
        return None
    from scipy.stats import permutation_test

    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        axis=0,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of the least-squares line; NaN with fewer than two points."""
    known = np.isfinite(np.asarray(y, np.float64))
    at, to = np.asarray(x, np.float64)[known], np.asarray(y, np.float64)[known]
    if len(set(at.tolist())) < 2:
        return math.nan
    return float(np.polyfit(at, to, 1)[0])


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where either has no two different numbers.

    Args:
        x: Numbers, shape (n,); pairs with one that is none are left out.
        y: The same.
    """
    from scipy.stats import spearmanr

    pairs = np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    known = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(known) or (known == known[0]).all(axis=0).any():
        return math.nan
    return float(spearmanr(known).statistic)
