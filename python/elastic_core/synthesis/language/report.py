"""Report on a language: a table of its files, and its entropies."""

from pathlib import Path

from elastic_core.report.document import Data, Document, Table, Text
from elastic_core.synthesis.language.result import LanguageFile, LanguageResult

_HEADINGS = (
    ("styles", ""),
    ("documents", ""),
    ("symbols", ""),
    ("text", "bytes"),
    ("file", ""),
)

COLUMNS = ("styles", "documents", "symbols", "bytes", "file")
"""The columns of the CSV; `styles` are joined by `+`."""


def document(result: LanguageResult, folder: Path) -> Document:
    """The report on a language.

    Args:
        result: The language and its files.
        folder: The folder with the files.
    """
    rows = tuple(
        (
            _styles(file),
            file.documents,
            file.symbols,
            file.bytes,
            str(folder / f"{file.name}.jsonl"),
        )
        for file in result.files
    )
    table = Table("files", "", _HEADINGS, rows, text_columns=("styles", "file"))
    return Document((table, Text(_truth(result))), Data(COLUMNS, rows))


def _styles(file: LanguageFile) -> str:
    return "+".join(style for style, documents in file.styles.items() if documents)


def _truth(result: LanguageResult) -> str:
    """The language in a few lines."""
    truth, language = result.to_dict(), result.language
    known, inferred = (
        f"{truth[name]:.4f} nats/symbol, {truth[f'{name}_bits_per_byte']:.4f} bits/byte"
        for name in ("entropy_rate", "bayes_loss")
    )
    return (
        f"{language.config.vocabulary} words; {language.lengths.symbols:.1f} symbols per document "
        "(words, full stops, its end)\n"
        f"entropy rate (style known): {known}\n"
        f"Bayes-optimal loss (style inferred): {inferred}"
    )
