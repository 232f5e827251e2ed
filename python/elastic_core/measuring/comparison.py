"""Report on several corpora side by side: one table with a column for each, and the differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from elastic_core.measuring import columns
from elastic_core.measuring.columns import DepthColumn
from elastic_core.measuring.records import CorpusResult, ModelRate, Rate
from elastic_core.report.cells import ABSENT
from elastic_core.report.document import Table

_LONGEST_NAME = 12


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the comparison: a quantity and its value for each corpus, None if it is missing."""

    name: str
    unit: str
    values: tuple[float | None, ...]
    format: str = ".3f"

    def cells(self, compared: int) -> Iterator[str]:
        """The values, and the differences of the first `compared` from the first of all."""
        first, *others = self.values[:compared]
        unsigned = self.format if self.format.endswith("d") else f"z{self.format}"
        for value in self.values:
            yield ABSENT if value is None else format(value, unsigned)
        for other in others:
            if first is None or other is None:
                yield ABSENT
            else:
                yield format(other - first, f"+{unsigned}")


def labels(corpora: Sequence[CorpusResult]) -> tuple[str, ...]:
    """A letter for each corpus, and `joint` for the last one."""
    count = len(corpora) - 1
    letters = ascii_uppercase if count <= len(ascii_uppercase) else ()
    return (*(letters[at] if letters else f"C{at + 1}" for at in range(count)), corpora[-1].name)


def comparison_table(corpora: Sequence[CorpusResult]) -> Table:
    """The table of several corpora.

    Args:
        corpora: The records of the corpora, the joint corpus last.
    """
    marks = labels(corpora)
    compared = len(corpora) - 1
    headings = (
        ("quantity", ""),
        ("depth", ""),
        ("unit", ""),
        *((mark, _tail(c.name)) for mark, c in zip(marks[:-1], corpora, strict=False)),
        (marks[-1], ""),
        *((f"{mark} - {marks[0]}", "") for mark in marks[1:-1]),
    )
    rows = [(row.name, depth, row.unit, *row.cells(compared)) for depth, row in _rows(corpora)]
    return Table("comparison", "", headings, tuple(rows), text_columns=("quantity", "unit"))


def _rows(corpora: Sequence[CorpusResult]) -> Iterator[tuple[str, _Row]]:
    """The rows, each with its depth, empty where it has none."""
    last = len(corpora[0].depths) - 1
    for at, row in enumerate(corpora[0].depths):
        for column in _columns(at == last):
            values = tuple(column.value(corpus.depths[at]) for corpus in corpora)
            yield str(row.depth), _Row(column.name, column.unit, values, column.format)
    rows = [*_static(corpora), *_compressors(corpora), *_models(corpora)]
    yield from (("", row) for row in rows if any(value is not None for value in row.values))
    normalized = tuple(corpus.normalized_rate for corpus in corpora)
    yield "", _Row("normalized rate", "bits/symbol", normalized, ".4f")


def _columns(is_last: bool) -> Iterator[DepthColumn]:
    """The columns of the depth table that are rows at a depth; `depth` itself is a column here."""
    for column in columns.DEPTH_COLUMNS:
        if column.name and column.key != "depth" and (is_last or column.at_every_depth):
            yield column


def _static(corpora: Sequence[CorpusResult]) -> Iterator[_Row]:
    ideal = [corpus.static_rate for corpus in corpora]
    yield _Row("ideal", "bits/symbol", tuple(rate.bits_per_symbol for rate in ideal))
    yield _Row("ideal", "bits/byte", tuple(rate.bits_per_byte for rate in ideal))
    codes: tuple[tuple[str, list[Rate]], ...] = (
        ("ideal", ideal),
        ("Huffman", [corpus.huffman_rate for corpus in corpora]),
        ("Thm 3.4 as printed", [corpus.theorem_rate for corpus in corpora]),
    )
    for name, rates in codes:
        yield _Row(name, "ratio", tuple(rate.ratio for rate in rates), ".4f")
        with_codebook = tuple(rate.with_codebook_ratio for rate in rates)
        yield _Row(name, "with codebook", with_codebook, ".4f")


def _compressors(corpora: Sequence[CorpusResult]) -> Iterator[_Row]:
    for others in zip(*(corpus.compare for corpus in corpora), strict=True):
        name = others[0].name
        yield _Row(name, "bits/byte", tuple(other.bits_per_byte for other in others))
        yield _Row(name, "ratio", tuple(other.ratio for other in others), ".4f")


def _models(corpora: Sequence[CorpusResult]) -> Iterator[_Row]:
    for rates in zip(*(corpus.model_rates for corpus in corpora), strict=True):
        yield from _model(rates)


def _model(rates: Sequence[ModelRate]) -> Iterator[_Row]:
    name = rates[0].model
    yield _Row(name, "tokens", tuple(rate.tokens for rate in rates), ",d")
    yield _Row(name, "bits/token", tuple(rate.bits_per_token for rate in rates))
    yield _Row(name, "bits/character", tuple(rate.bits_per_character for rate in rates))
    yield _Row(name, "bits/byte", tuple(rate.bits_per_byte for rate in rates))
    yield _Row(name, "ratio", tuple(rate.ratio for rate in rates), ".4f")


def _tail(name: str) -> str:
    """The end of a corpus's name, short enough for the heading of a column."""
    last = name if ", " in name else Path(name).name or name
    return last if len(last) <= _LONGEST_NAME else f"...{last[3 - _LONGEST_NAME :]}"
