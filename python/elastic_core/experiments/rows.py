"""The kinds of rows that cells learn and are measured on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastic_core.experiments.cells import Cell, Row, Rows

if TYPE_CHECKING:
    from elastic_core.experiments.context import SeedContext


@dataclass(frozen=True, slots=True)
class Subset(Rows):
    """Rows of one side, from one number to another of the seed's random order.

    Subsets that begin at 0 are nested: 100 rows are among 200.

    Attributes:
        side: `positive` or `negative`.
        stop: The number after the last row.
        start: The number of the first.
    """

    side: str
    stop: int
    start: int = 0

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows; see `Rows.resolve`."""
        return seed_context.subset(self.side, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class HeldOutRows(Rows):
    """The rows whose prompts are held out, of one side.

    Attributes:
        side: `positive` or `negative`.
    """

    side: str

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows; see `Rows.resolve`."""
        return seed_context.held_out(self.side)


@dataclass(frozen=True, slots=True)
class PretrainTexts(Rows):
    """Texts of the pre-training corpus."""

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows, each with its `text`."""
        return [{"text": text} for text in seed_context.pretrain_texts()]


@dataclass(frozen=True, slots=True)
class Answers(Rows):
    """What a model says after prompts that are held out, but are not those it is measured on.

    Attributes:
        author: The cell of the model.
        tokens: Most tokens of an answer.
        stop: The number after the last answer.
        start: The number of the first.
    """

    author: Cell
    tokens: int
    stop: int
    start: int = 0

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows, with `prompt` and `completion`."""
        return seed_context.answers(self.author, self.tokens, self.start, self.stop)

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)


@dataclass(frozen=True, slots=True)
class Openings(Rows):
    """The beginnings of rows, whose completions are cut.

    Attributes:
        rows: The rows, with `prompt` and `completion`.
        characters: How many characters of prompt and completion together are left.
    """

    rows: Rows
    characters: int

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows; one whose prompt is longer keeps the prompt alone."""
        return [
            {**row, "completion": row["completion"][: max(0, self.characters - len(row["prompt"]))]}
            for row in self.rows.resolve(seed_context)
        ]

    def authors(self) -> tuple[Cell, ...]:
        """Those of the rows."""
        return self.rows.authors()


@dataclass(frozen=True, slots=True)
class Mixed(Rows):
    """Rows, and with them texts of the pre-training corpus, cut into prompt and completion.

    Attributes:
        rows: The rows.
        ratio: How many texts for each of them.
        measured: How many texts of the corpus models are measured on; these are not mixed in.
    """

    rows: Rows
    ratio: float
    measured: int

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows and after them the texts; see `Rows.resolve`."""
        rows = self.rows.resolve(seed_context)
        return [*rows, *seed_context.pretrain_rows(round(self.ratio * len(rows)), self.measured)]

    def authors(self) -> tuple[Cell, ...]:
        """Those of the rows."""
        return self.rows.authors()
