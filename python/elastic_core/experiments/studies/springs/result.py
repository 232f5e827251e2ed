"""How far one volume of reverse data stretches the springs: measured and predicted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.spring_law import Array, SpringPair, force
from elastic_core.experiments.studies.springs.prediction import SETS
from elastic_core.statistics.intervals import rank_correlation

COMPARED = SETS[:2]
"""The sets whose change the law predicts. That of D_t is infinite where it has leaves of its own.
"""


@dataclass(frozen=True, slots=True)
class SpringResult:
    """What one volume of reverse data does; arrays of shape (seeds,), by the names of `SETS`.

    Attributes:
        count: Number of reverse rows.
        stiffness: |D_i| / |D_a| in bytes: k of the pre-training, l of the perturbation.
        measured: The change of gamma_i, in bits per byte.
        predicted: The same by the token trees, for each depth.
        coverage: The share of the perturbation's segments that the other two trees have, for each
            depth.
    """

    count: int
    stiffness: dict[str, Array]
    measured: dict[str, Array]
    predicted: dict[int, dict[str, Array]]
    coverage: dict[int, Array]

    @classmethod
    def of(cls, grid: Grid, count: int, depths: Sequence[int]) -> "SpringResult":
        """Reads the result for `count` reverse rows from the rows of a run."""

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
            predicted={
                depth: {name: before(f"law_{name}_{depth}") for name in SETS} for depth in depths
            },
            coverage={depth: before(f"coverage_{depth}") for depth in depths},
        )

    def change(self, name: str, depth: int | None = None) -> Array:
        """The change of gamma_i, in bits per byte.

        Args:
            name: The data set.
            depth: Depth of the trees that predict it; None: measured.
        """
        return (self.measured if depth is None else self.predicted[depth])[name]

    def force(self, name: str, depth: int | None = None) -> Array:
        """|D_i| times the change of gamma_i, in bits for each byte of D_a; see `change`."""
        return force(self.stiffness[name], self.change(name, depth))

    def springs(self, depth: int | None = None) -> SpringPair:
        """The springs of pre-training and alignment: measured, or predicted by trees of a depth."""
        pretrain, align = (self.change(name, depth) for name in COMPARED)
        return SpringPair(self.stiffness["pretrain"], pretrain, align)

    def agreement(self, depth: int, names: Sequence[str]) -> Array:
        """The share of data sets whose change has the predicted sign, shape (seeds,)."""
        products = [
            np.sign(self.measured[name]) * np.sign(self.predicted[depth][name]) for name in names
        ]
        shares: Array = np.mean([np.where(np.isnan(p), np.nan, p > 0) for p in products], axis=0)
        return shares


def rank_correlations(results: Sequence[SpringResult], depth: int, name: str) -> list[float]:
    """Spearman's correlation of predicted and measured changes over volumes, for each seed."""
    measured, predicted = _by_seed(results, depth, name)
    return [rank_correlation(*pair) for pair in zip(predicted, measured, strict=True)]


def scales(results: Sequence[SpringResult], depth: int, name: str) -> Array:
    """The factor that fits predicted to measured changes by least squares, shape (seeds,)."""
    measured, predicted = _by_seed(results, depth, name)
    square = (predicted**2).sum(axis=1)
    factors: Array = (measured * predicted).sum(axis=1) / np.where(square > 0, square, np.nan)
    return factors


def _by_seed(results: Sequence[SpringResult], depth: int, name: str) -> tuple[Array, Array]:
    """Measured and predicted changes, each of shape (seeds, volumes)."""
    measured = np.column_stack([result.change(name) for result in results])
    predicted = np.column_stack([result.change(name, depth) for result in results])
    return measured, predicted
