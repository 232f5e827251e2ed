"""The rates of three datasets among many, at volumes k : 1 : l."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import JointRates, JointSpectrum
from elastic_core.common.progress import Progress

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Triple:
    """D_p, D_a and one of the perturbations of a joint spectrum; the others have no volume.

    Attributes:
        joint: The joint spectrum of D_p, D_a and all perturbations, in this order.
        perturb: The place of the perturbation in it.
        threads: Threads to work on; None: one for each core.
        progress: Called with the phase, the classes done and the classes in all.
    """

    joint: JointSpectrum
    perturb: int
    threads: int | None = None
    progress: Progress | None = None

    @property
    def members(self) -> list[int]:
        """The places of D_p, D_a and D_t."""
        return [0, 1, self.perturb]

    def volumes(
        self, k: Sequence[float] | Array | float, l: Sequence[float] | Array | float
    ) -> Array:
        """The volumes of all datasets for each k and l, shape (points, datasets)."""
        k, l = np.broadcast_arrays(np.atleast_1d(k), np.atleast_1d(l))
        volumes = np.zeros((len(k), len(self.joint.segments)))
        volumes[:, 0], volumes[:, 1], volumes[:, self.perturb] = k, 1, l
        return volumes

    def rates(
        self, k: Sequence[float] | Array | float, l: Sequence[float] | Array | float
    ) -> JointRates:
        """The rates for each k and l, with slopes in l.

        Raises:
            InvalidArgumentError: A volume is below 0 or not finite.
        """
        return self.joint.rates(
            self.volumes(k, l), self.perturb, threads=self.threads, progress=self.progress
        )

    def huffman_bits(self, depth: int, k: float, l: Array | float) -> Array:
        """The Huffman code's rates at one depth for each l, shape (points, 3)."""
        bits = self.joint.huffman_bits(
            depth, self.volumes(k, l), threads=self.threads, progress=self.progress
        )
        return bits[:, self.members]
