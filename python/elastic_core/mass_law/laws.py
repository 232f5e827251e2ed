"""Leaf spectra, and the laws that leaf counts may follow on the integers x >= x_min.

Pareto's law is the discrete power law of Clauset, Shalizi and Newman (2009), Zipf-Mandelbrot's the
same law with a shift, the exponential law the geometric one, and the lognormal law the continuous
one rounded to the nearest integer, as in the package `powerlaw`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, zeta

Floats = NDArray[np.float64]

FAR = 1e3
"""From here on the asymptote of Hurwitz's zeta function is exact to ten digits."""

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The leaves of a tree by their counts: all that a law of leaf weights depends on.

    Attributes:
        counts: The distinct counts, ascending, shape (K,), float64 because counts drawn from a law
            may exceed any integer type.
        leaves: The number of leaves with each count, at least 1, shape (K,), int64.
    """

    counts: Floats
    leaves: NDArray[np.int64]

    @classmethod
    def of(cls, counts: NDArray[Any], leaves: NDArray[Any]) -> Self:
        """The spectrum of two arrays such as those of `DepthStatistics.spectrum`."""
        return cls(counts.astype(np.float64), leaves.astype(np.int64))

    @property
    def size(self) -> int:
        """The number of leaves: M."""
        return int(self.leaves.sum())

    @property
    def mass(self) -> float:
        """The number of occurrences of all leaves together."""
        return float(self.counts @ self.leaves)

    def tail(self, x_min: float) -> "Spectrum":
        """The leaves that occur at least `x_min` times."""
        start = np.searchsorted(self.counts, x_min)
        return Spectrum(self.counts[start:], self.leaves[start:])

    def body(self, x_min: float) -> "Spectrum":
        """The leaves that occur fewer than `x_min` times."""
        end = np.searchsorted(self.counts, x_min)
        return Spectrum(self.counts[:end], self.leaves[:end])

    def mean(self, values: Floats) -> float:
        """The mean over the leaves of a function of their count, given at each count."""
        return float(values @ self.leaves) / self.size

    def survival(self) -> Floats:
        """The share of leaves that occur at least as often as each count, shape (K,)."""
        return np.cumsum(self.leaves[::-1])[::-1] / self.size

    def spaced(self, most: int) -> NDArray[np.intp]:
        """Indices of at most `most` counts: all of them, or some that are evenly spaced in log.

        If there are more counts, `most` values are spaced evenly between the logs of the smallest
        and the largest count, and the first count at or above each is taken, so that no small
        count is left out.
        """
        if len(self.counts) <= most:
            return np.arange(len(self.counts))
        values = np.geomspace(self.counts[0], self.counts[-1], most)
        indices = np.searchsorted(self.counts, values)
        return np.unique(np.minimum(indices, len(self.counts) - 1))


class Law(Protocol):
    """The distribution of a random variable X on the integers from x_min on."""

    name: ClassVar[str]

    @property
    def parameters(self) -> dict[str, float]:
        """The fitted parameters by name, without x_min."""
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
        survival: Floats = np.exp(log_zeta(self.alpha, counts + self.shift) - norm)
        return survival


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
        low, high = self._standardized(counts - 0.5), self._standardized(counts + 0.5)
        # In the upper half, subtract the upper tails instead: they are small and keep their digits.
        low, high = np.where(low > 0, (-high, -low), (low, high))
        less, more = log_ndtr(low), log_ndtr(high)
        between = np.log(np.maximum(-np.expm1(less - more), _TINY))
        mass: Floats = more + between - self._log_above(self.x_min)
        return mass

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count."""
        survival: Floats = np.exp(self._log_above(counts) - self._log_above(self.x_min))
        return survival

    def _standardized(self, values: Floats | float) -> Floats:
        standardized: Floats = (np.log(values) - self.mu) / self.sigma
        return standardized

    def _log_above(self, counts: Floats | float) -> Floats:
        """The natural log of P(Y > x - 1/2)."""
        log_above: Floats = log_ndtr(-self._standardized(counts - 0.5))
        return log_above


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
        survival: Floats = np.exp(-self.rate * (counts - self.x_min))
        return survival


def log_zeta(alpha: float, start: Floats | float) -> Floats:
    """The natural log of Hurwitz's zeta(alpha, q) for each q in `start`, however large.

    For large q the sum is the integral from y = q - 1/2 minus the error of the midpoint rule:
    y^(1 - alpha) / (alpha - 1) * (1 - alpha (alpha - 1) / (24 y^2)).
    """
    q = np.atleast_1d(start)
    middle = np.maximum(q, FAR) - 0.5
    value = (1 - alpha) * np.log(middle) - np.log(alpha - 1)
    value += np.log1p(-(alpha / middle) * ((alpha - 1) / middle) / 24)
    near = q < FAR
    value[near] = np.log(zeta(alpha, q[near]))
    shaped: Floats = value.reshape(np.shape(start))
    return shaped


def distance(law: Law, tail: Spectrum) -> float:
    """The Kolmogorov-Smirnov distance between a law and a spectrum, 0 to 1.

    This is the largest difference over all integers x >= x_min between the law's P(X <= x) and the
    share of leaves with a count of at most x. That share is constant between two counts that occur,
    so the largest difference is at a count or just before one.
    """
    at_least, law_at_least = tail.survival(), law.survival(tail.counts)
    above = np.append(at_least[1:], 0.0)
    law_above = law_at_least - np.exp(law.log_mass(tail.counts))
    return float(max(np.abs(law_at_least - at_least).max(), np.abs(law_above - above).max()))
