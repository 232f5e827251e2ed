"""The cells of a study: which model is made of which, from what rows, and what is measured of it.

A cell says all of it without any data at hand, so that a study can be planned, counted and hashed
before anything is trained. Cells hang together by their parents; a model is made once, however
many cells go on from it.
"""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from elastic_core.experiments.context import SeedContext
    from elastic_core.models.protocol import LanguageModel

Label: TypeAlias = str | int | float
"""What a cell is called by in one of a study's dimensions."""

Row: TypeAlias = dict[str, Any]
"""A row to train on, in one of TRL's standard formats."""


@dataclass(frozen=True, slots=True)
class SharedHashes:
    """Hashes of what all cells of a configuration have in common.

    Attributes:
        root: Of the pre-training.
        data: Of the rows that are trained on.
        measured: Of how models are measured.
    """

    root: str
    data: str
    measured: str


class Rows:
    """Rows, described but not read; each kind is a frozen dataclass."""

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows, of the seed that the material is of.

        Raises:
            InvalidArgumentError: There are not so many.
        """
        raise NotImplementedError

    def check(self, seed_context: "SeedContext") -> None:
        """Refuses more rows than there are, before anything is trained; those of models pass.

        Raises:
            InvalidArgumentError: There are not so many.
        """
        if not self.authors():
            self.resolve(seed_context)

    def authors(self) -> tuple["Cell", ...]:
        """The cells whose models write the rows."""
        return ()


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A training.

    Attributes:
        rows: What is learned.
        recipe: How.
        likes: For `rloo` and `grpo`, the side whose score is the reward.
    """

    KIND: ClassVar[str] = "Lesson"  # The name in the hashes of models that runs have kept.

    rows: Rows
    recipe: Recipe
    likes: str = "positive"


@dataclass(frozen=True, slots=True)
class TextSet:
    """Rows that a loss is taken on.

    Attributes:
        name: What it is called in the metrics: `loss_NAME`, `rate_NAME`.
        rows: The rows.
        is_whole: Whether prompts count too; else completions alone.
        has_ends: Whether the ends of completions count; not where they were cut off.
    """

    name: str
    rows: Rows
    is_whole: bool = True
    has_ends: bool = True


class Measure:
    """Something else that is measured, described but not taken; a frozen dataclass, like rows."""

    def take(self, model: "LanguageModel", seed_context: "SeedContext") -> dict[str, float | None]:
        """The metrics.

        Args:
            model: The cell's model.
            seed_context: Of the cell's seed.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Cell:
    """A model and what is measured of it.

    Attributes:
        labels: Where it stands in the study, as pairs of dimension and value.
        seed: The seed of all that is random in it.
        model: The model that its lineage begins with; one without a parent is that model itself.
        parent: The cell whose model is trained further; None at the root.
        lesson: The training; None: the parent's model as it is, or the root.
        tokens: For a root, after how many tokens of pre-training; None: after all.
        sets: What losses are taken on besides what every cell's are.
        measures: What is measured besides.
        is_drawn: Whether texts are drawn after the held-out prompts, for the score and the KL
            divergence.
        is_kept: Whether the model is kept for cells that are asked for later.
    """

    labels: tuple[tuple[str, Label], ...]
    seed: int
    model: str
    parent: "Cell | None" = None
    training: TrainingStep | None = None
    tokens: int | None = None
    sets: tuple[TextSet, ...] = ()
    measures: tuple[Measure, ...] = ()
    is_drawn: bool = True
    is_kept: bool = False

    @property
    def root(self) -> "Cell":
        """The cell that its lineage begins with, whose model divergences are taken from."""
        return self if self.parent is None else self.parent.root

    @property
    def name(self) -> str:
        """Its labels in words."""
        return ", ".join(f"{key} {value}" for key, value in self.labels)

    @property
    def needs(self) -> tuple["Cell", ...]:
        """The cells whose models have to be there before this one is worked on."""
        found = [self.root] if self.parent else []
        if self.parent:
            found.append(self.parent)
        if self.parent is None and self.tokens is not None and self.model.startswith("scratch:"):
            found.append(Cell((*self.labels, ("pretraining", "all")), self.seed, self.model))
        if self.training:
            found += self.training.rows.authors()
        for each in self.sets:
            found += each.rows.authors()
        return tuple(dict.fromkeys(found))

    def made(self, hashes: SharedHashes) -> str:
        """The hash of all that made the model, in hexadecimal."""
        if self.parent is None:
            return digest([hashes.root, self.seed, self.model, self.tokens])
        if self.training is None:
            return self.parent.made(hashes)
        return digest(
            [hashes.data, self.parent.made(hashes), self.seed, described(self.training, hashes)]
        )

    def key(self, hashes: SharedHashes) -> str:
        """The hash of all that made its row of metrics, in hexadecimal."""
        own = [self.labels, described((self.sets, self.measures), hashes), self.is_drawn]
        return digest([self.made(hashes), hashes.data, hashes.measured, own])


def described(value: Any, hashes: SharedHashes) -> Any:
    """A lesson or rows as JSON has it, cells by the hash of what made them."""
    if isinstance(value, Cell):
        return value.made(hashes)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: described(getattr(value, each.name), hashes) for each in fields(value)}
        return {"kind": getattr(value, "KIND", type(value).__name__), **parts}
    if isinstance(value, tuple | list):
        return [described(each, hashes) for each in value]
    return value


def digest(value: Any) -> str:
    """The hash of what JSON can hold, 24 hexadecimal digits of SHA-256."""
    content = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:24]
