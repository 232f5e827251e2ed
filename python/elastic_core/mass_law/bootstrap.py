"""Bootstrap p-values: how often data that do follow the fitted Pareto law are as far from one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from elastic_core.mass_law.fit import Fitting, ParetoFit
from elastic_core.mass_law.laws import Floats, Pareto, Spectrum, log_zeta

_ONE_BY_ONE = 1024
_MOST_CLASSES = 1 << 16
_LARGEST_LOG = 690.0
_ASYMPTOTIC = 1e6


def p_value(
    spectrum: Spectrum,
    fit: ParetoFit,
    fitting: Fitting,
    seeds: Sequence[SeedSequence],
    on_replicate: Callable[[], object] = lambda: None,
) -> float | None:
    """The share of replicates that are at least as far from their own Pareto fit as the leaves are.

    This is the semi-parametric bootstrap of Clauset, Shalizi and Newman (2009), section 4.1. A
    replicate has as many leaves as the spectrum. Each is drawn from the leaves below x_min or from
    the fitted law, with the proportions of the data. It is fitted like the data, x_min included.

    Args:
        spectrum: All leaves.
        fit: The fit of the leaves by `fitting`.
        fitting: `fit_whole` or `fit_tail`.
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


def replicate(spectrum: Spectrum, law: Pareto, random: Generator) -> Spectrum:
    """A random spectrum of as many leaves: drawn from the law from x_min on, resampled below it."""
    body = spectrum.body(law.x_min)
    above = int(random.binomial(spectrum.size, 1 - body.size / spectrum.size))
    tail = draw(law, above, random)
    below = body.leaves
    if body.size:
        below = random.multinomial(spectrum.size - above, body.leaves / body.size)
    counts, leaves = np.append(body.counts, tail.counts), np.append(below, tail.leaves)
    return Spectrum(counts[leaves > 0], leaves[leaves > 0])


def draw(law: Pareto, size: int, random: Generator) -> Spectrum:
    """The spectrum of `size` independent draws from a Pareto law, in time nearly constant in size.

    Small counts, each of which many leaves have, are drawn together from a multinomial, up to the
    count above which about a thousand leaves remain; those are drawn one by one as quantiles.
    """
    reach = law.x_min * max(size / _ONE_BY_ONE, 1.0) ** (1 / (law.alpha - 1))
    steps = np.arange(min(int(reach - law.x_min), _MOST_CLASSES), dtype=np.float64)
    classes = law.x_min + steps
    start = law.x_min + len(classes)
    mass = np.append(np.exp(law.log_mass(classes)), law.survival(np.array([start])))
    drawn = random.multinomial(size, mass)
    rest = quantiles(law.alpha, start, random.standard_exponential(drawn[-1]))
    far, times = np.unique(rest, return_counts=True)
    counts, leaves = np.append(classes, far), np.append(drawn[:-1], times)
    return Spectrum(counts[leaves > 0], leaves[leaves > 0])


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
