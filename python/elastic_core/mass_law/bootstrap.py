"""Bootstrap p-values: how often data that follow a fitted law are as far from their own fit."""

from collections.abc import Callable, Sequence
from math import ceil, exp, log

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from scipy.special import gammainccinv, gammaincinv

from elastic_core.mass_law.fit import Fitting, TestedFit, TestedLaw
from elastic_core.mass_law.laws import Floats, Pareto, Spectrum, log_zeta
from elastic_core.mass_law.poisson_pareto import PoissonPareto, log_upper, lower

_ONE_BY_ONE = 1024
_MOST_CLASSES = 1 << 16
_LARGEST_LOG = 690.0
_ASYMPTOTIC = 1e6
_LARGEST_POISSON = 1e15


def p_value(
    spectrum: Spectrum,
    fit: TestedFit,
    fitting: Fitting,
    seeds: Sequence[SeedSequence],
    on_replicate: Callable[[], object] = lambda: None,
) -> float | None:
    """The share of replicates that are at least as far from their own fit as the leaves are.

    This is the semi-parametric bootstrap of Clauset, Shalizi and Newman (2009), section 4.1. A
    replicate has as many leaves as the spectrum. Each is drawn from the leaves below x_min or from
    the fitted law, with the proportions of the data. It is fitted like the data, x_min included.

    Args:
        spectrum: All leaves.
        fit: The fit of the leaves by `fitting`.
        fitting: `fit_all`, `fit_whole` or `fit_tail`.
        seeds: A seed for each replicate.
        on_replicate: Called after each replicate.

    Returns:
        The p-value; None if no replicate can be fitted.
    """
    is_farther = []
    for seed in seeds:
        refit = fitting(replicate(spectrum, fit.law, default_rng(seed)))
        if refit:
            is_farther.append(refit.distance >= fit.distance)
        on_replicate()
    return sum(is_farther) / len(is_farther) if is_farther else None


def replicate(spectrum: Spectrum, law: TestedLaw, random: Generator) -> Spectrum:
    """A random spectrum of as many leaves: drawn from the law from x_min on, resampled below it."""
    body = spectrum.body(law.x_min)
    above = int(random.binomial(spectrum.size, 1 - body.size / spectrum.size))
    tail = draw(law, above, random)
    below = body.leaves
    if body.size:
        below = random.multinomial(spectrum.size - above, body.leaves / body.size)
    counts, leaves = np.append(body.counts, tail.counts), np.append(below, tail.leaves)
    return Spectrum(counts[leaves > 0], leaves[leaves > 0])


def draw(law: TestedLaw, size: int, random: Generator) -> Spectrum:
    """The spectrum of `size` independent draws from a law, in time nearly constant in size.

    Small counts, each of which many leaves have, are drawn together from a multinomial, up to the
    count above which about a thousand leaves remain; those are drawn one by one.
    """
    classes = np.arange(law.x_min, _one_by_one_from(law, size))
    start = law.x_min + len(classes)
    mass = np.append(np.exp(law.log_mass(classes)), law.survival(np.array([start])))
    drawn = random.multinomial(size, mass)
    if isinstance(law, Pareto):
        rest = quantiles(law.alpha, start, random.standard_exponential(drawn[-1]))
    else:
        rest = poisson_pareto_above(law, start, drawn[-1], random)
    far, times = np.unique(rest, return_counts=True)
    counts, leaves = np.append(classes, far), np.append(drawn[:-1], times)
    return Spectrum(counts[leaves > 0], leaves[leaves > 0])


def _one_by_one_from(law: TestedLaw, size: int) -> float:
    """The count above which about a thousand of `size` leaves remain, or any other."""
    least, drawn, earliest = law.x_min, float(size), law.x_min
    if isinstance(law, PoissonPareto):
        least, drawn, earliest = law.scale, size / law.seen, ceil(law.alpha)
    log_reach = log(least) + log(max(drawn / _ONE_BY_ONE, 1.0)) / (law.alpha - 1)
    classes = min(int(exp(min(log_reach, _LARGEST_LOG)) - law.x_min), _MOST_CLASSES)
    return max(law.x_min + classes, earliest)


def poisson_pareto_above(law: PoissonPareto, start: float, size: int, random: Generator) -> Floats:
    """Independent draws of X given X >= start, for a start of at least alpha.

    A Poisson process reaches `start` occurrences at a time T, which is gamma distributed, and
    X >= start if T is at most the expected count r. So T is drawn first, from its law given T <= r,
    then r from its law given r >= T, and last the occurrences between T and r. As P(r >= T) is 1
    for T <= s and (s / T)^a above, the law of T given T <= r is a mixture of two gamma laws: one
    of order `start` up to s, and one of order `start` - a from s on.
    """
    tail, here = law.alpha - 1, np.array([start])
    early, late = lower(here, law.scale)[0], np.exp(log_upper(here - tail, law.scale)[0])
    is_early = random.random(size) * law.at_least(here)[0] < early
    level, waits = random.random(size), random.standard_exponential(size)
    time = np.where(
        is_early, gammaincinv(start, level * early), gammainccinv(start - tail, level * late)
    )
    log_mean = np.log(np.maximum(time, law.scale)) + waits / tail
    more = np.maximum(np.exp(np.minimum(log_mean, _LARGEST_LOG)) - time, 0)
    counted = random.poisson(np.minimum(more, _LARGEST_POISSON))
    drawn: Floats = start + np.where(more < _LARGEST_POISSON, counted, np.round(more))
    return drawn


def quantiles(alpha: float, start: float, logs: Floats) -> Floats:
    """For each u = e^-log the largest x with P(X >= x) >= u, under Pareto's law from `start` on.

    That is the integer part of the real x at which zeta(alpha, x) = u zeta(alpha, start). It is
    found by Newton's method on the log of zeta as a function of the log of x, which is almost
    linear, starting where the asymptote of zeta has that value.
    """
    target = log_zeta(alpha, start) - logs
    log_x = np.minimum(-(target + np.log(alpha - 1)) / (alpha - 1), _LARGEST_LOG)
    real = np.exp(log_x) + 0.5
    near = real < _ASYMPTOTIC
    x = real[near]
    for _ in range(8):
        value = log_zeta(alpha, x)
        slope = -alpha * x * np.exp(log_zeta(alpha + 1, x) - value)
        x = x * np.exp((target[near] - value) / slope)
    real[near] = x
    quantile: Floats = np.maximum(np.floor(real), start)
    return quantile
