"""Report on a language: its files, and its entropies in a few lines."""

from pathlib import Path

from elastic_core.report.csv import data_of
from elastic_core.report.document import Document, Table, Text
from elastic_core.synthesis.language.result import LanguageFile, LanguageResult

_HEADINGS = (
    ("styles", ""),
    ("documents", ""),
    ("symbols", ""),
    ("text", "bytes"),
    ("file", ""),
)

COLUMNS = ("name", "styles", "documents", "symbols", "bytes", "file")
"""The columns of the CSV, named as in the JSON; `styles` are joined by `+`."""


def document(result: LanguageResult, folder: Path) -> Document:
    """The report on a language.

    Args:
        result: The language and its files.
        folder: The folder with the files.
    """
    rows = [
        {
            "name": file.name,
            "styles": _styles(file),
            "documents": file.documents,
            "symbols": file.symbols,
            "bytes": file.bytes,
            "file": str(folder / f"{file.name}.jsonl"),
        }
        for file in result.files
    ]
    cells = tuple(
        (row["styles"], row["documents"], row["symbols"], row["bytes"], row["file"]) for row in rows
    )
    table = Table("files", "", _HEADINGS, cells, text_columns=("styles", "file"))
    return Document((table, *map(Text, _truth(result))), data_of(COLUMNS, rows))


def _styles(file: LanguageFile) -> str:
    return "+".join(style for style, documents in file.styles.items() if documents)


def _truth(result: LanguageResult) -> tuple[str, ...]:
    truth = result.to_dict()
    language, sizes = result.language, result.language.lengths
    return (
        f"language: {language.config.vocabulary} words, documents of {sizes.symbols:.1f} symbols "
        "on average (words, full stops and the end)",
        f"entropy rate, style known: {truth['entropy_rate']:.4f} nats/symbol, "
        f"{truth['entropy_rate_bits_per_byte']:.4f} bits/byte; the same for every style",
        f"Bayes-optimal loss, style inferred: {truth['bayes_loss']:.4f} nats/symbol, "
        f"{truth['bayes_loss_bits_per_byte']:.4f} bits/byte",
    )
