"""Gradients of the rates of several sets of texts, their inner products and cosines.

The rate of a set is that of `elastic_core.scoring.loss`: -log2 p of all its texts / raw bytes of
text. Each set is divided into groups of texts, whose gradients are taken one by one. The matrix of
inner products of all groups is summed in float64; everything else follows from it, and so do
standard errors over texts, by a jackknife that leaves out one group of one set at a time, as for
independent samples (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 11).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.models.protocol import Document, WeightedModel
from elastic_core.scoring.loss import size_of

Array = NDArray[np.float64]

GROUPS = 8
"""Groups of texts in a set, at most; a set of fewer texts has one group for each."""

_COLUMNS = 1 << 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was computed on samples of texts.

    Attributes:
        value: The number; NaN where it is not defined.
        standard_error: Its standard error over texts; None where it has none, as for a single text.
    """

    value: float
    standard_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON: None in place of NaN."""
        record = asdict(self)
        return record if math.isfinite(self.value) else {"value": None, "standard_error": None}


class RateGradients:
    """The gradients of the rates of sets of texts, all at the same weights.

    Args:
        names: The names of the sets.
        nats: The gradients of the code lengths of all groups, shape (groups, weights).
        sizes: The bytes of text of each group, by set.
    """

    def __init__(
        self, names: Sequence[str], nats: NDArray[np.float32], sizes: Sequence[Array]
    ) -> None:
        self._nats = nats
        self._products = _products(nats)
        starts = np.cumsum([0, *map(len, sizes)])
        self._rows = {
            name: slice(start, stop)
            for name, start, stop in zip(names, starts[:-1], starts[1:], strict=True)
        }
        self._sizes = dict(zip(names, sizes, strict=True))

    @classmethod
    def of(cls, model: WeightedModel, sets: Mapping[str, Sequence[Document]]) -> Self:
        """Takes the gradients of sets of texts, which must not be empty.

        Texts are dealt out to groups in turn. The gradients of all groups are held in memory.

        Raises:
            InvalidArgumentError: A set has no text.
            ModelError: The model cannot read a text.
        """
        groups: list[list[Document]] = []
        sizes = []
        for name, texts in sets.items():
            kept = [text for text in texts if text]
            if not kept:
                raise InvalidArgumentError(f"{name}: there is no text to take a gradient on")
            dealt = [kept[at::GROUPS] for at in range(min(GROUPS, len(kept)))]
            groups += dealt
            sizes.append(np.array([sum(map(size_of, group)) for group in dealt], np.float64))
        return cls(list(sets), model.gradients(groups), sizes)

    def vector(self, name: str) -> Array:
        """The gradient of a set's rate in bits per byte per unit of weight, shape (weights,)."""
        weights = self._weights(name)[self._rows[name]]
        total = np.zeros(self._nats.shape[1])
        for weight, row in zip(weights, self._nats[self._rows[name]], strict=True):
            total += weight * row
        return total

    def product(self, one: str, other: str) -> Estimate:
        """The inner product of two gradients; `-eta` times it is the change by a step of eta.

        The product of a set with itself includes the noise of its sample.
        """
        return self._estimate({one, other}, lambda weights: self._inner(weights, one, other))

    def cosine(self, one: str, other: str) -> Estimate:
        """The cosine of the angle of two gradients; NaN where one is 0."""

        def cosine(weights: Mapping[str, Array]) -> float:
            norms = self._inner(weights, one, one) * self._inner(weights, other, other)
            if one == other:
                return 1.0 if norms > 0 else math.nan
            return self._inner(weights, one, other) / math.sqrt(norms) if norms > 0 else math.nan

        return self._estimate({one, other}, cosine)

    def ratio(self, one: str, other: str, by: str) -> Estimate:
        """How many times as much a step on `by` changes the rate of `one` as that of `other`.

        Without a standard error where the change of `other` is not clear of 0 (two standard
        errors): the error of a quotient is large there in one direction only.
        """

        def ratio(weights: Mapping[str, Array]) -> float:
            below = self._inner(weights, other, by)
            return self._inner(weights, one, by) / below if below else math.nan

        estimate, below = self._estimate({one, other, by}, ratio), self.product(other, by)
        error = below.standard_error
        if error is None or abs(below.value) <= 2 * error:
            return Estimate(estimate.value)
        return estimate

    def _estimate(self, names: set[str], value: Callable[[Mapping[str, Array]], float]) -> Estimate:
        """A function of the gradients of sets, with its jackknife standard error.

        Args:
            names: The sets that it depends on.
            value: The function of the weights of groups in the gradient of each set.
        """
        whole = {name: self._weights(name) for name in names}
        estimate, variance = value(whole), 0.0
        for name in sorted(names):
            count = len(self._sizes[name])
            if count < 2:
                return Estimate(estimate)
            without = np.array(
                [value({**whole, name: self._weights(name, left)}) for left in range(count)]
            )
            variance += (count - 1) / count * float(np.sum((without - without.mean()) ** 2))
        return Estimate(estimate, math.sqrt(variance) if math.isfinite(variance) else None)

    def _weights(self, name: str, left_out: int | None = None) -> Array:
        """The weight of each group's gradient in that of a set's rate, shape (groups,)."""
        sizes = self._sizes[name]
        is_in = np.arange(len(sizes)) != (-1 if left_out is None else left_out)
        weights = np.zeros(len(self._products))
        weights[self._rows[name]] = is_in / (math.log(2) * sizes[is_in].sum())
        return weights

    def _inner(self, weights: Mapping[str, Array], one: str, other: str) -> float:
        return float(weights[one] @ self._products @ weights[other])


def _products(rows: NDArray[np.float32]) -> Array:
    """The inner products of all rows, summed in float64; shape (rows, rows)."""
    products = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], _COLUMNS):
        part = rows[:, start : start + _COLUMNS].astype(np.float64)
        # Without BLAS, whose order of summation may depend on the number of threads.
        products += np.einsum("ik,jk->ij", part, part)
    return products
