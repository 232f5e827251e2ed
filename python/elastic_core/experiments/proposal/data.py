"""What the two sides of one's own data are: rows, labels, lengths, prompts that repeat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from elastic_core._core import CorpusError, InvalidArgumentError
from elastic_core.common.units import counted
from elastic_core.data.examples import Examples
from elastic_core.data.formats import ColumnsError, Row, abbreviated
from elastic_core.data.select import deduplicate
from elastic_core.experiments.datasets import SIDES, load_source, with_prompts
from elastic_core.experiments.sections import Data, Source
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.scoring.scorers import Accuracy, LinearScorer

_LISTED = 6
_SAMPLE = 500
_HELD_OUT = 0.3


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows of both sides, without duplicates.

    Attributes:
        rows: The rows of each side.
        dropped: Duplicates that were dropped, by side.
        lengths: Tokens of the rows of each side, or bytes for a tree model; of a sample if there
            are many.
        positions: The most tokens that the model reads; None: it has no limit.
    """

    rows: Mapping[str, Examples]
    dropped: Mapping[str, int]
    lengths: Mapping[str, list[int]]
    positions: int | None

    @property
    def size(self) -> int:
        """Rows of the smaller side."""
        return min(map(len, self.rows.values()))

    @property
    def texts(self) -> dict[str, Examples]:
        """The sides that consist of plain texts, whose first words become the prompt."""
        return {side: rows for side, rows in self.rows.items() if rows.format == "text"}

    def longest(self, share: float) -> int:
        """The length that a share of the rows does not exceed."""
        lengths = [length for side in self.lengths.values() for length in side]
        return int(np.quantile(lengths, share))

    def sentences(self, unit: str) -> Iterator[str]:
        """A line about each side.

        Args:
            unit: What lengths are counted in.
        """
        for side, rows in self.rows.items():
            middle, most = (int(np.quantile(self.lengths[side], share)) for share in (0.5, 0.9))
            dropped = self.dropped[side]
            without = f", {counted(dropped, 'duplicate', 'duplicates')} dropped" if dropped else ""
            yield (
                f"{side}: {rows.name}, {len(rows):,} rows ({rows.format}){without}; "
                f"{middle:,} {unit} at the median, {most:,} at the 90th percentile"
            )

    def accuracy(self) -> Accuracy:
        """How well a linear classifier tells the sides apart, on rows it was not trained on."""
        texts = {side: rows.texts()[:_SAMPLE] for side, rows in self.rows.items()}
        return LinearScorer.fit_sides(texts, held_out=_HELD_OUT).accuracy


def read_sides(data: Data, model: str) -> Sides:
    """Reads both sides and measures their rows.

    Args:
        data: The sources.
        model: The model, whose tokens are counted.

    Raises:
        InvalidArgumentError: A file has no usable columns, or both sides are of one class.
        CorpusError: A file is damaged.
        ModelError: The tokenizer cannot be loaded.
        OSError: A file is missing.
    """
    sources = {"positive": data.positive, "negative": data.negative}
    loaded = {side: _load(side, source) for side in SIDES if (source := sources[side])}
    if len(loaded) < len(SIDES):
        raise InvalidArgumentError("both sides are needed; name the other with --negative FILE")
    _check_classes(data, loaded)
    try:
        kept = deduplicate(*loaded.values())
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"both sides have the same rows: {error}, or choose rows by their label, as in "
            "data.positive.label=1"
        ) from error
    rows = dict(zip(SIDES, kept.splits, strict=True))
    lengths, positions = _lengths(model, rows)
    return Sides(rows, dict(zip(SIDES, kept.removed, strict=True)), lengths, positions)


def with_words(sides: Sides, words: int) -> Sides:
    """The sides with prompts of so many words; texts that are too short are dropped."""
    rows = {side: with_prompts(some, words) for side, some in sides.rows.items()}
    return replace(sides, rows=rows)


def _load(side: str, source: Source) -> Examples:
    """The rows of a side; a message about columns names the key that chooses them."""
    try:
        rows = load_source(source)
    except ColumnsError as error:
        raise InvalidArgumentError(
            f"{source.source}: no column named text, or prompt and completion; name the one that "
            f"holds the text, as in data.{side}.columns.text={_longest_column(error.row)}, or two, "
            f"as in 'data.{side}.columns={{prompt: QUESTION, completion: ANSWER}}', for each side; "
            f"row 1 is {abbreviated(error.row)}"
        ) from error
    except CorpusError as error:
        if not source.columns:
            raise
        raise InvalidArgumentError(
            f"{error}; name columns that there are with data.{side}.columns"
        ) from error
    if rows.conversational or rows.format not in ("text", "prompt-completion"):
        what = "conversations" if rows.conversational else rows.format
        columns = f"{{prompt: {rows.columns[0]}, completion: {rows.columns[-1]}}}"
        raise InvalidArgumentError(
            f"{source.source}: the rows are {what}, but a side needs prompt and completion as "
            f"plain text; name their columns, as in 'data.{side}.columns={columns}'; row 1 is "
            f"{abbreviated(rows.rows[0])}"
        )
    return rows


def _longest_column(row: Row) -> str:
    """The column of a row with the longest text."""
    texts = {name: len(value) for name, value in row.items() if isinstance(value, str)}
    return max(texts, key=texts.__getitem__) if texts else next(iter(row), "NAME")


def _check_classes(data: Data, loaded: Mapping[str, Examples]) -> None:
    """Refuses sides whose labels, or whose files, show that they are of one class."""
    labels = {
        side: sorted({str(row["label"]) for row in rows.rows if "label" in row})
        for side, rows in loaded.items()
    }
    one, other = (labels[side] for side in SIDES)
    is_chosen = data.positive.label is not None
    if len(one) > 1 and one == other and not is_chosen:
        raise InvalidArgumentError(
            f"{data.positive.source}: both sides have rows of the labels "
            f"{', '.join(one[:_LISTED])}; choose one for each side, as in "
            f"data.positive.label={one[-1]} data.negative.label={one[0]}"
        )
    if len(one) == 1 and one == other:
        raise InvalidArgumentError(
            f"{data.positive.source}: both sides have only the label {one[0]}, so they are one "
            "class; name a file with rows of another one"
        )


def _lengths(model: str, rows: Mapping[str, Examples]) -> tuple[dict[str, list[int]], int | None]:
    """The lengths of rows in the model's tokens, and the most tokens that it reads."""
    texts = {side: some.texts()[:_SAMPLE] for side, some in rows.items()}
    spec = ModelSpec.parse(model)
    if spec.kind is not ModelKind.TRANSFORMERS:
        positions = spec.size.context if spec.kind is ModelKind.SCRATCH else None
        return {
            side: [len(text.encode()) for text in some] for side, some in texts.items()
        }, positions
    from elastic_core.models.transformers.sizes import token_lengths

    return token_lengths(model, spec.name, texts)
