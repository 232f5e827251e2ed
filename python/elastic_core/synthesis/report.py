"""Report on synthetic corpora: a table, values for CSV, and the files of the truth."""

import csv
from pathlib import Path

from elastic_core.common.files import write_json
from elastic_core.report.cells import fixed
from elastic_core.report.csv import data_of
from elastic_core.report.document import Document, Table, Text
from elastic_core.synthesis.result import SynthResult

_HEADINGS = (
    ("corpus", ""),
    ("sources", ""),
    ("segments", ""),
    ("leaves", ""),
    ("leaves", "drawn"),
    ("entropy", "bits/segment"),
    ("entropy", "drawn"),
    ("file", ""),
)

COLUMNS = (
    "name",
    "sources",
    "segments",
    "leaves",
    "drawn_leaves",
    "entropy_bits",
    "drawn_entropy_bits",
    "file",
)
"""The columns of the CSV, named as in the JSON; `sources` are joined by `+`, as in `1+2+3`."""


def document(result: SynthResult, folder: Path) -> Document:
    """The report on corpora that were drawn.

    Args:
        result: The corpora.
        folder: The folder with their files.
    """
    rows = [
        {
            **corpus,
            "sources": "+".join(map(str, corpus["sources"])),
            "file": str(folder / corpus["file"]),
        }
        for corpus in result.to_dict()["corpora"]
    ]
    cells = [
        (
            row["name"],
            row["sources"],
            f"{row['segments']:,}",
            f"{row['leaves']:,}",
            f"{row['drawn_leaves']:,}",
            fixed(row["entropy_bits"], 3),
            fixed(row["drawn_entropy_bits"], 3),
            row["file"],
        )
        for row in rows
    ]
    text_columns = ("corpus", "sources", "file")
    table = Table("corpora", "", _HEADINGS, tuple(cells), text_columns=text_columns)
    return Document((table, Text(_sources(result))), data_of(COLUMNS, rows))


def write_truth(result: SynthResult, folder: Path) -> None:
    """Writes `leaves.csv`, the exact distributions, and `truth.json`.

    Args:
        result: The corpora.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    with (folder / "leaves.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["leaf", *(corpus.name for corpus in result.config.corpora)])
        columns = (result.words.astype(str).tolist(), *result.probabilities.tolist())
        writer.writerows(zip(*columns, strict=True))
    write_json(folder / "truth.json", result.to_dict())


def _sources(result: SynthResult) -> str:
    """What all sources have in common."""
    law, config = result.law, result.config
    parameter = "" if law.parameter is None else f":{law.parameter:.6g}"
    return (
        f"each source: {law.name}{parameter}, {config.leaves:,} leaves, "
        f"{config.common_leaves:,} of them common to all, {law.entropy_bits:.3f} bits/segment"
    )
