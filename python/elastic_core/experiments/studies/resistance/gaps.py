"""Gaps between forward and inverse training, and the part that is due to difficult targets.

Two losses on two targets also differ because one target is harder. The loss of the target's own
author measures that difficulty: it estimates the entropy of the author's answers, which no model
can beat on answers it has not learned. So, for a model trained on answers D, in nats per token,

    excess = loss of the trained model on D - loss of the author of D on D.

On answers that were not learned this estimates KL(author || trained model), which is 0 for a model
that has become the author, whatever the entropy. On learned answers, which are memorized, it may be
negative.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from elastic_core.experiments.analysis import Array, Grid

LEARNED, FRESH = "learned", "fresh"
"""The answers of an author that a model was trained on, and as many that it was not trained on."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses on one set of answers, in nats per token; arrays of shape (seeds,).

    Attributes:
        base: Loss of the base model.
        author: Loss of the model that wrote the answers.
        start: Loss of the trained model before training.
        final: Loss of the trained model after training.
    """

    base: Array
    author: Array
    start: Array
    final: Array

    @property
    def excess(self) -> Array:
        """The loss of the trained model minus that of the author."""
        return self.final - self.author

    @property
    def closed(self) -> Array:
        """The share of the distance from start to author that training closed.

        NaN where the start is not above the author.
        """
        distance = self.start - self.author
        return (self.start - self.final) / np.where(distance > 0, distance, np.nan)


@dataclass(frozen=True, slots=True)
class Training:
    """The training of one model on the answers of another; arrays of shape (seeds,).

    Attributes:
        model: Number of the slice after which the trained model was taken.
        target: Number of the slice after which the author was taken.
        train_loss: The final training loss, which the paper compares, in nats per token.
        learned: Losses on the learned answers.
        fresh: Losses on the other answers.
        kl_change: The change of KL(model || base), in nats per token.
        moved: KL(model before || after) in nats per token: the increase of the loss on answers
            that the model itself wrote before.
    """

    model: int
    target: int
    train_loss: Array
    learned: Losses
    fresh: Losses
    kl_change: Array
    moved: Array

    @classmethod
    def read(cls, grid: Grid, model: int, target: int) -> "Training":
        """Reads the training from the rows of the study."""

        def after(metric: str) -> Array:
            return grid.values(metric, stage="train", model=model, target=target)

        def probe(probed: int, answers: str, author: int) -> Array:
            return grid.values(f"loss_{answers}_{author}", stage="probe", model=probed)

        def losses(answers: str) -> Losses:
            base, author, start = (probe(number, answers, target) for number in (0, target, model))
            return Losses(base, author, start, final=after(f"loss_{answers}"))

        return cls(
            model=model,
            target=target,
            train_loss=after("train_final"),
            learned=losses(LEARNED),
            fresh=losses(FRESH),
            kl_change=after("kl") - grid.values("kl", stage="slice", slice=model),
            moved=after("loss_own") - probe(model, FRESH, model),
        )

    @property
    def name(self) -> str:
        """The training as tables show it, such as `1→2`."""
        return f"{self.model}→{self.target}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The two trainings between two models.

    All gaps are forward minus inverse, in nats per token, of shape (seeds,).

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
    def paper_gap(self) -> Array:
        """The gap of the final training losses, which the paper compares."""
        return self.forward.train_loss - self.inverse.train_loss

    @property
    def naive_gap(self) -> Array:
        """The gap of the losses on all learned answers after training."""
        return self.forward.learned.final - self.inverse.learned.final

    @property
    def difficulty(self) -> Array:
        """The part of `naive_gap` between the targets' own authors, which is not resistance."""
        return self.forward.learned.author - self.inverse.learned.author

    @property
    def learned_gap(self) -> Array:
        """The rest of `naive_gap`: the gap of the excess on learned answers."""
        return self.forward.learned.excess - self.inverse.learned.excess

    @property
    def adjusted_gap(self) -> Array:
        """The gap of the excess on answers that were not learned."""
        return self.forward.fresh.excess - self.inverse.fresh.excess


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


def mean_over_pairs(pairs: Sequence[Pair], gap: Gap) -> Array:
    """The mean over pairs for each seed, shape (seeds,); NaN where any pair is missing."""
    means: Array = np.mean([gap(pair) for pair in pairs], axis=0)
    return means
