"""Distances between models and the authors of their targets, and gaps between two trainings.

Losses on two targets also differ because one target is harder to predict. The distance of a model
from the author of a target does not: it is KL(author || model) along the author's answers to
prompts that nothing was trained on, which is 0 for a model that has become the author. See
`elastic_core.scoring.instruments.AuthorDivergence`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from elastic_core.experiments.analysis import Array, Grid
from elastic_core.experiments.cells import Label
from elastic_core.statistics.effects import over_seeds


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses on the answers that were learned, in nats per token; arrays of shape (seeds,).

    Attributes:
        base: Loss of the base model.
        author: Loss of the model that wrote the answers: the difficulty of the target.
        start: Loss of the trained model before training.
        final: Loss of the trained model after training.
    """

    base: Array
    author: Array
    start: Array
    final: Array


@dataclass(frozen=True, slots=True)
class Training:
    """The training of one model on the answers of another; arrays of shape (seeds,).

    Distances are KL(author of the target || model) on fresh answers, in nats per token.

    Attributes:
        model: Number of the slice after which the trained model was taken.
        target: Number of the slice after which the author was taken.
        start: Distance before training.
        neutral: Distance after training the same model on as many neutral texts instead.
        final: Distance after training.
        moved: KL(model before || after) in nats per token, on fresh answers of the former.
        kl_change: The change of KL(model || base), in nats per token.
        train_loss: The final training loss, which the paper compares, in nats per token.
        losses: Losses on the learned answers.
    """

    model: int
    target: int
    start: Array
    neutral: Array
    final: Array
    moved: Array
    kl_change: Array
    train_loss: Array
    losses: Losses

    @classmethod
    def read(cls, grid: Grid, model: int, target: int) -> "Training":
        """Reads the training from the rows of the study."""

        def distance(author: int, **labels: Label) -> Array:
            return grid.values(f"kl_author_{author}", **labels, model=model)

        def after(metric: str) -> Array:
            return grid.values(metric, stage="train", model=model, target=target)

        def loss(probed: int) -> Array:
            return grid.values(f"loss_learned_{target}", stage="probe", model=probed)

        return cls(
            model=model,
            target=target,
            start=distance(target, stage="probe"),
            neutral=distance(target, stage="neutral"),
            final=distance(target, stage="train", target=target),
            moved=distance(model, stage="train", target=target),
            kl_change=after("kl") - grid.values("kl", stage="slice", slice=model),
            train_loss=after("train_final"),
            losses=Losses(loss(0), loss(target), loss(model), after(f"loss_learned_{target}")),
        )

    @property
    def name(self) -> str:
        """The training as tables show it, such as `1→2`."""
        return f"{self.model}→{self.target}"

    @property
    def approach(self) -> Array:
        """How much nearer to the author the training brought the model."""
        return self.start - self.final

    @property
    def beyond_neutral(self) -> Array:
        """How much nearer it brought the model than training on neutral texts did."""
        return self.neutral - self.final

    @property
    def has_approached(self) -> bool:
        """Whether the training brought the model nearer; at 95% with two seeds or more."""
        return over_seeds(self.approach).is_positive


@dataclass(frozen=True, slots=True)
class Pair:
    """The two trainings between two models.

    All gaps are in nats per token, of shape (seeds,), and above 0 if they favour inverse training.

    Attributes:
        forward: The earlier model, trained on the answers of the later one.
        inverse: The later model, trained on the answers of the earlier one.
    """

    forward: Training
    inverse: Training

    @property
    def name(self) -> str:
        """The pair as the paper writes it, such as `(1, 2)`."""
        return f"({self.forward.model}, {self.forward.target})"

    @property
    def loss_gap(self) -> Array:
        """The gap of the final training losses, which the paper compares: forward - inverse."""
        return self.forward.train_loss - self.inverse.train_loss

    @property
    def difficulty(self) -> Array:
        """The gap of the losses of the targets' own authors, which is not resistance."""
        return self.forward.losses.author - self.inverse.losses.author

    @property
    def distance_gap(self) -> Array:
        """The gap of the distances after training: forward - inverse."""
        return self.forward.final - self.inverse.final

    @property
    def approach_gap(self) -> Array:
        """The gap of the approaches beyond those of neutral training: inverse - forward."""
        return self.inverse.beyond_neutral - self.forward.beyond_neutral

    @property
    def kl_gap(self) -> Array:
        """The gap of the absolute changes of KL(model || base): forward - inverse."""
        change: Array = np.abs(self.forward.kl_change) - np.abs(self.inverse.kl_change)
        return change


Gap: TypeAlias = Callable[[Pair], Array]
"""A quantity of a pair, of shape (seeds,)."""


def read_pairs(grid: Grid, slices: int) -> list[Pair]:
    """All pairs of the models after the slices, neighbours first."""
    numbers = range(1, slices + 1)
    pairs = [(one, other) for one in numbers for other in numbers if one < other]
    return [
        Pair(Training.read(grid, one, other), Training.read(grid, other, one))
        for one, other in sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair))
    ]


def base_distances(grid: Grid, slices: int) -> list[tuple[str, Array]]:
    """The distance of the base from the author of each target, with names such as `base→1`."""
    return [
        (f"base→{number}", grid.values(f"kl_author_{number}", stage="probe", model=0))
        for number in range(1, slices + 1)
    ]


def trainings(pairs: Sequence[Pair]) -> list[tuple[Training, str]]:
    """All trainings and their directions, the inverse one of each pair first."""
    return [
        training
        for pair in pairs
        for training in ((pair.inverse, "inverse"), (pair.forward, "forward"))
    ]


def mean_over_pairs(pairs: Sequence[Pair], gap: Gap) -> Array:
    """The mean over pairs for each seed, shape (seeds,); NaN where any pair is missing."""
    means: Array = np.mean([gap(pair) for pair in pairs], axis=0)
    return means
