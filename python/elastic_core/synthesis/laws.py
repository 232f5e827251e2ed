"""Mass laws: how the probabilities of a source's leaves fall with their rank.

Each law is p_r ~ exp(-s fall(r)) over the ranks r = 1 ... M with a steepness s >= 0. Entropy falls
as s grows, from log2 M at s = 0 (dH/ds = -s Var(fall) log2 e), so an entropy decides s.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError

_MOST_FALL = 700.0
"""Most that ln(largest / least probability) may be; below it a float64 keeps all its digits."""


@dataclass(frozen=True, slots=True)
class MassLaw:
    """The probabilities of M leaves, by rank.

    Attributes:
        name: `pareto`, `geometric` or `uniform`.
        parameter: The exponent of `pareto`, the ratio of `geometric`, None for `uniform`.
        probabilities: Probability of the leaf of each rank, falling; shape (M,), float64, sum 1.
    """

    name: str
    parameter: float | None
    probabilities: NDArray[np.float64]

    @property
    def entropy_bits(self) -> float:
        """-sum p log2 p, in bits per segment."""
        return float(entropy_bits(self.probabilities))


def mass_law(law: str, leaves: int, entropy: float | None = None) -> MassLaw:
    """The law of that name over so many leaves.

    `pareto:A` takes for the leaf of rank r the quantile x with P(X > x) = (r - 1/2) / M of the
    Pareto law whose density is p(x) ~ x^-A, so p_r ~ (r - 1/2)^(-1 / (A - 1)). A is the exponent
    that a fit of a power law to the leaf weights finds (Clauset, Shalizi and Newman, SIAM Review
    51, 2009). `geometric:R` is p_r ~ R^r, and `uniform` is p_r = 1 / M.

    Args:
        law: `pareto:A` with A > 1, `geometric:R` with 0 < R < 1, or `uniform`; `pareto` or
            `geometric` with an entropy.
        leaves: How many leaves there are: M.
        entropy: The entropy of the leaves in bits per segment, from which A or R is found.

    Returns:
        The law, with the parameter that was given or found.

    Raises:
        InvalidArgumentError: There is no such law, or none with that entropy.
    """
    if leaves < 2:
        raise InvalidArgumentError(f"a law needs 2 leaves or more, not {leaves}")
    name, colon, given = law.partition(":")
    if law == "uniform":
        if entropy is not None:
            raise InvalidArgumentError(
                f"{leaves} uniform leaves have an entropy of {math.log2(leaves):.4f} bits and no "
                "other; leave the entropy out, or take pareto or geometric"
            )
        return MassLaw(law, None, np.full(leaves, 1 / leaves))
    if name not in _FAMILIES:
        raise InvalidArgumentError(
            f"there is no law {law!r}; choose pareto:A, geometric:R or uniform"
        )
    family = _FAMILIES[name]
    if colon and entropy is not None:
        raise InvalidArgumentError(
            f"{law} has an entropy of its own; leave the entropy out, or write {name} alone"
        )
    if not colon and entropy is None:
        raise InvalidArgumentError(
            f"{name} needs {family.what}, as {family.such} has, or an entropy"
        )
    fall = family.fall(np.arange(1.0, leaves + 1))
    if entropy is None:
        parameter = _parameter(law, given, family)
        steepness = family.steepness(parameter)
        if steepness * fall[-1] > _MOST_FALL:
            raise InvalidArgumentError(
                f"{law} falls too steeply for {leaves} leaves: the least probabilities are too "
                "small for a float64; take fewer leaves or a law that is less steep"
            )
    else:
        steepness = _solve(name, fall, entropy)
        parameter = family.parameter(steepness)
    return MassLaw(name, parameter, _probabilities(fall, steepness))


def entropy_bits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """-sum p log2 p over the last axis, in bits; a p of 0 counts nothing."""
    from scipy.special import entr

    bits: NDArray[np.float64] = entr(probabilities).sum(axis=-1) / math.log(2)
    return bits


class _Family(NamedTuple):
    """A law with a parameter, and what the parameter has to do with the steepness s."""

    what: str
    such: str
    holds: Callable[[float], bool]
    steepness: Callable[[float], float]
    parameter: Callable[[float], float]
    fall: Callable[[NDArray[np.float64]], NDArray[np.float64]]


_FAMILIES = {
    "pareto": _Family(
        what="an exponent above 1",
        such="pareto:2",
        holds=lambda exponent: 1 < exponent < math.inf,
        steepness=lambda exponent: 1 / (exponent - 1),
        parameter=lambda steepness: 1 + 1 / steepness,
        fall=lambda ranks: np.log(2 * ranks - 1),
    ),
    "geometric": _Family(
        what="a ratio between 0 and 1",
        such="geometric:0.9",
        holds=lambda ratio: 0 < ratio < 1,
        steepness=lambda ratio: -math.log(ratio),
        parameter=lambda steepness: math.exp(-steepness),
        fall=lambda ranks: ranks - 1,
    ),
}


def _parameter(law: str, given: str, family: _Family) -> float:
    try:
        parameter = float(given)
    except ValueError:
        parameter = math.nan
    if not family.holds(parameter):
        raise InvalidArgumentError(f"{law} does not have {family.what}, as {family.such} has")
    return parameter


def _probabilities(fall: NDArray[np.float64], steepness: float) -> NDArray[np.float64]:
    weights = np.exp(-steepness * fall)
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _solve(name: str, fall: NDArray[np.float64], entropy: float) -> float:
    """The steepness at which the leaves have that entropy."""
    from scipy.optimize import brentq

    def bits(steepness: float) -> float:
        return float(entropy_bits(_probabilities(fall, steepness)))

    steepest = _MOST_FALL / fall[-1]
    lowest, highest = bits(steepest), bits(0)
    if not lowest < entropy < highest:
        raise InvalidArgumentError(
            f"an entropy of {entropy} bits is out of reach: {name} with {len(fall)} leaves has "
            f"from {lowest:.4g} up to but not {highest:.4f} bits, which uniform has"
        )
    return float(brentq(lambda steepness: bits(steepness) - entropy, 0, steepest, xtol=1e-15))
