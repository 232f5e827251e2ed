"""The spectrum of leaf weights: how many leaves of a tree occur how often."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Leaves by their counts; all that a law of leaf weights can be tested on.

    Attributes:
        counts: The counts that occur, rising, shape (K,), float64: a law may draw counts that no
            integer type holds.
        leaves: The leaves with each count, at least 1, shape (K,), int64.
    """

    counts: Floats
    leaves: NDArray[np.int64]

    @classmethod
    def of(cls, counts: NDArray[Any], leaves: NDArray[Any]) -> Self:
        """The spectrum in two arrays, such as those of `DepthStatistics.spectrum`."""
        return cls(counts.astype(np.float64), leaves.astype(np.int64))

    @property
    def size(self) -> int:
        """The leaves in all: M."""
        return int(self.leaves.sum())

    @property
    def mass(self) -> float:
        """Their occurrences in all."""
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
        """The mean over the leaves of a value that is given for each count."""
        return float(values @ self.leaves) / self.size

    def survival(self) -> Floats:
        """The share of leaves that occur at least as often as each count, shape (K,)."""
        return np.cumsum(self.leaves[::-1])[::-1] / self.size

    def spaced(self, most: int) -> NDArray[np.intp]:
        """Places of at most `most` counts: all of them, or else some evenly spaced in their log.

        Of more, it is the first count at or above each of `most` values that lie evenly between
        the logs of the least and the greatest count, so none of the small ones is left out.
        """
        if len(self.counts) <= most:
            return np.arange(len(self.counts))
        values = np.geomspace(self.counts[0], self.counts[-1], most)
        places = np.searchsorted(self.counts, values)
        return np.unique(np.minimum(places, len(self.counts) - 1))
