"""Fitting laws to spectra by maximum likelihood, and choosing where a Pareto tail begins."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, log1p, sqrt

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import zeta

from elastic_core.mass_law.laws import (
    FAR,
    Exponential,
    Lognormal,
    Pareto,
    Spectrum,
    ZipfMandelbrot,
    distance,
)
from elastic_core.mass_law.poisson_pareto import PoissonPareto

LARGEST_EXPONENT = 20.0
"""A law that falls faster than x^-20 is not considered a power law."""

LARGEST_SIGMA = 100.0
"""The largest sigma of a lognormal law, which by then is indistinguishable from a Pareto law."""

LEAST_LEAVES = 10
"""The least number of leaves in a tail; fewer fit any law."""

LEAST_SCALE = 1e-12
"""The smallest scale of a Poisson-Pareto law; by then almost no leaf is seen."""

MOST_CANDIDATES = 256
"""The most counts to try as x_min; if there are more, those evenly spaced in log are tried."""

_LEAST_TAIL = 1e-3
_LARGEST_CURVATURE = 50.0
_GRID = 40
_ROUGH = 16


def exponent(mean_log: float, start: float) -> float:
    """The a at which ln x has the given mean under x^-a / zeta(a, start), x = start, start + 1, ...

    These laws are an exponential family, so this a is the maximum-likelihood estimate for data with
    that mean. The mean of ln x - ln start is -d/da ln(1 + start^a zeta(a, start + 1)). It is close
    to t = 1 / (a - 1), so the equation is solved for t.

    Returns:
        The exponent, at most `LARGEST_EXPONENT`.
    """
    mean_above = mean_log - log(start)

    def excess(t: float) -> float:
        alpha = 1 + 1 / t
        if start >= FAR:
            middle = start - 0.5
            return log1p(-0.5 / start) + t + (2 * alpha - 1) / 24 / middle / middle - mean_above
        step = 1e-5 / t
        exponents = np.array([alpha - step, alpha + step])
        below, above = np.log1p(start**exponents * zeta(exponents, start + 1))
        return float(below - above) / (2 * step) - mean_above

    smallest = 1 / (LARGEST_EXPONENT - 1)
    if excess(smallest) >= 0:
        return LARGEST_EXPONENT
    return 1 + 1 / float(brentq(excess, smallest, 1e3, xtol=1e-12))


def fit_pareto(tail: Spectrum) -> Pareto | None:
    """Pareto's law from the least count on; None if its exponent exceeds `LARGEST_EXPONENT`."""
    x_min = float(tail.counts[0])
    alpha = exponent(tail.mean(np.log(tail.counts)), x_min)
    return None if alpha == LARGEST_EXPONENT else Pareto(x_min, alpha)


def fit_zipf_mandelbrot(tail: Spectrum) -> ZipfMandelbrot:
    """Zipf-Mandelbrot's law, with an exponent of at most `LARGEST_EXPONENT`.

    For each q = x_min + b the exponent is estimated as for Pareto's law. The best q is searched
    from x_min / 100 to ten times the largest count, first on a grid that includes b = 0, then
    between the neighbours of the best grid point.
    """
    x_min = float(tail.counts[0])

    def law(log_q: float) -> ZipfMandelbrot:
        shift = exp(log_q) - x_min
        alpha = exponent(tail.mean(np.log(tail.counts + shift)), x_min + shift)
        return ZipfMandelbrot(x_min, alpha, shift)

    def cost(log_q: float) -> float:
        return -tail.mean(law(log_q).log_mass(tail.counts))

    grid = np.linspace(log(x_min / 100), log(10 * tail.counts[-1]), _GRID)
    grid = np.sort(np.append(grid, log(x_min)))
    costs = [cost(log_q) for log_q in grid]
    best = int(np.argmin(costs))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, _GRID)])
    optimum = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return law(optimum.x if optimum.fun < costs[best] else grid[best])


def fit_lognormal(tail: Spectrum) -> Lognormal:
    """The lognormal law, with a sigma of at most `LARGEST_SIGMA`.

    The search runs over slope and curvature of the log density against ln x, in which the cost is
    nearly convex and which stay finite in the limit that is Pareto's law. The curvature is bounded,
    at a sigma of a tenth of the data's own, for data that any small sigma fits equally well.
    """
    x_min = float(tail.counts[0])
    logs = np.log(tail.counts / x_min)
    spread = sqrt(tail.mean((logs - tail.mean(logs)) ** 2))

    def law(slope: float, curvature: float) -> Lognormal:
        sigma = spread / sqrt(2 * curvature)
        return Lognormal(x_min, log(x_min) + slope * sigma**2 / spread, sigma)

    optimum = minimize(
        lambda at: -tail.mean(law(*at).log_mass(tail.counts)),
        x0=(-1.0, 0.1),
        method="L-BFGS-B",
        bounds=((-inf, inf), ((spread / LARGEST_SIGMA) ** 2 / 2, _LARGEST_CURVATURE)),
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return law(*map(float, optimum.x))


def fit_exponential(tail: Spectrum) -> Exponential:
    """The exponential law of a spectrum with at least two distinct counts."""
    x_min = float(tail.counts[0])
    return Exponential(x_min, log1p(1 / tail.mean(tail.counts - x_min)))


def fit_poisson_pareto(spectrum: Spectrum) -> PoissonPareto | None:
    """The Poisson-Pareto law of all leaves; None if its exponent exceeds `LARGEST_EXPONENT`.

    The search runs over the logs of alpha - 1 and of the scale. The scale is at least `LEAST_SCALE`
    and at most twice the geometric mean of the counts, which few expected counts would otherwise
    reach.
    """
    largest_tail = LARGEST_EXPONENT - 1

    def law(log_tail: float, log_scale: float) -> PoissonPareto:
        return PoissonPareto(1 + exp(log_tail), exp(log_scale))

    optimum = minimize(
        lambda at: -spectrum.mean(law(*at).log_mass(spectrum.counts)),
        x0=(0.0, log(spectrum.counts[0])),
        method="L-BFGS-B",
        bounds=(
            (log(_LEAST_TAIL), log(largest_tail)),
            (log(LEAST_SCALE), log(2) + spectrum.mean(np.log(spectrum.counts))),
        ),
        options={"ftol": 1e-12, "gtol": 1e-9},
    )
    log_tail, log_scale = map(float, optimum.x)
    return None if log_tail > log(largest_tail) - 1e-6 else law(log_tail, log_scale)


TestedLaw = Pareto | PoissonPareto
"""A law with a p-value."""


@dataclass(frozen=True, slots=True)
class TestedFit:
    """A law and its Kolmogorov-Smirnov distance from the leaves it was fitted to."""

    law: TestedLaw
    distance: float


Fitting = Callable[[Spectrum], TestedFit | None]
"""A way to fit a law to a spectrum: `fit_all`, `fit_whole` or `fit_tail`."""


def can_fit(tail: Spectrum) -> bool:
    """Whether any law can be fitted: enough leaves, with at least two distinct counts."""
    return len(tail.counts) > 1 and tail.size >= LEAST_LEAVES


def fit_all(spectrum: Spectrum) -> TestedFit | None:
    """The maximum-likelihood Poisson-Pareto law of all leaves: Assumption A.7, seen through counts.

    Returns:
        The fit; None if there are too few leaves, all occur equally often, or the exponent would
        exceed `LARGEST_EXPONENT`.
    """
    law = fit_poisson_pareto(spectrum) if can_fit(spectrum) else None
    return TestedFit(law, distance(law, spectrum)) if law else None


def fit_whole(spectrum: Spectrum) -> TestedFit | None:
    """The maximum-likelihood Pareto law of all leaves: x_min is the least count.

    Returns:
        The fit; None if there are too few leaves, all occur equally often, or their counts fall off
        faster than `LARGEST_EXPONENT` allows.
    """
    law = fit_pareto(spectrum) if can_fit(spectrum) else None
    return TestedFit(law, distance(law, spectrum)) if law else None


def fit_tail(spectrum: Spectrum) -> TestedFit | None:
    """The Pareto law of the tail that it fits best.

    Each candidate x_min gets its maximum-likelihood exponent, and the x_min with the smallest
    distance is chosen, the lowest if several tie (Clauset, Shalizi and Newman 2009, section 3.3).
    Candidates are at most `MOST_CANDIDATES` of the counts that occur whose tails can be fitted.

    Returns:
        The fit; None if no tail can be fitted.
    """
    size = np.cumsum(spectrum.leaves[::-1])[::-1]
    logs = np.cumsum((spectrum.leaves * np.log(spectrum.counts))[::-1])[::-1]
    best: TestedFit | None = None
    for index in spectrum.spaced(MOST_CANDIDATES):
        tail = Spectrum(spectrum.counts[index:], spectrum.leaves[index:])
        if not can_fit(tail):
            break
        x_min = float(tail.counts[0])
        alpha = exponent(logs[index] / size[index], x_min)
        if alpha == LARGEST_EXPONENT:
            continue
        law = Pareto(x_min, alpha)
        # A sixteenth of the counts rules out most candidates, which saves most of the time.
        rough = law.survival(tail.counts[::_ROUGH]) - size[index::_ROUGH] / size[index]
        if best and np.abs(rough).max() >= best.distance:
            continue
        fit = TestedFit(law, distance(law, tail))
        if best is None or fit.distance < best.distance:
            best = fit
    return best
