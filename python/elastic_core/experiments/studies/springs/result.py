"""How far one volume of reverse data stretches the springs: measured and predicted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.spring_law import Array, SpringPair, force
from elastic_core.experiments.studies.springs.prediction import SETS
from elastic_core.statistics.intervals import rank_correlation

COMPARED = SETS[:2]
"""The sets whose change the law predicts. That of D_t is infinite where it has leaves of its own.
"""

ORDERS = ("joint", "sequential")
"""`joint`: D_p, D_a and D_t are learned in one mixture. `sequential`: one after the other."""


@dataclass(frozen=True, slots=True)
class SpringResult:
    """What one volume of reverse data does; arrays of shape (seeds,), by the names of `SETS`.

    Attributes:
        order: The order of learning, one of `ORDERS`.
        count: Number of reverse rows.
        stiffness: |D_i| / |D_a| in bytes: k of the pre-training, l of the perturbation.
        measured: The change of gamma_i, in bits per byte.
        predicted: The same by the token trees, for each depth.
        coverage: The share of the perturbation's segments that the other two trees have, for each
            depth.
    """

    order: str
    count: int
    stiffness: dict[str, Array]
    measured: dict[str, Array]
    predicted: dict[int, dict[str, Array]]
    coverage: dict[int, Array]

    @classmethod
    def of(cls, grid: Grid, order: str, count: int, depths: Sequence[int]) -> "SpringResult":
        """Reads the result of an order for `count` reverse rows from the rows of a run."""

        def before(metric: str) -> Array:
            return grid.values(metric, stage="before", order=order, reverse=count)

        def after(metric: str) -> Array:
            return grid.values(metric, stage="reverse", order=order, reverse=count)

        rates = {name: f"rate_{name}" for name in SETS}
        if order == "joint":
            rates["pretrain"] = "rate_replay"
        volumes = {name: before(f"volume_{name}") for name in SETS}
        return cls(
            order=order,
            count=count,
            stiffness={name: volumes[name] / volumes["align"] for name in SETS},
            measured={name: after(rate) - before(rate) for name, rate in rates.items()},
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
    measured, predicted = _by_seed(results, depth, [name])
    return [rank_correlation(*pair) for pair in zip(predicted, measured, strict=True)]


def skill(results: Sequence[SpringResult], depth: int) -> Array:
    """How much better trees of a depth predict the changes than a constant does, by seed.

    The rival knows no law: it predicts the same change for pre-training and alignment. Both have
    one number for each volume, fitted to the other seeds by least squares: the rival its constant,
    the trees the scale of their prediction, which is at least 0, because a network may learn faster
    than counts do but not backwards. The skill is the squared error that the trees save, over the
    mean squared error of the constant: 1 for a perfect prediction, 0 for one that is no better,
    such as one that says `up` by the same amount for both.

    Returns:
        Shape (seeds,); NaN for seeds with a missing change, and with fewer than two seeds.
    """
    changes = [_by_seed([result], depth, COMPARED) for result in results]
    finite = np.isfinite(np.concatenate(changes, axis=2))
    seeds = np.arange(finite.shape[1])
    known = np.array([finite[:, seed].all() for seed in seeds])
    trees, constant = (np.full(len(seeds), np.nan) for _ in range(2))
    for seed in seeds[known].tolist():
        others = known & (seeds != seed)
        if others.any():
            errors = [_squared_errors(*volume, seed, others) for volume in changes]
            trees[seed], constant[seed] = np.sum(errors, axis=0)
    tested = np.isfinite(constant)
    mean = constant[tested].mean() if tested.any() else 0.0
    shares: Array = (constant - trees) / (mean or np.nan)
    return shares


def _squared_errors(
    measured: Array, predicted: Array, seed: int, others: NDArray[np.bool_]
) -> tuple[float, float]:
    """The squared errors of the trees and of the constant for a seed, at one volume."""
    square = float((predicted[others] ** 2).sum())
    product = float((measured[others] * predicted[others]).sum())
    scale = max(0.0, product / square) if square else 0.0
    fits = scale * predicted[seed], measured[others].mean()
    first, second = (float(((measured[seed] - fit) ** 2).sum()) for fit in fits)
    return first, second


def _by_seed(
    results: Sequence[SpringResult], depth: int, names: Sequence[str]
) -> tuple[Array, Array]:
    """Measured and predicted changes, each of shape (seeds, volumes x sets)."""
    pairs = [(result, name) for result in results for name in names]
    measured = np.column_stack([result.change(name) for result, name in pairs])
    predicted = np.column_stack([result.change(name, depth) for result, name in pairs])
    return measured, predicted
