"""Documents as text on a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from elastic_core.common.printable import printable
from elastic_core.report.cells import (
    HALVES_NOTE,
    fixed,
    has_intervals,
    text_columns,
    with_half,
    with_minus_signs,
)
from elastic_core.report.document import (
    Block,
    Code,
    Contents,
    Document,
    Facts,
    Figure,
    Finding,
    Findings,
    Heading,
    List,
    Overview,
    Samples,
    Table,
    Text,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text as Line

_WIDTH = 80
_UNLIMITED = 1000
_SHORT_UNITS = {
    "bits/segment": "bits/seg",
    "bits/symbol": "bits/sym",
    "bits/character": "bits/char",
    "% of leaves": "%",
}
_STYLES = {
    "holds": "green",
    "does not hold": "red",
    "no difference": "blue",
    "cannot tell": "yellow",
}


def print_document(document: Document, console: "Console | None" = None) -> None:
    """Prints a document.

    Paragraphs and headings of subsections are wrapped at the width of the console, those of
    sections, which often are paths, are not. A table wider than 80 columns is printed with narrower
    gaps, and with the half-widths of intervals below their means, but always in full.

    Args:
        document: The document.
        console: Where to print; None: standard output.
    """
    from rich.console import Console

    console = console or Console(highlight=False, markup=False, emoji=False)
    before: Block | None = None
    for block in filter(_is_shown, _with_notes(document.blocks)):
        if before is not None and _is_apart(before, block):
            console.print()
        _print_block(console, block)
        before = block


def _with_notes(blocks: Iterable[Block]) -> list[Block]:
    """The blocks, with a note after the last table with intervals of each section."""
    result: list[Block] = []
    is_explained = False
    for block in reversed(tuple(blocks)):
        if isinstance(block, Table) and not is_explained and has_intervals(block):
            result.append(Text(HALVES_NOTE, is_note=True))
            is_explained = True
        result.append(block)
        if isinstance(block, Heading) and block.level <= 2:
            is_explained = False
    return result[::-1]


def _is_shown(block: Block) -> bool:
    match block:
        case Figure() | Contents():
            return False
        case Table():
            return bool(block.rows)
        case Overview():
            return bool(block.findings)
        case Text():
            return not block.is_detail
    return True


def _is_apart(before: Block, after: Block) -> bool:
    """Whether a blank line separates two blocks."""
    if isinstance(before, Heading):
        return bool(before.summary) and not isinstance(after, Text)
    if isinstance(before, Text) and isinstance(after, Text):
        return before.is_note != after.is_note
    return True


def _print_block(console: "Console", block: Block) -> None:
    match block:
        case Heading():
            detail = (("  ", ""), (block.detail, "dim")) if block.detail else ()
            if block.level > 2 and not detail:
                _print_text(console, block.text, "bold")
            else:
                console.print(_line((block.text, "bold"), *detail), soft_wrap=True)
            if block.summary:
                _print_text(console, block.summary)
        case Text():
            _print_text(console, block.text, "dim" if block.is_note else "")
        case List():
            for item in block.items:
                _print_text(console, item)
        case Facts():
            grid = _grid()
            for term, value in block.pairs:
                grid.add_row(_line((term, "dim")), _line((value, "")))
            console.print(grid)
        case Code():
            console.print(_line((block.title, "bold")), soft_wrap=True)
            console.print(_verbatim(block.text.rstrip("\n")), soft_wrap=True)
        case Table():
            _print_table(console, block)
        case Findings():
            _print_findings(console, block.findings)
        case Overview():
            _print_findings(console, [replace(each, details="") for each in block.findings])
        case Samples():
            _print_samples(console, block)


def _print_text(console: "Console", text: str, style: str = "") -> None:
    """Prints text wrapped between words; a word that is too long is not broken."""
    lines = (
        fill(line, console.width, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )
    console.print(_line(("\n".join(lines), style)), soft_wrap=True)


def _line(*parts: tuple[str, str]) -> "Line":
    """Text and its style, part by part, with minus signs and without control characters."""
    from rich.text import Text as Line

    shown = ((printable(with_minus_signs(text)), style) for text, style in parts)
    return Line.assemble(*shown)


def _verbatim(text: str) -> "Line":
    """Text as it is, without control characters."""
    from rich.text import Text as Line

    return Line(printable(text))


def _print_findings(console: "Console", findings: Sequence[Finding]) -> None:
    """Prints verdicts on the left, claims and measurements on the right."""
    grid = _grid()
    for finding in findings:
        grid.add_row(
            _line((finding.verdict, _STYLES.get(finding.kind, ""))),
            _line(
                (finding.claim, "bold"),
                ("\n", ""),
                (finding.words, ""),
                (f" {finding.details}" if finding.details else "", "dim"),
            ),
        )
    console.print(grid)


def _print_samples(console: "Console", block: Samples) -> None:
    """Prints the beginning, and below it each model, the value of its text, and the text."""
    console.print(_line(("prompt", "dim"), ("  ", "")) + _verbatim(_on_one_line(block.opening)))
    grid = _grid()
    grid.add_column(overflow="fold")
    for sample in block.samples:
        value = "" if sample.value is None else f"{block.measure} {fixed(sample.value, 2)}"
        text = _verbatim(_on_one_line(sample.text))
        grid.add_row(_line((sample.author, "bold")), _line((value.strip(), "dim")), text)
    console.print(grid)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _grid() -> "Grid":
    """Two columns without lines, the second of which is wrapped."""
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _print_table(console: "Console", table: Table) -> None:
    if table.title:
        _print_text(console, table.title)
    if table.note:
        _print_text(console, table.note, "dim")
    wide = console.options.update(width=_UNLIMITED)
    grid = _table_grid(table, gap=2, joint=" ")
    for gap, joint in ((1, " "), (1, "\n")):
        if console.measure(grid, options=wide).maximum <= _WIDTH:
            break
        grid = _table_grid(table, gap, joint)
    width = console.width
    console.width = max(width, console.measure(grid, options=wide).maximum)
    console.print(grid)
    console.width = width


def _table_grid(table: Table, gap: int, joint: str) -> "Grid":
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    left = text_columns(table)
    for name, unit in table.headings:
        heading = _line((name, "bold"), ("\n", ""), (_SHORT_UNITS.get(unit, unit), "dim"))
        side: Literal["left", "right"] = "left" if name in left else "right"
        grid.add_column(heading, justify=side, no_wrap=True)
    for row in table.rows:
        grid.add_row(*(_line((with_half(cell, table.digits, joint), "")) for cell in row))
    return grid
