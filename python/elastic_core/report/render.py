"""Results in every format: on standard output and in a folder."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from elastic_core.common.files import json_text, slugs, write_json
from elastic_core.common.printable import printable
from elastic_core.report.csv import csv_text
from elastic_core.report.document import Document, Figure
from elastic_core.report.markdown import markdown_text
from elastic_core.report.plot import can_draw, draw, save
from elastic_core.report.terminal import print_document

FORMATS = ("table", "json", "markdown", "csv")
"""The formats of `print_result` and of the command line's `--format`."""


class Result(Protocol):
    """A result with a JSON schema."""

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        ...


def print_result(result: Result, document: Document, format: str = "table") -> None:
    """Prints a result on standard output.

    Args:
        result: The result, for JSON.
        document: Its report, for all other formats.
        format: One of `FORMATS`.
    """
    match format:
        case "json":
            sys.stdout.write(json_text(result.to_dict()))
        case "markdown":
            sys.stdout.write(printable(markdown_text(document)))
        case "csv":
            sys.stdout.write(csv_text(document))
        case _:
            print_document(document)


def write_folder(result: Result, document: Document, folder: Path) -> None:
    """Writes `result.json` and the figures of a document.

    Args:
        result: The result.
        document: Its report.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    figures = [block for block in document.blocks if isinstance(block, Figure)]
    write_figures(figures, folder)
    write_json(folder / "result.json", result.to_dict())


def write_figures(figures: Sequence[Figure], folder: Path, prefix: str = "") -> None:
    """Writes figures as `NAME.png` and `NAME.svg`, if matplotlib is installed.

    Args:
        figures: The figures; those without anything to draw are left out.
        folder: An existing folder.
        prefix: What the names of the files begin with.

    Raises:
        OSError: A file cannot be written.
    """
    if not can_draw():
        return
    drawn = [figure for figure in figures if figure.panels or figure.draw]
    for name, figure in zip(slugs([figure.name for figure in drawn]), drawn, strict=True):
        save(draw(figure), folder, f"{prefix}{name}")
