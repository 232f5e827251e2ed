"""Tables of texts, on a terminal and in Markdown."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Headings = tuple[tuple[str, str], ...]
"""The columns of a table: each one's name and unit, or what else belongs to the name."""

ABSENT = "-"
"""What stands for a figure that there is not."""

_WIDTH = 80
_BOUNDLESS = 1000
_SHORT_UNITS = {
    "bits/segment": "bits/seg",
    "bits/symbol": "bits/sym",
    "bits/character": "bits/char",
    "% of leaves": "%",
}


def figure(value: float | None, digits: int) -> str:
    """A number with so many digits after the point; None is `ABSENT`."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def terminal() -> "Console":
    """Standard output, for texts that are printed as they are."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def print_rows(
    console: "Console",
    headings: Headings,
    rows: Sequence[Sequence[str]],
    names: Sequence[str] = (),
) -> None:
    """Prints one table, closer together where it would be too wide, and whole in any case.

    Args:
        console: Where to print.
        headings: The columns.
        rows: The cells of each row; nothing is printed of a table without rows.
        names: The columns whose cells are words, which stand on the left.
    """
    if not rows:
        return
    boundless = console.options.update(width=_BOUNDLESS)
    table = _table(headings, rows, names, gap=2)
    if console.measure(table, options=boundless).maximum > _WIDTH:
        table = _table(headings, rows, names, gap=1)
    console.width = max(console.width, console.measure(table, options=boundless).maximum)
    console.print(table)
    console.print()


def _table(
    headings: Headings, rows: Sequence[Sequence[str]], names: Sequence[str], gap: int
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for name, unit in headings:
        heading = Text.assemble((name, "bold"), "\n", (_SHORT_UNITS.get(unit, unit), "dim"))
        side: Literal["left", "right"] = "left" if name in names else "right"
        table.add_column(heading, justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def markdown_table(
    headings: Headings, rows: Iterable[Sequence[str]], names: Sequence[str] = ()
) -> str:
    """The same table in Markdown, without a line end."""
    titles = [f"{name}, {unit}" if unit else name for name, unit in headings]
    rules = [":--" if name in names else "--:" for name, _ in headings]
    lines = [titles, rules, *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """The text as it is, with nothing in it that Markdown would take for a mark."""
    for mark in "\\`*_|<":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")
