"""A ratio of two sums over documents, with its standard error."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Ratio:
    """What a total comes to for each of some units, the documents drawn by chance.

    Attributes:
        value: The ratio.
        standard_error: The standard deviation that it would have over other documents; None of a
            single one.
    """

    value: float
    standard_error: float | None

    @classmethod
    def of(cls, amounts: ArrayLike, units: ArrayLike) -> Self:
        """The ratio of the sums; its error is linearized (Cochran, *Sampling Techniques*, ch. 6).

        Args:
            amounts: What each document adds above, shape (documents,).
            units: What it adds below, shape (documents,); not 0 in all.
        """
        above, below = np.asarray(amounts, np.float64), np.asarray(units, np.float64)
        value = math.fsum(above) / math.fsum(below)
        if len(above) < 2 or not math.isfinite(value):
            return cls(value, None)
        spread = np.sum((above - value * below) ** 2) / (len(above) * (len(above) - 1))
        return cls(value, float(np.sqrt(spread) / below.mean()))

    def __truediv__(self, divisor: float) -> "Ratio":
        error = self.standard_error
        return Ratio(self.value / divisor, None if error is None else error / divisor)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return asdict(self)
