"""Tests of the mean of a few values, one per seed: Student's t, equivalence, power, Holm.

Values that are NaN or infinite count as missing. A run that repeats each seed with several draws
has values of shape (seeds, draws); `seed_means` averages them, because draws of one seed are not
independent.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.statistics.intervals import FEWEST, LEVEL, Interval

ALPHA = 1 - LEVEL
"""The level of every test: two-sided for a difference, and for each of two one-sided tests."""

POWER = 0.8
"""The probability with which `detectable_effect` would be found significant."""

_CONSTANT = 1e-12
_SAME_DRAWS = 1e-4


def seed_means(values: ArrayLike) -> NDArray[np.float64]:
    """The mean over the draws of each seed, shape (seeds,); NaN where all of them are missing.

    Args:
        values: Shape (seeds,) or (seeds, draws).

    Raises:
        InvalidArgumentError: The values have another shape, or there are none.
    """
    draws = _draws(values)
    known = np.isfinite(draws)
    counts = known.sum(axis=1)
    sums = np.where(known, draws, 0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def is_constant(sample: NDArray[np.float64]) -> bool:
    """Whether all values are the same up to rounding, so that their variance is unknown.

    Args:
        sample: At least one finite value, shape (n,).
    """
    return bool(np.ptp(sample) <= _CONSTANT * np.abs(sample).max())


def student_interval(sample: NDArray[np.float64]) -> Interval:
    """The mean and Student's t interval of level `LEVEL`.

    Args:
        sample: Finite values, shape (n,).
    """
    count = len(sample)
    if not count:
        return Interval(math.nan, None, None, 0)
    mean = math.fsum(sample) / count
    if count < 2:
        return Interval(mean, None, None, count)
    return _with_margin(mean, _standard_error(sample), count)


def over_seeds(values: ArrayLike, within: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """The mean over seeds, of draws' means, with Student's interval.

    Args:
        values: Shape (seeds,) or (seeds, draws).
        within: The range of possible values, to which the interval is clipped.
    """
    means = seed_means(values)
    estimate = student_interval(means[np.isfinite(means)])
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, within[0]), high=min(estimate.high, within[1]))


def student_p(sample: NDArray[np.float64]) -> float:
    """The two-sided p-value of Student's one-sample t-test of a mean of 0.

    Args:
        sample: At least two finite values that are not all the same, shape (n,).
    """
    return min(1.0, 2 * _tail(-abs(_mean(sample)) / _standard_error(sample), len(sample)))


def equivalence_p(sample: NDArray[np.float64], margin: float) -> float:
    """The p-value of two one-sided t-tests of a mean at or beyond `margin` on either side of 0.

    It is at most `ALPHA` exactly if the interval of level 1 - 2 `ALPHA` lies within the margin
    (Schuirmann, *A Comparison of the Two One-Sided Tests Procedure and the Power Approach*, J.
    Pharmacokinet. Biopharm. 15, 1987).

    Args:
        sample: At least two finite values that are not all the same, shape (n,).
        margin: The smallest difference that matters, in the unit of the values.
    """
    return _tail((abs(_mean(sample)) - margin) / _standard_error(sample), len(sample))


def beyond_p(sample: NDArray[np.float64], margin: float) -> float:
    """The p-value of the hypothesis that the mean lies within `margin` of 0.

    It is at most `ALPHA` exactly if Student's interval lies entirely beyond the margin on one side.
    Arguments are those of `equivalence_p`.
    """
    statistic = (margin - abs(_mean(sample))) / _standard_error(sample)
    return min(1.0, 2 * _tail(statistic, len(sample)))


def detectable_effect(sample: NDArray[np.float64]) -> float:
    """The mean that as many values with the same deviation would show with probability `POWER`.

    To show it means that the two-sided t-test of level `ALPHA` is significant; the power is that of
    the noncentral t distribution (Cohen, *Statistical Power Analysis*, 1988, chapter 2).

    Args:
        sample: At least two finite values, shape (n,).
    """
    return _detectable_noncentrality(len(sample)) * _standard_error(sample)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p-values, which control the family-wise error rate whatever the dependence.

    Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, Scand. J. Stat. 6, 1979.

    Args:
        p: The p-values of a family, shape (tests,).
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values)
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return adjusted


def mixed_interval(values: ArrayLike) -> Interval | None:
    """The mean by a mixed model with a random intercept per seed, with its interval.

    Fitted by restricted maximum likelihood; the interval is that of Student's t with one degree of
    freedom less than there are seeds. Where every seed has the same number of draws it agrees with
    `student_interval` of the seeds' means, unless these differ by less than the draws of a seed
    account for; then the model finds no variance between seeds, and its interval is wider.

    Args:
        values: Shape (seeds, draws).

    Returns:
        The mean and its interval; None with fewer than `FEWEST` seeds, without a seed whose draws
        differ, or where the fit fails.

    Raises:
        InvalidArgumentError: The values have another shape, or there are none.
        ModelError: statsmodels is not installed.
    """
    draws = _draws(values)
    known = np.isfinite(draws)
    seeds = int(known.any(axis=1).sum())
    if seeds < FEWEST:
        return None
    center, scale = float(draws[known].mean()), float(draws[known].std())
    deviations = (draws - seed_means(draws)[:, None])[known]
    if np.abs(deviations).max() <= _SAME_DRAWS * scale:
        return None
    with requires_extra("mixed model", "experiments"):
        from statsmodels.regression.mixed_linear_model import MixedLM
    from warnings import catch_warnings, simplefilter

    groups = np.nonzero(known)[0]
    model = MixedLM((draws[known] - center) / scale, np.ones((len(groups), 1)), groups)
    # Methods that follow the gradient often fail where a variance is 0 or nearly so.
    with catch_warnings():
        simplefilter("ignore")  # A variance of 0 between seeds is a result.
        try:
            fit = model.fit(reml=True, method="powell")
        except np.linalg.LinAlgError:
            return None
    mean = center + float(fit.fe_params[0]) * scale
    error = float(fit.bse_fe[0]) * scale
    if not fit.converged or not math.isfinite(mean) or not math.isfinite(error):
        return None
    return _with_margin(mean, error, seeds)


def _draws(values: ArrayLike) -> NDArray[np.float64]:
    """Values as an array of shape (seeds, draws)."""
    array = np.asarray(values, np.float64)
    if array.ndim not in (1, 2) or not array.size:
        raise InvalidArgumentError(
            f"estimates of shape {array.shape}: provide one value per seed, shape (seeds,), or one "
            "per seed and draw, shape (seeds, draws)"
        )
    return array.reshape(len(array), -1)


def _mean(sample: NDArray[np.float64]) -> float:
    return math.fsum(sample) / len(sample)


def _standard_error(sample: NDArray[np.float64]) -> float:
    return float(sample.std(ddof=1)) / math.sqrt(len(sample))


def _with_margin(mean: float, error: float, count: int) -> Interval:
    """A mean with Student's interval, by its standard error."""
    from scipy.special import stdtrit

    margin = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * error
    return Interval(mean, mean - margin, mean + margin, count)


def _tail(statistic: float, count: int) -> float:
    """The probability that Student's t with `count` - 1 degrees of freedom is at most this."""
    from scipy.special import stdtr

    return float(stdtr(count - 1, statistic))


@lru_cache
def _detectable_noncentrality(count: int) -> float:
    """The noncentrality at which the two-sided t-test of `count` values has power `POWER`.

    The square of a noncentral t is a noncentral F, which scipy computes reliably; its noncentral t
    returns NaN far into the lower tail.
    """
    from scipy.optimize import brentq
    from scipy.special import ncfdtr, stdtrit

    critical = float(stdtrit(count - 1, 1 - ALPHA / 2))

    def shortfall(noncentrality: float) -> float:
        return float(ncfdtr(1, count - 1, noncentrality**2, critical**2)) - (1 - POWER)

    return float(brentq(shortfall, 0, 10 * critical))
