"""The most likely law of each kind for a spectrum, whose least count is x_min."""

from math import exp, inf, log, log1p, sqrt

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import zeta

from elastic_core.mass_law.laws import FAR, Exponential, Lognormal, Pareto, ZipfMandelbrot
from elastic_core.mass_law.spectrum import Spectrum

LARGEST_EXPONENT = 20.0
"""What falls faster than x^-20 is not taken for a power law."""

LARGEST_SIGMA = 100.0
"""A lognormal law becomes Pareto's as sigma grows, and cannot be told from it long before this."""

_LARGEST_CURVATURE = 50.0
_GRID = 40


def exponent(mean_log: float, least: float) -> float:
    """The a at which ln x has a given mean under x^-a / zeta(a, least), x = least, least + 1, ...

    These laws are an exponential family, so that a is the most likely one for data of this mean.
    The mean of ln x - ln least is -d/da ln(1 + least^a zeta(a, least + 1)); being nearly t =
    1 / (a - 1), it is solved for t.

    Returns:
        The exponent, at most `LARGEST_EXPONENT`.
    """
    mean_above = mean_log - log(least)

    def excess(t: float) -> float:
        alpha = 1 + 1 / t
        if least >= FAR:
            middle = least - 0.5
            return log1p(-0.5 / least) + t + (2 * alpha - 1) / 24 / middle / middle - mean_above
        step = 1e-5 / t
        exponents = np.array([alpha - step, alpha + step])
        below, above = np.log1p(least**exponents * zeta(exponents, least + 1))
        return float(below - above) / (2 * step) - mean_above

    smallest = 1 / (LARGEST_EXPONENT - 1)
    if excess(smallest) >= 0:
        return LARGEST_EXPONENT
    return 1 + 1 / float(brentq(excess, smallest, 1e3, xtol=1e-12))


def fit_pareto(tail: Spectrum) -> Pareto | None:
    """Pareto's law; None if its exponent would be above `LARGEST_EXPONENT`."""
    x_min = float(tail.counts[0])
    alpha = exponent(tail.mean(np.log(tail.counts)), x_min)
    return None if alpha == LARGEST_EXPONENT else Pareto(x_min, alpha)


def fit_zipf_mandelbrot(tail: Spectrum) -> ZipfMandelbrot:
    """Zipf-Mandelbrot's law, with an exponent of at most `LARGEST_EXPONENT`.

    For each q = x_min + b the best exponent is found as for Pareto's law; the best q by a search
    from x_min / 100 to ten times the greatest count, on a grid that has b = 0 in it, and then
    between the points of the grid.
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
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return law(found.x if found.fun < costs[best] else grid[best])


def fit_lognormal(tail: Spectrum) -> Lognormal:
    """The lognormal law, with a sigma of at most `LARGEST_SIGMA`.

    The search is for the slope and the curvature of the log density against ln x, in which the
    cost is nearly convex, and which stay finite in the limit that is Pareto's law. The curvature
    is bounded above, at a sigma of a tenth of the leaves' own, for data that any small sigma fits.
    """
    x_min = float(tail.counts[0])
    logs = np.log(tail.counts / x_min)
    spread = sqrt(tail.mean((logs - tail.mean(logs)) ** 2))

    def law(slope: float, curvature: float) -> Lognormal:
        sigma = spread / sqrt(2 * curvature)
        return Lognormal(x_min, log(x_min) + slope * sigma**2 / spread, sigma)

    found = minimize(
        lambda at: -tail.mean(law(*at).log_mass(tail.counts)),
        x0=(-1.0, 0.1),
        method="L-BFGS-B",
        bounds=((-inf, inf), ((spread / LARGEST_SIGMA) ** 2 / 2, _LARGEST_CURVATURE)),
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return law(*map(float, found.x))


def fit_exponential(tail: Spectrum) -> Exponential:
    """The exponential law, of a spectrum of two counts or more."""
    x_min = float(tail.counts[0])
    return Exponential(x_min, log1p(1 / tail.mean(tail.counts - x_min)))
