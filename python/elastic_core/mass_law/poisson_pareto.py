"""The Poisson-Pareto law: leaf probabilities that follow a Pareto law, seen through counts.

If the probability of a leaf follows a Pareto law, so does its expected count: its density is
a s^a / r^(a + 1) for r >= s, with a = alpha - 1. The observed count is Poisson distributed with
that mean, and a leaf with a count of 0 is not seen. With Gamma(z, s) the upper incomplete gamma
function,

    P(X = x) = a s^a Gamma(x - a, s) / x!,
    P(X >= x) = P(Poisson(s) >= x) + x P(X = x) / a,

the second by integrating the first by parts; both are then divided by P(X >= 1). The law without
that division is the Poisson mixture of Willmot (1993), *On recursive evaluation of mixed Poisson
probabilities and related quantities*, Scandinavian Actuarial Journal.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import gammainc, gammaincc, gammaln

from elastic_core.mass_law.laws import Floats

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
_NEGLIGIBLE = 45.0
"""The integrands are cut off where they are e^-45 of their maximum."""

_STIRLING_FROM = 40.0
_GAMMAINCC_TO = 1e6
_LEAST_SHARE = 1e-250


@dataclass(frozen=True, slots=True)
class PoissonPareto:
    """Counts x >= 1 of leaves whose expected counts follow a Pareto law from `scale` on.

    Attributes:
        alpha: The exponent of the density of the expected counts, above 1.
        scale: The least expected count s, above 0. Divided by the number of segments it is the
            least probability of a leaf.
    """

    name: ClassVar[str] = "poisson-pareto"
    x_min: ClassVar[float] = 1.0

    alpha: float
    scale: float

    @property
    def parameters(self) -> dict[str, float]:
        """The exponent `alpha` and the least expected count `scale`."""
        return {"alpha": self.alpha, "scale": self.scale}

    @property
    def seen(self) -> float:
        """The share of leaves that are expected to occur at least once."""
        return float(self.at_least(np.array([1.0]))[0])

    def log_mass(self, counts: Floats) -> Floats:
        """The natural log of P(X = x) at each count."""
        tail = self.alpha - 1
        mass: Floats = log_quotient(counts, tail, self.scale) + np.log(tail) - np.log(self.seen)
        return mass

    def survival(self, counts: Floats) -> Floats:
        """P(X >= x) at each count."""
        survival: Floats = self.at_least(counts) / self.seen
        return survival

    def at_least(self, counts: Floats) -> Floats:
        """P(X >= x) before leaves with a count of 0 are left out."""
        mixed = np.exp(log_quotient(counts, self.alpha - 1, self.scale) + np.log(counts))
        at_least: Floats = mixed + lower(counts, self.scale)
        return at_least


def log_quotient(counts: Floats, tail: float, scale: float) -> Floats:
    """The natural log of s^a Gamma(x - a, s) / x! for each count x.

    Args:
        counts: Counts x >= 1, shape (K,).
        tail: The exponent a of the survival function, above 0.
        scale: The least expected count s, above 0.

    Returns:
        The logs, shape (K,), with errors below 1e-12 unless they are below -1000.
    """
    order = counts - tail
    quotient = np.empty(len(counts))
    positive = order > 0
    above = order[positive]
    quotient[positive] = (
        tail * np.log(scale) + log_gamma_ratio(above, tail + 1) + log_upper(above, scale)
    )
    if not positive.all():
        few = counts[~positive]
        constant = few * np.log(scale) - scale - gammaln(few + 1)
        quotient[~positive] = constant + np.log(_falling_integral(order[~positive], scale))
    return quotient


def log_gamma_ratio(z: Floats, step: float) -> Floats:
    """The natural log of Gamma(z) / Gamma(z + step) for each z > 0.

    For large z the difference is taken term by term in Stirling's series, because the difference
    of two logs of gamma functions has an error of 1e-5 at 1e9.
    """
    ratio = np.empty(len(z))
    far = z > _STIRLING_FROM
    low, near = z[far], z[~far]
    high = low + step
    ratio[far] = (low - 0.5) * np.log1p(-step / high) - step * np.log(high) + step
    ratio[far] += _stirling_rest(low) - _stirling_rest(high)
    ratio[~far] = gammaln(near) - gammaln(near + step)
    return ratio


def _stirling_rest(z: Floats) -> Floats:
    """The difference of ln Gamma(z) and (z - 1/2) ln z - z + ln(2 pi) / 2, for z above 40."""
    square = 1 / z**2
    rest: Floats = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / z
    return rest


def log_upper(z: Floats, scale: float) -> Floats:
    """The natural log of Gamma(z, s) / Gamma(z) for each z > 0.

    It is 0 for z far above s. Elsewhere scipy has the quotient, but it underflows for z far below
    s, and above 1e6 scipy's series are cut off early: errors reach 1e-9 and more.
    """
    logs = np.zeros(len(z))
    (near,) = np.nonzero(z <= scale + 10 * np.sqrt(scale) + 50)
    share = gammaincc(z[near], scale)
    good = (z[near] <= _GAMMAINCC_TO) & (share > _LEAST_SHARE)
    logs[near[good]] = np.log(share[good])
    if not good.all():
        rest = near[~good]
        large, small = rest[z[rest] > _STIRLING_FROM], rest[z[rest] <= _STIRLING_FROM]
        low = z[small]
        constant = low * np.log(scale) - scale - gammaln(low)
        logs[small] = constant + np.log(_falling_integral(low, scale))
        logs[large] = _log_bell_share(z[large], scale)
    return logs


def lower(z: Floats, scale: float) -> Floats:
    """1 - Gamma(z, s) / Gamma(z) for each z > 0; for integers it is P(Poisson(s) >= z)."""
    lower: Floats = gammainc(z, scale)
    large = z > _GAMMAINCC_TO
    lower[large] = -np.expm1(log_upper(z[large], scale))
    return lower


def _falling_integral(order: Floats, scale: float) -> Floats:
    """The integral of exp(z u - s (e^u - 1)) over u > 0 for each order z below s.

    It is e^s s^-z Gamma(z, s). Each bound of the exponent gives an upper limit of integration: the
    exponent is at most -(s - z) u - s u^2 / 2, and for z <= 0 neither of its terms is positive.
    """
    slope = scale - order
    end = 2 * _NEGLIGIBLE / (slope + np.sqrt(slope**2 + 2 * _NEGLIGIBLE * scale))
    falls = order <= 0
    end[falls] = np.minimum(end[falls], np.log1p(_NEGLIGIBLE / scale))
    end[falls] = np.minimum(end[falls], _NEGLIGIBLE / np.maximum(-order[falls], 1e-9))
    u = end[:, None] * (1 + _NODES) / 2
    values = np.exp(order[:, None] * u - scale * np.expm1(u))
    integral: Floats = end / 2 * (values @ _WEIGHTS)
    return integral


def _log_bell_share(z: Floats, scale: float) -> Floats:
    """The natural log of Gamma(z, s) / Gamma(z) for each z > `_STIRLING_FROM`, by quadrature.

    With r = z e^v the gamma density is proportional to exp(-z (e^v - 1 - v)), nearly a normal
    density with variance 1 / z. Its integral over all v is sqrt(2 pi / z) times the exponential of
    the rest of Stirling's series.
    """
    least = np.log1p((scale - z) / z)
    mode = np.maximum(least, 0)
    slope, bend = z * np.expm1(mode), z * np.exp(mode)
    low = np.maximum(least, -10 / np.sqrt(z))
    high = mode + 2 * _NEGLIGIBLE / (slope + np.sqrt(slope**2 + 2 * _NEGLIGIBLE * bend))
    v = low[:, None] + (high - low)[:, None] * (1 + _NODES) / 2
    peak = z * (np.expm1(mode) - mode)
    values = np.exp(peak[:, None] - z[:, None] * (np.expm1(v) - v))
    whole = np.log(2 * np.pi / z) / 2 + _stirling_rest(z)
    share: Floats = np.log((high - low) / 2 * (values @ _WEIGHTS)) - peak - whole
    return share
