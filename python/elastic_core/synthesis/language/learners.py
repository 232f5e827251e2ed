"""Exact curves of two ideal learners under alignment and what follows it.

Both know the syntax. The *mixture learner* also knows the styles: it infers the style of a document
from the text read so far, and its prior is the share of each style among all rows it has seen,
pre-training included. Its distribution is the joint distribution of Thm 4.2. The *exponential
average* keeps a moving average of the word counts in each class. It has no notion of a style and
forgets rows at a constant rate; it only looks back, and nothing pulls it towards pre-training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.synthesis.language.grammar import Array
from elastic_core.synthesis.language.language import Language

Arm: TypeAlias = Literal["neutral", "opposite", "novel", "same"]
"""What follows alignment: pre-training text, or the style `negative`, `novel` or `positive`."""

ARMS: tuple[Arm, ...] = get_args(Arm)

MEMORY = 100.0
"""Rows after which the exponential average has forgotten all but 1/e of what it knew."""

_ARM_STYLES: dict[Arm, str | None] = {
    "neutral": None,
    "opposite": "negative",
    "novel": "novel",
    "same": "positive",
}


@dataclass(frozen=True, slots=True)
class LearnerCurve:
    """A learner after alignment with `positive` rows and then a growing number of rows of an arm.

    All numbers are expectations over documents, in nats per expected symbol. The base is the
    learner after pre-training.

    Attributes:
        learner: `mixture` or `exponential-average`.
        arm: What follows alignment.
        aligned: Rows of alignment.
        rows: Rows of the arm; shape (points,).
        margin: log p(learner) - log p(base) on positive documents, less the same on negative ones;
            shape (points,).
        kl: KL(base || learner); shape (points,).
        losses: -log p(learner) on documents of each style; shape (points, styles).
    """

    learner: str
    arm: Arm
    aligned: int
    rows: tuple[int, ...]
    margin: Array = field(repr=False, compare=False)
    kl: Array = field(repr=False, compare=False)
    losses: Array = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The curve as plain JSON values."""
        return {
            "learner": self.learner,
            "arm": self.arm,
            "aligned": self.aligned,
            "rows": list(self.rows),
            "margin": self.margin.tolist(),
            "kl": self.kl.tolist(),
            "losses": self.losses.tolist(),
        }


def mixture_curve(
    language: Language, *, documents: float, aligned: int, arm: Arm, rows: Sequence[int]
) -> LearnerCurve:
    """The curve of the ideal mixture learner.

    After N documents of pre-training, n rows of alignment and m rows of the arm, the share of each
    style is (N shares + n positive + m arm) / (N + n + m), where the neutral arm has the shares of
    pre-training. A network may weigh recent rows more than that; a smaller N stands for it.

    Args:
        language: The language.
        documents: Weight of pre-training, in rows: N, above 0.
        aligned: Rows of alignment: n.
        arm: What follows alignment.
        rows: Numbers of rows of the arm: m.

    Raises:
        InvalidArgumentError: A number is out of range, there is no such arm, or the language is too
            large for exact sums.
    """
    if not 0 < documents < np.inf:
        raise InvalidArgumentError(
            f"documents: {documents:g} is not above 0 and finite; give the weight of pre-training "
            "in rows"
        )
    base, side, other = _mixes(language, arm, aligned, rows)
    m = np.array(rows, dtype=np.float64)[:, None]
    shares = (documents * base + aligned * side + m * other) / (documents + aligned + m)
    return _curve(language, "mixture", arm, aligned, rows, shares, language.evidence.regrets)


def exponential_average_curve(
    language: Language, *, aligned: int, arm: Arm, rows: Sequence[int], memory: float = MEMORY
) -> LearnerCurve:
    """The curve of a learner that keeps an exponential moving average of the word counts.

    At every row, the counts are multiplied by 1 - 1 / memory and those of the row are added, here
    as their expectation. The learner predicts the words of a class by their average frequencies,
    whatever came before.

    Args:
        language: The language.
        aligned: Rows of alignment.
        arm: What follows alignment.
        rows: Rows of the arm.
        memory: Time constant of the average in rows, at least 1.

    Raises:
        InvalidArgumentError: A number is out of range, or there is no such arm.
    """
    if not 1 <= memory < np.inf:
        raise InvalidArgumentError(f"memory: {memory:g} rows are not at least 1 and finite")
    base, side, other = _mixes(language, arm, aligned, rows)
    kept = (1 - 1 / memory) ** np.array(rows, dtype=np.float64)[:, None]
    after = side + (1 - 1 / memory) ** aligned * (base - side)
    shares = other + kept * (after - other)
    groups = language.grammar.style_probabilities

    def regrets(shares: Array) -> Array:
        """E[log p(words | style) - log p(words | average)], nats per document of each style."""
        from scipy.special import rel_entr

        average = (shares @ groups)[..., None, :]
        result: Array = language.lengths.styled * rel_entr(groups, average).sum(axis=-1)
        return result

    return _curve(language, "exponential-average", arm, aligned, rows, shares, regrets)


def _mixes(
    language: Language, arm: str, aligned: int, rows: Sequence[int]
) -> tuple[Array, Array, Array]:
    """The shares of the styles in pre-training, alignment and the arm; checks the arguments."""
    if arm not in ARMS:
        raise InvalidArgumentError(f"no arm {arm!r}; the arms are {', '.join(ARMS)}")
    if min(aligned, *rows, 0) < 0 or not len(rows):
        raise InvalidArgumentError("aligned and rows need numbers from 0, and rows at least one")
    style = next(style for name, style in _ARM_STYLES.items() if name == arm)
    return language.weights(None), language.weights("positive"), language.weights(style)


def _curve(
    language: Language,
    learner: str,
    arm: Arm,
    aligned: int,
    rows: Sequence[int],
    shares: Array,
    regrets: Callable[[Array], Array],
) -> LearnerCurve:
    """The curve of a learner with given shares, shape (points, styles), after each row count."""
    weights, symbols = language.weights(None), language.lengths.symbols
    base, after = regrets(weights), regrets(shares)
    gained = (base - after) / symbols
    return LearnerCurve(
        learner,
        arm,
        aligned,
        tuple(rows),
        margin=gained[:, 0] - gained[:, 1],
        kl=-(gained @ weights),
        losses=(language.entropy + after) / symbols,
    )
