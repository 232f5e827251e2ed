"""Means over seeds and their intervals."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""How often such an interval holds the value, if the seeds' values are normally distributed."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Means over seeds, each with an interval of level `LEVEL`; all arrays of one shape.

    Attributes:
        mean: float64.
        low: float64; NaN where there is no interval, as with a single seed.
        high: float64; NaN where `low` is.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Self:
        """The mean over the first axis, and Student's t interval.

        Args:
            values: One value of each seed, shape (seeds, ...).

        Returns:
            Arrays of shape (...).
        """
        mean = values.mean(axis=0)
        half = _quantile(len(values)) * np.sqrt(_covariance(values, values))
        return cls(mean, mean - half, mean + half)

    @classmethod
    def ratio(cls, above: NDArray[np.float64], below: NDArray[np.float64]) -> Self:
        """The ratio of two means over the first axis, and Fieller's interval.

        It holds a ratio r exactly if the t interval of `above - r * below` holds 0 (Fieller, *Some
        Problems in Interval Estimation*, J. R. Stat. Soc. B 16, 1954). There is none where the t
        interval of `below` holds 0: the ratio could then be anything.

        Args:
            above: One value of each seed, shape (seeds, ...).
            below: The same, paired with `above`.

        Returns:
            Arrays of shape (...).
        """
        over, under = above.mean(axis=0), below.mean(axis=0)
        wide = _quantile(len(above)) ** 2
        square = under**2 - wide * _covariance(below, below)
        middle = over * under - wide * _covariance(above, below)
        rest = over**2 - wide * _covariance(above, above)
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(np.maximum(middle**2 - square * rest, 0))
            bounded = np.where(square > 0, square, np.nan)
            return cls(over / under, (middle - root) / bounded, (middle + root) / bounded)

    @property
    def signs(self) -> NDArray[np.int8]:
        """1 or -1 where the whole interval is above or below 0, else 0; int8."""
        above, below = self.low > 0, self.high < 0
        return above.astype(np.int8) - below.astype(np.int8)

    def __getitem__(self, index: Any) -> "Estimate":
        """The estimates at an index of the arrays."""
        return Estimate(*(np.asarray(each[index]) for each in (self.mean, self.low, self.high)))

    def __neg__(self) -> "Estimate":
        return Estimate(-self.mean, -self.high, -self.low)

    def to_dict(self) -> dict[str, Any]:
        """Nested lists of numbers, None in the place of NaN."""
        return {"mean": _plain(self.mean), "low": _plain(self.low), "high": _plain(self.high)}


def _quantile(seeds: int) -> float:
    """How many standard errors the interval goes to each side; NaN for a single seed."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, seeds - 1)) if seeds > 1 else np.nan


def _covariance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The covariance of two means over seeds; 0 for a single seed."""
    seeds = len(one)
    product = (one - one.mean(axis=0)) * (other - other.mean(axis=0))
    return np.asarray(product.sum(axis=0) / (max(seeds - 1, 1) * seeds))


def _plain(values: NDArray[np.float64]) -> Any:
    plain = np.array(values, dtype=object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
