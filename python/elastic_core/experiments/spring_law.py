"""The springs of section 4.2, seed by seed: force, imbalance, ratio and verdict.

The paper treats data sets as springs in series: the stiffness of D_i is its volume |D_i|, its
stretch the change of KL(P_i || model), and the product, the force, is claimed to be equal and
opposite for pre-training and alignment. KL(P_i || model) is the rate gamma_i minus the entropy of
P_i, which no training changes, so its change is that of gamma_i. Volumes are relative to |D_a|.
Then Thm 4.2, d gamma_a / dl = -k d gamma_p / dl, says that the two forces sum to 0.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.statistics.intervals import Interval, interval
from elastic_core.statistics.ratios import ratios_of_means

Array: TypeAlias = NDArray[np.float64]

RATIO_MARGIN = 1.25
"""The factor up to which a ratio of the changes counts as equal to -k, in either direction."""

IMBALANCE = round((RATIO_MARGIN - 1) / (RATIO_MARGIN + 1), 3)
"""The imbalance of a ratio of `RATIO_MARGIN` times -k, up to its sign.

The changes being opposite, with r the ratio over -k, the imbalance is (r - 1) / (r + 1), which is
the hyperbolic tangent of half the logarithm of r. For changes in the same direction, which have no
logarithm, it is 1 or -1.
"""


def force(volume: Array, change: Array) -> Array:
    """|D_i| times the change of gamma_i, in bits for each byte of D_a.

    Args:
        volume: |D_i| / |D_a|, by which a change is multiplied.
        change: The change of gamma_i, in bits per byte.
    """
    return volume * change


@dataclass(frozen=True, slots=True, eq=False)
class SpringPair:
    """The stretches of pre-training and alignment under one or several perturbations.

    Attributes:
        k: |D_p| / |D_a|, shape (seeds,) or (seeds, 1).
        pretrain: The change of gamma_p in bits per byte, shape (seeds,) or (seeds, perturbations).
        align: That of gamma_a, of the same shape.
    """

    k: Array
    pretrain: Array
    align: Array

    @property
    def pretrain_force(self) -> Array:
        """The force of the pre-training, with the shape of `pretrain`."""
        return force(self.k, self.pretrain)

    @property
    def align_force(self) -> Array:
        """The force of the alignment: its change, because its volume is 1."""
        return self.align

    @property
    def net_force(self) -> Array:
        """The sum of both forces; 0 by the law."""
        return self.pretrain_force + self.align_force

    @property
    def imbalance(self) -> Array:
        """The net force as a share of the sizes of both forces; NaN where both are 0.

        It is 0 where they are equal and opposite, and 1 or -1 where they have the same direction.
        """
        sizes = np.abs(self.pretrain_force) + np.abs(self.align_force)
        return self.net_force / np.where(sizes > 0, sizes, np.nan)

    @property
    def relative_net_force(self) -> Array:
        """The net force as a share of the mean over seeds of the sizes of both forces.

        For arrays of shape (seeds,). Its mean is the imbalance of all seeds together, on which a
        seed with hardly a change weighs little, unlike on the mean of `imbalance`.
        """
        sizes = np.abs(self.pretrain_force) + np.abs(self.align_force)
        known = sizes[np.isfinite(sizes)]
        mean = float(known.mean()) if len(known) else np.nan
        share: Array = self.net_force / (mean or np.nan)
        return share

    def ratios(self) -> list[Interval]:
        """The change of gamma_a over that of gamma_p under each perturbation; -k by the law.

        It is a ratio of means, with Fieller's interval: one seed with hardly a change of gamma_p
        would spoil a mean of ratios.
        """
        columns = (len(self.align), -1)
        return ratios_of_means(self.align.reshape(columns), self.pretrain.reshape(columns))

    def verdict(self) -> str:
        """Whether the forces are equal and opposite, for arrays of shape (seeds,).

        They count as that if the alignment's force is between 1 / `RATIO_MARGIN` and `RATIO_MARGIN`
        times that of the pre-training, with the other sign, which is to say that the ratio of the
        changes is within that factor of -k. So the sum of both forces is taken with the
        pre-training's multiplied by either bound, which needs no quotient of noisy numbers.

        Returns:
            `holds`: the intervals of both sums exclude 0 on different sides, so that the ratio lies
            between the bounds (two one-sided tests, Schuirmann 1987). `does not hold`: they
            exclude 0 on the same side, so that it lies beyond one of them. `open`: neither, as
            always with fewer seeds than support a verdict.
        """
        low, high = (
            interval(self.align_force + bound * self.pretrain_force)
            for bound in (1 / RATIO_MARGIN, RATIO_MARGIN)
        )
        if not (low.excludes_zero and high.excludes_zero):
            return "open"
        return "holds" if low.mean * high.mean < 0 else "does not hold"
