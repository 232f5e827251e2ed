"""The rows of springs: whole texts, so that a model learns exactly what is measured."""

from dataclasses import dataclass

from elastic_core.experiments.cells import Cell, Row, Rows, SeedData
from elastic_core.experiments.first_order import texts_of


@dataclass(frozen=True, slots=True)
class WholeTexts(Rows):
    """The first characters of rows, prompt and completion together.

    Attributes:
        rows: The rows.
        characters: Maximum characters of each.
    """

    rows: Rows
    characters: int

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`."""
        texts = texts_of(self.rows.resolve(seed_context))
        return [{"text": text[: self.characters]} for text in texts]


@dataclass(frozen=True, slots=True)
class PretrainOpenings(Rows):
    """The first characters of texts of the pre-training corpus, in the seed's order.

    Attributes:
        count: How many; all that there are if there are fewer.
        characters: Maximum characters of each.
    """

    count: int
    characters: int

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`."""
        texts = seed_context.pretraining(None)[: self.count]
        return [{"text": text[: self.characters]} for text in texts]


@dataclass(frozen=True, slots=True)
class Union(Rows):
    """The rows of several sets, which a training mixes at random.

    Attributes:
        parts: The sets.
    """

    parts: tuple[Rows, ...]

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads all rows; see `Rows.resolve`."""
        return [row for part in self.parts for row in part.resolve(seed_context)]

    def authors(self) -> tuple[Cell, ...]:
        """The authors of the rows."""
        return tuple(author for part in self.parts for author in part.authors())
