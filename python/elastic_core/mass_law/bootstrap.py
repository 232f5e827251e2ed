"""How often a corpus whose leaves do follow the fitted Pareto law is as far from one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from elastic_core.mass_law.fit import Fitting, ParetoFit
from elastic_core.mass_law.laws import Pareto, log_zeta
from elastic_core.mass_law.spectrum import Floats, Spectrum

_ONE_BY_ONE = 1024
_MOST_CLASSES = 1 << 16
_LARGEST_LOG = 690.0
_ASYMPTOTIC = 1e6


def p_value(
    spectrum: Spectrum,
    fit: ParetoFit,
    fitting: Fitting,
    seeds: Sequence[SeedSequence],
    tell: Callable[[], object] = lambda: None,
) -> float | None:
    """The share of replicates that are at least as far from their Pareto fit as the leaves are.

    This is the semi-parametric bootstrap of Clauset, Shalizi and Newman (2009), section 4.1: a
    replicate has as many leaves; each is one from below x_min, as they are, or one drawn from the
    fitted law, with the chances of the leaves themselves. It is fitted as they were, x_min too.

    Args:
        spectrum: All leaves.
        fit: What `fitting` made of them.
        fitting: `fit_whole` or `fit_tail`.
        seeds: A seed for each replicate.
        tell: Called after each replicate.

    Returns:
        The p-value; None if there is no replicate that can be fitted.
    """
    farther = []
    for seed in seeds:
        found = fitting(replicate(spectrum, fit.law, default_rng(seed)))
        if found:
            farther.append(found.distance >= fit.distance)
        tell()
    return sum(farther) / len(farther) if farther else None


def replicate(spectrum: Spectrum, law: Pareto, random: Generator) -> Spectrum:
    """A spectrum of as many leaves: from x_min on as the law has it, below as they are."""
    body = spectrum.body(law.x_min)
    above = int(random.binomial(spectrum.size, 1 - body.size / spectrum.size))
    tail = draw(law, above, random)
    below = body.leaves
    if body.size:
        below = random.multinomial(spectrum.size - above, body.leaves / body.size)
    counts, leaves = np.append(body.counts, tail.counts), np.append(below, tail.leaves)
    return Spectrum(counts[leaves > 0], leaves[leaves > 0])


def draw(law: Pareto, size: int, random: Generator) -> Spectrum:
    """The spectrum of `size` independent leaves of a Pareto law, in time that hardly grows with it.

    Counts so small that many leaves have them are drawn class by class, as the binomials of a
    multinomial, up to where some thousand leaves are left; each of those by its quantile.
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
    """For each u = e^-log the greatest x with P(X >= x) >= u, under Pareto's law from `start` on.

    It is the integer part of the real x at which zeta(alpha, x) is u zeta(alpha, start). Newton's
    method sets out from where the asymptote of zeta has that value, and goes along its log against
    the log of x, a line but for a slight bend.
    """
    target = log_zeta(alpha, start) - logs
    log_x = np.minimum(-(target + np.log(alpha - 1)) / (alpha - 1), _LARGEST_LOG)
    found = np.exp(log_x) + 0.5
    near = found < _ASYMPTOTIC
    x = found[near]
    for _ in range(8):
        value = log_zeta(alpha, x)
        slope = -alpha * x * np.exp(log_zeta(alpha + 1, x) - value)
        x = x * np.exp((target[near] - value) / slope)
    found[near] = x
    quantile: Floats = np.maximum(np.floor(found), start)
    return quantile
