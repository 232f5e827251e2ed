"""Cells: which model is trained from which, on what rows, and what is measured of it.

A study describes its cells before any data are read, so that a run can be planned, counted and
hashed without training anything. Cells are linked by their parents; a model is trained once,
however many cells continue from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias

from elastic_core.common.hashing import ADDED_LATER, digest, hashed_fields
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.models.protocol import DrawingModel
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from elastic_core.scoring import Scorer
    from elastic_core.scoring.instruments import Instrument

Label: TypeAlias = str | int | float
"""A cell's value in one dimension of a study."""

Row: TypeAlias = dict[str, Any]
"""A row to train on, in one of TRL's standard formats."""

Metrics: TypeAlias = dict[str, Any]
"""Metrics by name, ready for JSON: None in place of NaN."""


@dataclass(frozen=True, slots=True)
class SharedHashes:
    """Hashes of what all cells of a configuration have in common.

    Attributes:
        root: The pre-training.
        data: The rows to train on.
        measured: How models are measured.
    """

    root: str
    data: str
    measured: str


class SeedData(Protocol):
    """The data and models of one seed, as rows and measures see them.

    `elastic_core.experiments.context.SeedContext` is the implementation.
    """

    seed: int

    @property
    def config(self) -> ExperimentConfig:
        """The configuration of the run."""

    @property
    def scorer(self) -> "Scorer | None":
        """The scorer that rewards models and picks preferences, if there is one."""

    @property
    def data_hash(self) -> str:
        """The hash of the rows to train on, all sides and seeds."""

    def answer_prompts(self) -> list[str]:
        """Held-out prompts that models answer but are not measured on."""

    def side_size(self, side: str) -> int:
        """How many rows of a side there are to train on."""

    def subset(self, side: str, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` of a side in the seed's order."""

    def pairs(self, start: int, stop: int) -> list[Row]:
        """Preferences `start` to `stop` in the seed's order."""

    def held_out(self, side: str) -> list[Row]:
        """Held-out rows of a side."""

    def pretrain_texts(self) -> list[str]:
        """The texts of the pre-training corpus that models are measured on."""

    def pretraining(self, size: int | None) -> list[str]:
        """Documents of the pre-training corpus in the seed's order, `size` bytes at most."""

    def model(self, cell: "Cell") -> DrawingModel:
        """A cell's model, loaded."""

    def model_hash(self, cell: "Cell") -> str:
        """The hash of a cell's model."""

    def instruments(self, root: "Cell", names: Sequence[str]) -> "list[Instrument]":
        """Instruments by name, which compare models with that of a root cell."""

    def stored_rows(self, name: str, create: Callable[[], list[Row]]) -> list[Row]:
        """Rows stored beside the models, created the first time."""


class Rows:
    """A description of rows, which are read on demand; subclasses are frozen dataclasses.

    Class names and fields of subclasses are part of the hashes of models.
    """

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows for a seed.

        Raises:
            InvalidArgumentError: There are too few rows.
        """
        raise NotImplementedError

    def check(self, seed_context: SeedData) -> None:
        """Checks before any training that there are enough rows.

        Rows written by models are not checked, because they do not exist yet.

        Raises:
            InvalidArgumentError: There are too few rows.
        """
        if not self.authors():
            self.resolve(seed_context)

    def authors(self) -> tuple["Cell", ...]:
        """The cells whose models write the rows."""
        return ()


class RangedRows(Rows):
    """Rows `start` to `stop` of a sequence, so that there are more after them.

    Attributes:
        stop: The index after the last row.
    """

    stop: int

    @property
    def start(self) -> int:
        """The index of the first row."""
        return 0

    @property
    def count(self) -> int:
        """The number of rows."""
        return self.stop - self.start

    def first(self, count: int) -> Self:
        """The rows from the same start, `count` of them."""
        return replace(self, stop=self.start + count)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A training.

    Attributes:
        rows: The rows to train on.
        recipe: How to train.
        likes: For `ppo`, `rloo` and `grpo`, the side whose score is the reward.
        is_ordered: Whether the rows, which are `RangedRows`, are read once and in their order. A
            longer training on the same rows and more then passes through the same model.
    """

    KIND: ClassVar[str] = "Lesson"
    """The name hashed in place of the class name; existing run folders depend on it."""

    rows: Rows
    recipe: Recipe
    likes: str = "positive"
    is_ordered: bool = field(default=False, metadata=ADDED_LATER)


@dataclass(frozen=True, slots=True)
class TextSet:
    """Rows on which a loss is measured.

    Attributes:
        name: The name in the metrics `loss_NAME` and `rate_NAME`.
        rows: The rows.
        is_whole: Whether the loss includes prompts, not completions alone.
        has_ends: Whether the loss includes the ends of completions; False where they were cut off.
    """

    name: str
    rows: Rows
    is_whole: bool = True
    has_ends: bool = True


class Measure:
    """An additional measurement; subclasses are frozen dataclasses, as for `Rows`."""

    @property
    def has_score(self) -> bool:
        """Whether it includes the score."""
        return False

    def take(self, model: DrawingModel, seed_context: SeedData) -> Metrics:
        """Measures a cell's model.

        Args:
            model: The model.
            seed_context: The data of the cell's seed.
        """
        raise NotImplementedError

    def authors(self) -> tuple["Cell", ...]:
        """The cells, besides the root, whose models the measured one is compared with."""
        return ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A model and what is measured of it.

    Attributes:
        labels: The cell's place in the study, as pairs of dimension and value.
        seed: The seed of everything random in it.
        model: The model that its lineage starts from; the cell's own model if it has no parent.
        parent: The cell whose model is trained further; None for a root.
        training: The training; None: the model is the parent's, or the root's, unchanged.
        tokens: For a root, tokens of pre-training to read; None: all.
        sets: Text sets on which losses are measured, besides those of every cell.
        measures: Additional measurements.
        is_drawn: Whether completions of the held-out prompts are sampled, for the score and the KL
            divergence.
        is_kept: Whether to keep the model for cells that are requested later.
        has_rates: Whether losses and rates are measured.
        has_completions: Whether completions of a few held-out prompts are kept, for people to read.
            No hash includes it.
        curve: For an ordered training, the numbers of rows of all cells on its curve, increasing:
            one training on the most rows gives the models of all.
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
    has_rates: bool = True
    has_completions: bool = False
    curve: tuple[int, ...] = ()

    @property
    def spec(self) -> ModelSpec:
        """The parsed name of the model that the lineage starts from."""
        return ModelSpec.parse(self.model, must_exist=False)

    @property
    def root(self) -> "Cell":
        """The first cell of the lineage, from whose model divergences are measured."""
        return self if self.parent is None else self.parent.root

    @property
    def name(self) -> str:
        """The labels as a phrase, such as `stage base, seed 1`."""
        return ", ".join(f"{key} {value}" for key, value in self.labels)

    @property
    def end_of_curve(self) -> "Cell":
        """The cell whose training gives this cell's model: on the most rows of the curve."""
        training = self.training
        if training is None or not isinstance(training.rows, RangedRows):
            return self
        if not self.curve or training.rows.count == self.curve[-1]:
            return self
        training = replace(training, rows=training.rows.first(self.curve[-1]))
        labels = (*self.labels, ("curve", self.curve[-1]))
        return replace(self, labels=labels, training=training, sets=(), measures=())

    @property
    def is_trained(self) -> bool:
        """Whether a training ends with the cell's model, rather than passing through it."""
        return self.training is not None and self.end_of_curve == self

    @property
    def has_score(self) -> bool:
        """Whether the score of completions is measured."""
        return self.is_drawn or any(measure.has_score for measure in self.measures)

    @property
    def needs(self) -> tuple["Cell", ...]:
        """The cells whose models must exist before this one can be processed."""
        cells = [self.root, self.parent] if self.parent else []
        is_checkpoint = self.parent is None and self.tokens is not None
        if is_checkpoint and self.spec.kind is ModelKind.SCRATCH:
            cells.append(Cell((*self.labels, ("pretraining", "all")), self.seed, self.model))
        if self.training:
            cells += self.training.rows.authors()
            if self.end_of_curve is not self:
                cells.append(self.end_of_curve)
        for texts in self.sets:
            cells += texts.rows.authors()
        for measure in self.measures:
            cells += measure.authors()
        return tuple(dict.fromkeys(cells))

    def model_hash(self, hashes: SharedHashes) -> str:
        """The hash of everything that determines the model; 24 hexadecimal digits."""
        if self.parent is None:
            return digest([hashes.root, self.seed, self.model, self.tokens])
        if self.training is None:
            return self.parent.model_hash(hashes)
        training = _described(self.training, hashes)
        return digest([hashes.data, self.parent.model_hash(hashes), self.seed, training])

    def row_hash(self, hashes: SharedHashes) -> str:
        """The hash of everything that determines the row of metrics; 24 hexadecimal digits."""
        own = [self.labels, _described((self.sets, self.measures), hashes), self.is_drawn]
        if not self.has_rates:
            own.append("without rates")
        return digest([self.model_hash(hashes), hashes.data, hashes.measured, own])


RunCells: TypeAlias = Callable[[Sequence[Cell]], list[Metrics]]
"""Trains and measures cells and returns the metrics of each, labels included, in order."""


def _described(value: Any, hashes: SharedHashes) -> Any:
    """A description as JSON, in which cells are replaced by the hashes of their models."""
    if isinstance(value, Cell):
        return value.model_hash(hashes)
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in hashed_fields(value)]
        parts = {name: _described(getattr(value, name), hashes) for name in names}
        return {"kind": getattr(value, "KIND", type(value).__name__), **parts}
    if isinstance(value, tuple | list):
        return [_described(item, hashes) for item in value]
    return value
