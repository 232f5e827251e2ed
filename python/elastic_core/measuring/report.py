"""Report on a measurement: tables and notes, values for CSV, and the files of a result folder.

`columns.py` has the columns, `comparison.py` the table of several corpora.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from elastic_core.common.files import slugs
from elastic_core.common.units import counted, volume
from elastic_core.corpora.sources import files_by_kind
from elastic_core.measuring import columns
from elastic_core.measuring.comparison import comparison_table, labels
from elastic_core.measuring.figure import draw, setting
from elastic_core.measuring.records import CorpusResult, Rate
from elastic_core.measuring.result import MeasureResult
from elastic_core.report.cells import ABSENT, fixed
from elastic_core.report.csv import data_of
from elastic_core.report.document import (
    Block,
    Data,
    Document,
    Facts,
    Figure,
    Heading,
    List,
    Table,
    Text,
    Value,
)
from elastic_core.report.render import write_folder

_CORPUS_KEYS = ("name", "documents", "bytes", "symbols", "bad_rows")
_MODEL_KEYS = ("model", "tokens", "bits_per_token", "bits_per_character")


def document(result: MeasureResult, *, explain: bool = False) -> Document:
    """The report on a measurement.

    Args:
        result: The measurement.
        explain: Whether to explain each column below the findings.
    """
    corpora = result.corpora
    blocks = [*(_one(result) if len(corpora) == 1 else _side_by_side(result))]
    blocks.append(List(result.findings))
    if explain:
        blocks.append(Facts(tuple(_meanings(corpora))))
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


def _one(result: MeasureResult) -> Iterator[Block]:
    """What was read of one corpus, and its tables."""
    (corpus,) = result.corpora
    yield Heading(corpus.name, detail=setting(result.config), summary=_volume(corpus))
    yield _depth_table(corpus)
    yield _rate_table(corpus)
    yield _model_table(corpus)
    yield Text(_normalized_rate(corpus))


def _side_by_side(result: MeasureResult) -> Iterator[Block]:
    """What was read of several corpora, and the table that compares them."""
    *corpora, joint = result.corpora
    marks = labels(result.corpora)
    yield Heading(f"{len(corpora)} corpora side by side", detail=setting(result.config))
    named = [f"{corpus.name}: {_volume(corpus)}" for corpus in corpora]
    yield Facts(tuple(zip(marks, [*named, _volume(joint)], strict=True)))
    yield comparison_table(result.corpora)


def _volume(corpus: CorpusResult) -> str:
    """How much was read, and the files by kind if there are several."""
    amount = counted(corpus.symbols, "symbol", "symbols")
    read = volume(corpus.documents, corpus.bytes, amount, corpus.bad_rows)
    return f"{read}; {files_by_kind(corpus.files)}" if sum(corpus.files.values()) > 1 else read


def _meanings(corpora: Sequence[CorpusResult]) -> Iterator[tuple[str, str]]:
    """The columns that the tables have, and what they mean."""
    for column in columns.DEPTH_COLUMNS:
        if column.name:
            unit = f", {column.unit}" if column.unit else ""
            yield f"{column.name}{unit}", column.meaning
    last = corpora[-1]
    if last.compare or last.static_rate.bits_per_symbol is not None:
        yield from columns.CODE_MEANINGS
    if last.model_rates:
        yield from columns.MODEL_MEANINGS
    yield columns.NORMALIZED_MEANING
    if len(corpora) > 1:
        yield "B - A", "The value of corpus B less that of corpus A."


def _depth_table(corpus: CorpusResult) -> Table:
    shown = [column for column in columns.DEPTH_COLUMNS if column.name]
    rows = [tuple(column.text(row) for column in shown) for row in corpus.depths]
    headings = tuple((column.name, column.unit) for column in shown)
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
    return Table("rates", "", columns.RATE_HEADINGS, tuple(rows), text_columns=("code",))


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
    return Table("models", "", columns.MODEL_HEADINGS, tuple(rows), text_columns=("model",))


def _normalized_rate(corpus: CorpusResult) -> str:
    """The normalized rate with its definition."""
    depth = corpus.depths[-1].depth
    return (
        f"normalized rate (H_{depth} - log2 leaves)/{depth}: "
        f"{corpus.normalized_rate:.4f} bits/symbol"
    )


def _notes(result: MeasureResult) -> Iterator[str]:
    """What was read, what the rates mean, and why some are missing."""
    yield from (f"Left out of {names}." for names in result.left_out)
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
                "way, its rate is too high: compare that with bos none."
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
    depth_columns = [column for column in columns.DEPTH_COLUMNS if column.key]
    names = (
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
    return data_of(names, rows)
