"""What becomes of a model that is trained on another model's answers, and what these are like.

Two losses on two targets differ by how hard the targets are, too. The loss of a target's own
author says how hard it is: it is the entropy of what the author says, below which no model comes
on other answers of the author. So with D what a model is trained on, and nats per token,

    excess = loss of the trained model on D - loss of D's author on D.

On answers that were not trained on this estimates KL(author || trained model), which is 0 for a
model that has become the author, whatever the entropy. On the answers that were learned it may
fall below 0: they are known by heart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.grid import Grid

Array: TypeAlias = NDArray[np.float64]

LEARNED, FRESH = "learned", "fresh"
"""Answers of the target's author: those that were trained on, and as many others."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses on one set of answers, in nats per token, each of shape (seeds,).

    Attributes:
        base: Under the base model.
        author: Under the model that gave the answers.
        start: Under the model that was trained, before.
        final: And after.
    """

    base: Array
    author: Array
    start: Array
    final: Array

    @property
    def excess(self) -> Array:
        """What the trained model is worse by than the author."""
        return self.final - self.author

    @property
    def closed(self) -> Array:
        """The share of the way from start to author that is gone; NaN where there is no way."""
        way = self.start - self.author
        return (self.start - self.final) / np.where(way > 0, way, np.nan)


@dataclass(frozen=True, slots=True)
class Training:
    """A training of one model on the answers of another; arrays of shape (seeds,).

    Attributes:
        model: The number of the slice after which the model stood.
        target: That of the author.
        printed: The last training loss, which the paper compares.
        learned: Losses on the answers that were trained on.
        fresh: Losses on the others.
        kl_change: The change of KL(model || base), nats per token.
        moved: KL(model before || after), nats per token: what the model's own answers cost it more
            afterwards.
    """

    model: int
    target: int
    printed: Array
    learned: Losses
    fresh: Losses
    kl_change: Array
    moved: Array

    @classmethod
    def of(cls, grid: Grid, model: int, target: int) -> "Training":
        """The training as the rows have it."""

        def after(metric: str) -> Array:
            return grid.values(metric, stage="train", model=model, target=target)

        def probe(probed: int, answers: str, author: int) -> Array:
            return grid.values(f"loss_{answers}_{author}", stage="probe", model=probed)

        def losses(answers: str) -> Losses:
            base, author, start = (probe(each, answers, target) for each in (0, target, model))
            return Losses(base, author, start, final=after(f"loss_{answers}"))

        return cls(
            model=model,
            target=target,
            printed=after("train_final"),
            learned=losses(LEARNED),
            fresh=losses(FRESH),
            kl_change=after("kl") - grid.values("kl", stage="slice", slice=model),
            moved=after("loss_own") - probe(model, FRESH, model),
        )

    @property
    def name(self) -> str:
        """The training in the words of a table."""
        return f"{self.model}→{self.target}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The two trainings between two models.

    Attributes:
        forward: The earlier model, trained on the answers of the later.
        inverse: The later, trained on the answers of the earlier.
    """

    forward: Training
    inverse: Training

    @property
    def name(self) -> str:
        """The pair as the paper writes it."""
        return f"({self.forward.model}, {self.forward.target})"

    @property
    def printed_gap(self) -> Array:
        """What the paper's forward loss is above its inverse."""
        return self.forward.printed - self.inverse.printed

    @property
    def naive_gap(self) -> Array:
        """The same of losses on all answers that were learned, after training."""
        return self.forward.learned.final - self.inverse.learned.final

    @property
    def difficulty(self) -> Array:
        """What of `naive_gap` there is between the targets' own authors: no resistance at all."""
        return self.forward.learned.author - self.inverse.learned.author

    @property
    def learned_gap(self) -> Array:
        """What is left: the excess forward less inverse, on the answers that were learned."""
        return self.forward.learned.excess - self.inverse.learned.excess

    @property
    def adjusted_gap(self) -> Array:
        """The excess forward less inverse, on answers that were not."""
        return self.forward.fresh.excess - self.inverse.fresh.excess


def pairs(grid: Grid, slices: int) -> list[Pair]:
    """The pairs of so many models, neighbours first."""
    numbers = range(1, slices + 1)
    found = [(one, other) for one in numbers for other in numbers if one < other]
    return [
        Pair(Training.of(grid, one, other), Training.of(grid, other, one))
        for one, other in sorted(found, key=lambda pair: (pair[1] - pair[0], pair))
    ]


Gap: TypeAlias = Callable[[Pair], Array]
"""Something that is compared in a pair, of shape (seeds,)."""


def mean(pairs: Sequence[Pair], gap: Gap) -> Array:
    """The mean over pairs for each seed, shape (seeds,); NaN where a pair is missing."""
    found: Array = np.mean([gap(pair) for pair in pairs], axis=0)
    return found
