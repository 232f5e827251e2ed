"""The laws that leaf counts may follow, on the integers x >= x_min.

Pareto's is the discrete power law of Clauset, Shalizi and Newman (2009), Zipf-Mandelbrot's the same
with a shift, the exponential one the geometric law, and the lognormal one the continuous law,
rounded to the nearest integer as in the package `powerlaw`.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy.special import log_ndtr, zeta

from elastic_core.mass_law.spectrum import Floats, Spectrum

FAR = 1e3
"""From here on Hurwitz's zeta function is its asymptote, to ten digits and for any larger value."""

_TINY = np.finfo(np.float64).tiny


class Law(Protocol):
    """The law of a random variable X on the integers from x_min on."""

    name: ClassVar[str]

    @property
    def parameters(self) -> dict[str, float]:
        """What was fitted, by name; x_min was given."""
        ...

    def log_mass(self, counts: Floats) -> Floats:
        """The natural log of P(X = x) at each count x >= x_min."""
        ...

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count x >= x_min."""
        ...


@dataclass(frozen=True, slots=True)
class ZipfMandelbrot:
    """P(X = x) = (x + b)^-alpha / zeta(alpha, x_min + b), b > -x_min (Mandelbrot 1953).

    zeta(alpha, q) is Hurwitz's: the sum of (q + k)^-alpha over k = 0, 1, 2, ...
    """

    name: ClassVar[str] = "zipf-mandelbrot"

    x_min: float
    alpha: float
    shift: float = 0.0

    @property
    def parameters(self) -> dict[str, float]:
        """The exponent `alpha` and the shift b."""
        return {"alpha": self.alpha, "shift": self.shift}

    def log_mass(self, counts: Floats) -> Floats:
        """The natural log of P(X = x) at each count."""
        norm = log_zeta(self.alpha, self.x_min + self.shift)
        mass: Floats = -self.alpha * np.log(counts + self.shift) - norm
        return mass

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count."""
        norm = log_zeta(self.alpha, self.x_min + self.shift)
        found: Floats = np.exp(log_zeta(self.alpha, counts + self.shift) - norm)
        return found


@dataclass(frozen=True, slots=True)
class Pareto(ZipfMandelbrot):
    """P(X = x) = x^-alpha / zeta(alpha, x_min): the discrete power law, the case b = 0."""

    name: ClassVar[str] = "pareto"

    @property
    def parameters(self) -> dict[str, float]:
        """The exponent `alpha`."""
        return {"alpha": self.alpha}


@dataclass(frozen=True, slots=True)
class Lognormal:
    """P(X = x) = P(x - 1/2 < Y < x + 1/2) / P(Y > x_min - 1/2), where ln Y is normal."""

    name: ClassVar[str] = "lognormal"

    x_min: float
    mu: float
    sigma: float

    @property
    def parameters(self) -> dict[str, float]:
        """Mean `mu` and standard deviation `sigma` of ln Y."""
        return {"mu": self.mu, "sigma": self.sigma}

    def log_mass(self, counts: Floats) -> Floats:
        """The natural log of P(X = x) at each count."""
        low, high = self._scaled(counts - 0.5), self._scaled(counts + 0.5)
        # In the upper half both are taken from the other end, where they differ more.
        low, high = np.where(low > 0, (-high, -low), (low, high))
        less, more = log_ndtr(low), log_ndtr(high)
        between = np.log(np.maximum(-np.expm1(less - more), _TINY))
        mass: Floats = more + between - self._log_above(self.x_min)
        return mass

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count."""
        found: Floats = np.exp(self._log_above(counts) - self._log_above(self.x_min))
        return found

    def _scaled(self, values: Floats | float) -> Floats:
        scaled: Floats = (np.log(values) - self.mu) / self.sigma
        return scaled

    def _log_above(self, counts: Floats | float) -> Floats:
        """The natural log of P(Y > x - 1/2)."""
        found: Floats = log_ndtr(-self._scaled(counts - 0.5))
        return found


@dataclass(frozen=True, slots=True)
class Exponential:
    """P(X = x) = (1 - e^-rate) e^(-rate (x - x_min)): the geometric law."""

    name: ClassVar[str] = "exponential"

    x_min: float
    rate: float

    @property
    def parameters(self) -> dict[str, float]:
        """The `rate`, per occurrence."""
        return {"rate": self.rate}

    def log_mass(self, counts: Floats) -> Floats:
        """The natural log of P(X = x) at each count."""
        mass: Floats = np.log(-np.expm1(-self.rate)) - self.rate * (counts - self.x_min)
        return mass

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count."""
        found: Floats = np.exp(-self.rate * (counts - self.x_min))
        return found


def log_zeta(alpha: float, least: Floats | float) -> Floats:
    """The natural log of zeta(alpha, q) for each least value q, however large.

    Far out the sum is the integral from y = q - 1/2, less what the midpoint rule makes too much:
    y^(1 - alpha) / (alpha - 1) * (1 - alpha (alpha - 1) / (24 y^2)).
    """
    q = np.atleast_1d(least)
    middle = np.maximum(q, FAR) - 0.5
    found = (1 - alpha) * np.log(middle) - np.log(alpha - 1)
    found += np.log1p(-(alpha / middle) * ((alpha - 1) / middle) / 24)
    near = q < FAR
    found[near] = np.log(zeta(alpha, q[near]))
    shaped: Floats = found.reshape(np.shape(least))
    return shaped


def distance(law: Law, tail: Spectrum) -> float:
    """The Kolmogorov-Smirnov distance of a law from a spectrum.

    That is the greatest difference, over all integers x >= x_min, of the law's P(X <= x) and the
    share of leaves with a count of at most x. Between two counts that occur the leaves' share
    stands still, so the greatest difference is just before a count or at it.
    """
    at_least, law_at_least = tail.survival(), law.survival(tail.counts)
    above = np.append(at_least[1:], 0.0)
    law_above = law_at_least - np.exp(law.log_mass(tail.counts))
    return float(max(np.abs(law_at_least - at_least).max(), np.abs(law_above - above).max()))
