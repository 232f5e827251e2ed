"""The measurement as tables for a terminal."""

from typing import TYPE_CHECKING

from elastic_core.measuring.result import MeasureResult
from elastic_core.report.measure.words import (
    DEPTH_HEADINGS,
    MODEL_HEADINGS,
    NAMES,
    RATE_HEADINGS,
    depth_cells,
    model_cells,
    normalized,
    notes,
    rate_cells,
    setting,
    summary,
)
from elastic_core.report.tables import print_rows, terminal

if TYPE_CHECKING:
    from rich.console import Console


def print_table(result: MeasureResult, console: "Console | None" = None) -> None:
    """Prints the measurement as tables, 80 columns wide unless its figures need more.

    Args:
        result: The measurement.
        console: Where to print; None: standard output.
    """
    from rich.text import Text

    console = console or terminal()
    for corpus in result.corpora:
        title = Text.assemble((corpus.name, "bold"), "  ", (setting(result.config), "dim"))
        console.print(title, soft_wrap=True)
        console.print(Text(summary(corpus)), soft_wrap=True)
        console.print()
        print_rows(console, DEPTH_HEADINGS, depth_cells(corpus), NAMES)
        print_rows(console, RATE_HEADINGS, rate_cells(corpus), NAMES)
        print_rows(console, MODEL_HEADINGS, model_cells(corpus), NAMES)
        console.print(Text(normalized(corpus)), soft_wrap=True)
        console.print()
    for note in notes(result):
        console.print(Text(note, style="dim"), soft_wrap=True)
