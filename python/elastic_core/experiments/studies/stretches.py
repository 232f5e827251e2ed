"""How far the springs of a study are stretched by a perturbation: measured, and foretold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.grid import Grid
from elastic_core.experiments.studies.springs_law import SETS
from elastic_core.statistics.intervals import rank_correlation

Array: TypeAlias = NDArray[np.float64]

WORDS = {"pretrain": "pre-training", "align": "alignment", "perturb": "reverse rows"}
"""The data sets as they are called in tables."""

COMPARED = SETS[:2]
"""The sets whose change the law foretells; that of D_t is infinite where it has leaves of its own.
"""


@dataclass(frozen=True, slots=True)
class SpringResult:
    """What one volume of reverse data does; arrays of shape (seeds,), by the names of `SETS`.

    Attributes:
        count: The reverse rows.
        stiffness: |D_i| / |D_a|, of bytes: k of the pre-training, l of the perturbation.
        measured: The change of gamma_i, in bits per byte.
        foretold: The same by the token trees, for each depth.
        coverage: The share of the perturbation that the trees have seen before, for each depth.
    """

    count: int
    stiffness: dict[str, Array]
    measured: dict[str, Array]
    foretold: dict[int, dict[str, Array]]
    coverage: dict[int, Array]

    @classmethod
    def of(cls, grid: Grid, count: int, depths: Sequence[int]) -> "SpringResult":
        """The stretch as the rows have it."""

        def before(metric: str) -> Array:
            return grid.values(metric, stage="before", reverse=count)

        start = {
            "pretrain": before("rate_pretrain"),
            "align": grid.values("rate_align", stage="align"),
            "perturb": before("rate_perturb"),
        }
        after = {name: grid.values(f"rate_{name}", stage="reverse", reverse=count) for name in SETS}
        volumes = {name: before(f"volume_{name}") for name in SETS}
        return cls(
            count=count,
            stiffness={name: volumes[name] / volumes["align"] for name in SETS},
            measured={name: after[name] - start[name] for name in SETS},
            foretold={
                depth: {name: before(f"law_{name}_{depth}") for name in SETS} for depth in depths
            },
            coverage={depth: before(f"coverage_{depth}") for depth in depths},
        )

    def force(self, name: str, depth: int | None = None) -> Array:
        """|D_i| times the change of gamma_i, in bits for each byte of D_a.

        Args:
            name: The data set.
            depth: That of the trees that foretell it; None: measured.
        """
        change = self.measured if depth is None else self.foretold[depth]
        return self.stiffness[name] * change[name]

    def imbalance(self, depth: int | None = None) -> Array:
        """The sum of the forces of pre-training and alignment, as a share of their sizes.

        It is 0 where they are equal and opposite, as in springs in series, and 1 or -1 where both
        point the same way.
        """
        one, other = (self.force(name, depth) for name in ("pretrain", "align"))
        sizes = np.abs(one) + np.abs(other)
        return (one + other) / np.where(sizes > 0, sizes, np.nan)

    def ratio(self, depth: int | None = None) -> Array:
        """The change of gamma_a over that of gamma_p; by Thm 4.2 it is -k."""
        change = self.measured if depth is None else self.foretold[depth]
        below = change["pretrain"]
        return change["align"] / np.where(below != 0, below, np.nan)


def agree(stretch: SpringResult, depth: int, names: Sequence[str]) -> Array:
    """The share of sets whose change has the sign that is foretold, shape (seeds,)."""
    products = [
        np.sign(stretch.measured[name]) * np.sign(stretch.foretold[depth][name]) for name in names
    ]
    found: Array = np.mean([np.where(np.isnan(p), np.nan, p > 0) for p in products], axis=0)
    return found


def ranks(stretches: Sequence[SpringResult], depth: int, name: str) -> list[float]:
    """The rank correlation over volumes of each seed."""
    measured, foretold = _by_seed(stretches, depth, name)
    return [rank_correlation(*pair) for pair in zip(foretold, measured, strict=True)]


def sizes(stretches: Sequence[SpringResult], depth: int, name: str) -> Array:
    """What the foretold changes are multiplied by to be the measured ones, by least squares."""
    measured, foretold = _by_seed(stretches, depth, name)
    square = (foretold**2).sum(axis=1)
    found: Array = (measured * foretold).sum(axis=1) / np.where(square > 0, square, np.nan)
    return found


def _by_seed(stretches: Sequence[SpringResult], depth: int, name: str) -> tuple[Array, Array]:
    """Measured and foretold changes, each of shape (seeds, volumes)."""
    measured = np.column_stack([each.measured[name] for each in stretches])
    foretold = np.column_stack([each.foretold[depth][name] for each in stretches])
    return measured, foretold
