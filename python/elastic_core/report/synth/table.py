"""Synthetic corpora as a table for a terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from elastic_core.report.tables import Headings, figure, print_rows, terminal
from elastic_core.synthesis.result import SynthResult

if TYPE_CHECKING:
    from rich.console import Console

HEADINGS: Headings = (
    ("corpus", ""),
    ("sources", ""),
    ("segments", ""),
    ("leaves", ""),
    ("leaves", "drawn"),
    ("entropy", "bits/segment"),
    ("entropy", "drawn"),
    ("file", ""),
)
"""The columns of `cells`."""


def print_table(result: SynthResult, folder: Path, console: "Console | None" = None) -> None:
    """Prints a row for each corpus, below it what its sources are like.

    Args:
        result: The corpora.
        folder: Where their files are.
        console: Where to print; None: standard output.
    """
    console = console or terminal()
    print_rows(console, HEADINGS, cells(result, folder), names=("corpus", "sources", "file"))
    console.print(source_line(result), soft_wrap=True)


def cells(result: SynthResult, folder: Path) -> list[tuple[str, ...]]:
    """The corpora as texts, in the order of `HEADINGS`."""
    return [
        (
            corpus["name"],
            "+".join(map(str, corpus["sources"])),
            f"{corpus['segments']:,}",
            f"{corpus['leaves']:,}",
            f"{corpus['drawn_leaves']:,}",
            figure(corpus["entropy_bits"], 3),
            figure(corpus["drawn_entropy_bits"], 3),
            str(folder / corpus["file"]),
        )
        for corpus in result.to_dict()["corpora"]
    ]


def source_line(result: SynthResult) -> str:
    """What every source is like."""
    law, config = result.law, result.config
    parameter = "" if law.parameter is None else f":{law.parameter:.6g}"
    return (
        f"each source: {law.name}{parameter}, {config.leaves:,} leaves, "
        f"{config.common_leaves:,} of them common to all, {law.entropy_bits:.3f} bits/segment"
    )
