"""Report on a measurement: tables and notes, values for CSV, and the files of a result folder.

The columns of the depth table are entries of `DEPTH_COLUMNS`; a new one is one line there.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

from elastic_core.common.files import slugs
from elastic_core.common.units import counted, volume
from elastic_core.measuring.figure import draw, setting
from elastic_core.measuring.result import CorpusResult, DepthRow, MeasureResult, Rate
from elastic_core.report.cells import ABSENT, fixed
from elastic_core.report.csv import data_of
from elastic_core.report.document import (
    Block,
    Data,
    Document,
    Figure,
    Heading,
    Headings,
    Table,
    Text,
    Value,
)
from elastic_core.report.render import write_folder


@dataclass(frozen=True, slots=True)
class DepthColumn:
    """A column of the depth table.

    Attributes:
        name: Its heading in tables; empty: only in CSV.
        unit: Its unit in tables; empty: none.
        key: Its name in CSV; empty: only in tables.
        format: The format of its values in tables, as for the built-in `format`.
        of: Computes its value at a depth, None if it is missing; by default the attribute `key`.
    """

    name: str
    unit: str
    key: str
    format: str = ".3f"
    of: Callable[[DepthRow], float | None] | None = None

    def value(self, row: DepthRow) -> float | None:
        """Its value at a depth, for CSV."""
        value: float | None = self.of(row) if self.of else getattr(row, self.key)
        return value

    def text(self, row: DepthRow) -> str:
        """Its value at a depth, for tables."""
        value = self.value(row)
        return ABSENT if value is None else format(value, self.format)


def _singleton_percent(row: DepthRow) -> float | None:
    return 100 * row.singletons / row.leaves if row.leaves else None


DEPTH_COLUMNS = (
    DepthColumn("depth", "", "depth", "d"),
    DepthColumn("nodes", "", "nodes", ",d"),
    DepthColumn("leaves", "", "leaves", ",d"),
    DepthColumn("", "", "singletons"),
    DepthColumn("singletons", "% of leaves", "", ".1f", _singleton_percent),
    DepthColumn("entropy", "bits/segment", "entropy_bits"),
    DepthColumn("conditional", "bits/symbol", "conditional_entropy_bits"),
    DepthColumn("Huffman", "bits/segment", "huffman_bits"),
    DepthColumn("Thm 3.4", "bits/segment", "theorem_bits", "d"),
)
"""The columns of the depth table on the terminal, in Markdown and in CSV."""

_RATE_HEADINGS: Headings = (
    ("code", ""),
    ("rate", "bits/symbol"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
    ("ratio", "with codebook"),
)
_MODEL_HEADINGS: Headings = (
    ("model", ""),
    ("tokens", ""),
    ("rate", "bits/token"),
    ("rate", "bits/character"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
)

_CORPUS_KEYS = ("name", "documents", "bytes", "symbols", "bad_rows")
_MODEL_KEYS = ("model", "tokens", "bits_per_token", "bits_per_character")


def document(result: MeasureResult) -> Document:
    """The report on a measurement."""
    blocks: list[Block] = []
    for corpus in result.corpora:
        amount = counted(corpus.symbols, "symbol", "symbols")
        blocks += [
            Heading(
                corpus.name,
                detail=setting(result.config),
                summary=volume(corpus.documents, corpus.bytes, amount, corpus.bad_rows),
            ),
            _depth_table(corpus),
            _rate_table(corpus),
            _model_table(corpus),
            Text(_normalized_rate(corpus)),
        ]
    blocks += [Text(note, is_note=True) for note in _notes(result)]
    caption = "Entropy per segment and rate per symbol of the tree pruned to each depth."
    blocks.append(Figure("depths", caption, draw=partial(draw, result)))
    return Document(tuple(blocks), _data(result))


def write_files(result: MeasureResult, folder: Path) -> None:
    """Writes the files of a measurement.

    These are `result.json`; `tree.parquet`, or with several corpora `tree-NAME.parquet` for each of
    them and `tree.parquet` for the joint tree; and, if matplotlib is installed, `depths.png` and
    `depths.svg`.

    Args:
        result: The measurement.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    *corpora, last = result.corpora
    for slug, corpus in zip(slugs([corpus.name for corpus in corpora]), corpora, strict=True):
        corpus.tree.save(folder / f"tree-{slug}.parquet")
    last.tree.save(folder / "tree.parquet")
    write_folder(result, document(result), folder)


def _depth_table(corpus: CorpusResult) -> Table:
    columns = [column for column in DEPTH_COLUMNS if column.name]
    rows = [tuple(column.text(row) for column in columns) for row in corpus.depths]
    headings = tuple((column.name, column.unit) for column in columns)
    return Table("depths", "", headings, tuple(rows), text_columns=())


def _rate_table(corpus: CorpusResult) -> Table:
    """Static rates and reference compressors; codes without a rate, as for windows, have no row."""
    static = {
        "ideal": corpus.static_rate,
        "Huffman": corpus.huffman_rate,
        "Thm 3.4 as printed": corpus.theorem_rate,
    }
    rows = [
        (
            name,
            fixed(rate.bits_per_symbol, 3),
            fixed(rate.bits_per_byte, 3),
            fixed(rate.ratio, 4),
            fixed(rate.with_codebook_ratio, 4),
        )
        for name, rate in static.items()
        if rate.bits_per_symbol is not None
    ]
    rows += [
        (other.name, ABSENT, fixed(other.bits_per_byte, 3), fixed(other.ratio, 4), ABSENT)
        for other in corpus.compare
    ]
    return Table("rates", "", _RATE_HEADINGS, tuple(rows), text_columns=("code",))


def _model_table(corpus: CorpusResult) -> Table:
    rows = [
        (
            rate.model,
            f"{rate.tokens:,}",
            fixed(rate.bits_per_token, 3),
            fixed(rate.bits_per_character, 3),
            fixed(rate.bits_per_byte, 3),
            fixed(rate.ratio, 4),
        )
        for rate in corpus.model_rates
    ]
    return Table("models", "", _MODEL_HEADINGS, tuple(rows), text_columns=("model",))


def _normalized_rate(corpus: CorpusResult) -> str:
    """The normalized rate with its definition."""
    depth = corpus.depths[-1].depth
    return (
        f"normalized rate (H_{depth} - log2 leaves)/{depth}: "
        f"{corpus.normalized_rate:.4f} bits/symbol"
    )


def _notes(result: MeasureResult) -> Iterator[str]:
    """What was read, what the rates mean, and why some are missing."""
    yield from (f"{summary}." for summary in result.mixed)
    match result.config.segment:
        case "window":
            yield "Windows overlap, so rates per symbol and per byte are undefined."
        case "prefix":
            yield "Prefix segments cover only part of each document, so bits/byte is undefined."
    last = result.corpora[-1]
    if last.model_rates and last.static_rate.bits_per_symbol is not None:
        yield (
            "Static rate (each code): the code is built from this text and then used to encode it."
        )
    if names := ", ".join(rate.model for rate in last.model_rates if rate.adaptive):
        yield f"Adaptive rate ({names}): every symbol is predicted before it is learned."
    if names := ", ".join(rate.model for rate in last.model_rates if not rate.adaptive):
        yield f"Model rate ({names}): the model learns nothing from this text."
    for rate in last.model_rates:
        if rate.settings.get("eos_for_bos"):
            yield (
                f"{rate.model} has no token to begin a text with; its end-of-text token "
                f"{rate.settings['bos']} begins each window. If the model was not trained that "
                "way, its rate is too high: compare --bos none."
            )
    for corpus in result.corpora:
        for rate in corpus.model_rates:
            if skipped := corpus.documents - rate.documents:
                yield (
                    f"{rate.model} cannot read {counted(skipped, 'document', 'documents')} of "
                    f"{corpus.name}; its rate leaves them out."
                )


def _data(result: MeasureResult) -> Data:
    """A row for each corpus and depth, and one for each corpus and model, named as in the JSON.

    Static rates and the normalized rate belong to depth d, so only the last depth has them.
    Reference compressors and the settings of models are only in the JSON.
    """
    depth_columns = [column for column in DEPTH_COLUMNS if column.key]
    columns = (
        *_CORPUS_KEYS,
        *(column.key for column in depth_columns),
        *(field.name for field in fields(Rate)),
        "normalized_rate",
        *_MODEL_KEYS,
    )
    rows: list[dict[str, Value]] = []
    for corpus in result.corpora:
        head = {key: getattr(corpus, key) for key in _CORPUS_KEYS}
        rows += [
            head | {column.key: column.value(row) for column in depth_columns}
            for row in corpus.depths
        ]
        rows[-1] |= {**asdict(corpus.static_rate), "normalized_rate": corpus.normalized_rate}
        rows += [
            head | {key: getattr(rate, key) for key in (*_MODEL_KEYS, "bits_per_byte", "ratio")}
            for rate in corpus.model_rates
        ]
    return data_of(columns, rows)
