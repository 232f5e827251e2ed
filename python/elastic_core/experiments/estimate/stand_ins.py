"""What takes the place of models and rows that do not exist yet in a trial."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from elastic_core.data.examples import Examples, as_format
from elastic_core.experiments.cells import Cell, RangedRows, Row, Rows
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.rows import Answers, InFormat, Interleaved, SampledPairs
from elastic_core.models.protocol import DrawingModel
from elastic_core.training.finetuning.recipe import ONLINE, Recipe

_TEXTS = 32
_SIDE_ROWS = 64
_CHARACTERS_PER_TOKEN = 4


class StandIns:
    """Replaces models that do not exist yet by a base, and their texts by rows of the data.

    Args:
        context: Data, scorer and models.
        root: The cell of the base.
    """

    def __init__(self, context: RunContext, root: Cell) -> None:
        self._context = context
        self._seed_context = context.seed_context(root.seed)
        self._root = root

    def part(self, value: Any) -> Any:
        """A measurement or text set that only needs the base, on fewer texts."""
        if isinstance(value, Cell):
            return self._root
        if isinstance(value, tuple):
            return tuple(map(self.part, value))
        if isinstance(value, RangedRows) and value.count > _TEXTS:
            return self.part(value.first(_TEXTS))
        if not is_dataclass(value):
            return value
        parts = {
            field.name: self.part(getattr(value, field.name))
            for field in fields(value)
            if field.init
        }
        return replace(value, **parts)  # type: ignore[type-var]

    def rows(self, rows: Rows, count: int) -> list[Row]:
        """`count` rows like those of a training; models that would write some have not been made.

        Texts of the data, which may be repeated, take the place of those that models write.
        """
        found: list[Row]
        if isinstance(rows, InFormat):
            examples = Examples("rows", "preference", tuple(self.rows(rows.rows, count)), "")
            if "chosen" not in examples.rows[0]:
                examples = replace(examples, format="prompt-completion")
            found = [dict(row) for row in as_format(examples, rows.format).rows]
        elif isinstance(rows, Interleaved):
            found = [
                row
                for pair in zip(
                    self.rows(rows.rows, count),
                    self.rows(rows.mixed, count),
                    strict=True,
                )
                for row in pair
            ]
        elif not rows.authors():
            found = rows.resolve(self._seed_context)
        else:
            found = [_written(rows, row) for row in self._side_rows()]
        return (found * (count // len(found) + 1))[:count]

    def _side_rows(self) -> list[Row]:
        side = self._context.datasets.sides[0]
        size = self._seed_context.side_size(side)
        return self._seed_context.subset(side, 0, min(size, _SIDE_ROWS))


def _written(rows: Rows, row: Row) -> Row:
    """A row of the data in the form of one that a model writes."""
    if isinstance(rows, Answers | SampledPairs):
        text = row["completion"][: rows.tokens * _CHARACTERS_PER_TOKEN]
        if isinstance(rows, SampledPairs):
            return {"prompt": row["prompt"], "chosen": text, "rejected": text[::-1]}
        return {"prompt": row["prompt"], "completion": text}
    return {"text": row["prompt"] + row["completion"]}


def expansion(rows: Rows) -> int:
    """Rows that a trainer reads for each row that is counted."""
    return 2 if isinstance(rows, InFormat) and rows.format == "unpaired-preference" else 1


def count_units(model: DrawingModel, rows: Sequence[Row], recipe: Recipe) -> float:
    """Padded tokens of rows in batches; bytes for a tree model, rows if the model samples."""
    if recipe.algorithm in ONLINE:
        return float(len(rows))
    sides = [[_text(row, name) for row in rows] for name in _columns(rows[0])]
    if model.learns_online:
        return float(sum(len(text.encode()) for texts in sides for text in texts))
    total = 0.0
    for texts in sides:
        lengths = [min(len(ids) + 1, recipe.max_length) for ids in model.tokens(texts)]
        batches = (lengths[at : at + recipe.batch] for at in range(0, len(lengths), recipe.batch))
        total += sum(max(batch) * len(batch) for batch in batches)
    return total


def _columns(row: Row) -> tuple[str, ...]:
    """The columns that follow a prompt in a row."""
    return (
        ("chosen", "rejected") if "chosen" in row else ("text" if "text" in row else "completion",)
    )


def _text(row: Row, name: str) -> str:
    return str(row["text"] if name == "text" else row.get("prompt", "") + row[name])
