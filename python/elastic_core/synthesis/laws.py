"""Mass laws: how the probabilities of a source's leaves fall with their rank.

Each law is p_r ~ exp(-s fall(r)) over the ranks r = 1 ... M with a steepness s >= 0. Entropy falls
as s grows, from log2 M at s = 0 (dH/ds = -s Var(fall) log2 e), so an entropy determines s.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError

_MOST_FALL = 700.0
"""Largest ln(largest / smallest probability) at which a float64 keeps all its digits."""


@dataclass(frozen=True, slots=True)
class MassLaw:
    """The probabilities of M leaves, by rank.

    Attributes:
        name: `pareto`, `geometric` or `uniform`.
        parameter: The exponent of `pareto`, the ratio of `geometric`, None for `uniform`.
        probabilities: Probability of the leaf of each rank, descending; shape (M,), float64, sum 1.
    """

    name: str
    parameter: float | None
    probabilities: NDArray[np.float64]

    @property
    def entropy_bits(self) -> float:
        """-sum p log2 p, in bits per segment."""
        return float(entropy_bits(self.probabilities))


def build_law(law: str, leaves: int, entropy: float | None = None) -> MassLaw:
    """The named law over a number of leaves.

    In `pareto:A` the leaf of rank r has the quantile x with P(X > x) = (r - 1/2) / M of the Pareto
    law with density p(x) ~ x^-A, so p_r ~ (r - 1/2)^(-1 / (A - 1)). A is the exponent that fitting
    a power law to the leaf weights recovers (Clauset, Shalizi and Newman, SIAM Review 51, 2009).
    `geometric:R` is p_r ~ R^r, and `uniform` is p_r = 1 / M.

    Args:
        law: `pareto:A` with A > 1, `geometric:R` with 0 < R < 1, or `uniform`; `pareto` or
            `geometric` with an entropy.
        leaves: The number of leaves: M.
        entropy: Entropy of the leaves in bits per segment, which determines A or R.

    Returns:
        The law, with the given parameter or the one that follows from the entropy.

    Raises:
        InvalidArgumentError: There is no such law, or none with that entropy.
    """
    if leaves < 2:
        raise InvalidArgumentError(f"a law needs at least 2 leaves, not {leaves}")
    name, colon, number = law.partition(":")
    if law == "uniform":
        if entropy is not None:
            raise InvalidArgumentError(
                f"{leaves} uniform leaves always have an entropy of {math.log2(leaves):.4f} bits; "
                "leave the entropy out, or choose pareto or geometric"
            )
        return MassLaw(law, None, np.full(leaves, 1 / leaves))
    if name not in _FAMILIES:
        raise InvalidArgumentError(f"unknown law {law!r}; choose pareto:A, geometric:R or uniform")
    family = _FAMILIES[name]
    if colon and entropy is not None:
        raise InvalidArgumentError(
            f"{law} already determines the entropy; leave the entropy out, or write {name} alone"
        )
    if not colon and entropy is None:
        raise InvalidArgumentError(
            f"{name} needs {family.parameter_name}, as in {family.example}, or an entropy"
        )
    fall = family.fall(np.arange(1.0, leaves + 1))
    if entropy is None:
        parameter = _parameter(law, number, family)
        steepness = family.steepness(parameter)
        if steepness * fall[-1] > _MOST_FALL:
            raise InvalidArgumentError(
                f"{law} is too steep for {leaves} leaves: the smallest probabilities underflow a "
                "float64; choose fewer leaves or a flatter law"
            )
    else:
        steepness = _solve(name, fall, entropy)
        parameter = family.parameter(steepness)
    return MassLaw(name, parameter, _probabilities(fall, steepness))


def entropy_bits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """-sum p log2 p over the last axis, in bits; a p of 0 contributes nothing."""
    from scipy.special import entr

    bits: NDArray[np.float64] = entr(probabilities).sum(axis=-1) / math.log(2)
    return bits


class _Family(NamedTuple):
    """A law with a parameter, and how the parameter relates to the steepness s."""

    parameter_name: str
    example: str
    is_valid: Callable[[float], bool]
    steepness: Callable[[float], float]
    parameter: Callable[[float], float]
    fall: Callable[[NDArray[np.float64]], NDArray[np.float64]]


_FAMILIES = {
    "pareto": _Family(
        parameter_name="an exponent above 1",
        example="pareto:2",
        is_valid=lambda exponent: 1 < exponent < math.inf,
        steepness=lambda exponent: 1 / (exponent - 1),
        parameter=lambda steepness: 1 + 1 / steepness,
        fall=lambda ranks: np.log(2 * ranks - 1),
    ),
    "geometric": _Family(
        parameter_name="a ratio between 0 and 1",
        example="geometric:0.9",
        is_valid=lambda ratio: 0 < ratio < 1,
        steepness=lambda ratio: -math.log(ratio),
        parameter=lambda steepness: math.exp(-steepness),
        fall=lambda ranks: ranks - 1,
    ),
}


def _parameter(law: str, number: str, family: _Family) -> float:
    try:
        parameter = float(number)
    except ValueError:
        parameter = math.nan
    if not family.is_valid(parameter):
        raise InvalidArgumentError(f"{law} needs {family.parameter_name}, as in {family.example}")
    return parameter


def _probabilities(fall: NDArray[np.float64], steepness: float) -> NDArray[np.float64]:
    weights = np.exp(-steepness * fall)
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _solve(name: str, fall: NDArray[np.float64], entropy: float) -> float:
    """The steepness at which the leaves have the entropy."""
    from scipy.optimize import brentq

    def bits(steepness: float) -> float:
        return float(entropy_bits(_probabilities(fall, steepness)))

    steepest = _MOST_FALL / fall[-1]
    lowest, highest = bits(steepest), bits(0)
    if not lowest < entropy < highest:
        raise InvalidArgumentError(
            f"an entropy of {entropy} bits is out of range: {name} with {len(fall)} leaves has at "
            f"least {lowest:.4g} bits and less than the {highest:.4f} of uniform"
        )
    return float(brentq(lambda steepness: bits(steepness) - entropy, 0, steepest, xtol=1e-15))
