"""The measurement as tables for a terminal."""

from typing import TYPE_CHECKING, Literal

from elastic_core.report.words import (
    DEPTH_HEADINGS,
    MODEL_HEADINGS,
    RATE_HEADINGS,
    Headings,
    depth_cells,
    model_cells,
    normalized,
    notes,
    rate_cells,
    setting,
    summary,
)
from elastic_core.result import MeasureResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH = 80
_BOUNDLESS = 1000
_NAMES = ("code", "model")
_SHORT_UNITS = {
    "bits/segment": "bits/seg",
    "bits/symbol": "bits/sym",
    "bits/character": "bits/char",
    "% of leaves": "%",
}


def print_table(result: MeasureResult, console: "Console | None" = None) -> None:
    """Prints the measurement as tables, 80 columns wide unless its figures need more.

    Args:
        result: The measurement.
        console: Where to print; None: standard output.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False, markup=False, emoji=False)
    for corpus in result.corpora:
        title = Text.assemble((corpus.name, "bold"), "  ", (setting(result.config), "dim"))
        console.print(title, soft_wrap=True)
        console.print(Text(summary(corpus)), soft_wrap=True)
        console.print()
        _print(console, DEPTH_HEADINGS, depth_cells(corpus))
        _print(console, RATE_HEADINGS, rate_cells(corpus))
        _print(console, MODEL_HEADINGS, model_cells(corpus))
        console.print(Text(normalized(corpus)), soft_wrap=True)
        console.print()
    for note in notes(result):
        console.print(Text(note, style="dim"), soft_wrap=True)


def _print(console: "Console", headings: Headings, rows: list[tuple[str, ...]]) -> None:
    """Prints one table, closer together where it would be too wide, and whole in any case."""
    if not rows:
        return
    boundless = console.options.update(width=_BOUNDLESS)
    table = _table(headings, rows, gap=2)
    if console.measure(table, options=boundless).maximum > _WIDTH:
        table = _table(headings, rows, gap=1)
    console.width = max(console.width, console.measure(table, options=boundless).maximum)
    console.print(table)
    console.print()


def _table(headings: Headings, rows: list[tuple[str, ...]], gap: int) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for name, unit in headings:
        heading = Text.assemble((name, "bold"), "\n", (_SHORT_UNITS.get(unit, unit), "dim"))
        side: Literal["left", "right"] = "left" if name in _NAMES else "right"
        table.add_column(heading, justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
