"""The neutral document that every subject produces and every renderer understands.

A subject's `report.py` turns its result into a `Document`; one renderer per output (terminal,
Markdown, CSV, LaTeX, HTML, plot) shows any document. Nothing here knows a subject.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from elastic_core.statistics.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure as Drawing

Cell: TypeAlias = str | int | float | Interval | None
"""A cell of a table: an interval is shown with its ends, None as a missing value."""

Value: TypeAlias = str | int | float | bool | None
"""A value of a CSV file."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading.

    Attributes:
        text: The heading itself.
        detail: What follows it in smaller type on a terminal, such as the settings.
        level: 2 for a section, 3 for a part of one.
    """

    text: str
    detail: str = ""
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph.

    Attributes:
        text: One or more sentences.
        is_note: Whether it explains what stands around it; shown dimmed on a terminal.
    """

    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results.

    Attributes:
        name: What its files are called.
        title: One line above it.
        headings: The columns, each with its unit, empty where it has none.
        rows: The cells of each row.
        note: What the columns mean, in a sentence or two.
        digits: Digits after the point of numbers, in all columns.
        text_columns: Names of the columns that are aligned on the left; None: those that hold
            text.
    """

    name: str
    title: str
    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    digits: int = 3
    text_columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a figure.

    Attributes:
        name: What it is called in the legend.
        x: Where its points are.
        y: What stands there, with intervals.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot of a figure.

    Attributes:
        title: What it shows.
        x_label: The horizontal axis, with its unit.
        y_label: The vertical axis, with its unit.
        series: The lines.
        level: A horizontal line to compare with, and what it is called; None: there is none.
        x_scale: `linear`, `log`, or `symlog` for a logarithmic one that has 0.
        is_bars: Whether a series is drawn as bars at `ticks`, not as a line.
        ticks: Names of the places 0, 1, ... on the horizontal axis; empty: numbers.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    level: tuple[str, float] | None = None
    x_scale: str = "linear"
    is_bars: bool = False
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: panels that any renderer can draw, or a drawing of the subject's own.

    Attributes:
        name: What its files are called.
        caption: What it shows, in a sentence or two.
        panels: Plots side by side; empty where the subject draws the figure itself.
        draw: Draws it with matplotlib; None: the panels are drawn.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...] = ()
    draw: "Callable[[], Drawing] | None" = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that came out.

    Attributes:
        claim: What the paper or the theory says.
        verdict: `holds`, `does not hold`, or `open` where the interval does not exclude zero.
        words: What was measured, with figures, in a plain sentence.
    """

    claim: str
    verdict: str
    words: str


Block: TypeAlias = Heading | Text | Table | Figure | Finding
"""A part of a document."""


@dataclass(frozen=True, slots=True)
class Data:
    """The values behind a document, as one CSV table.

    Attributes:
        columns: Names of the columns.
        rows: The values, each row in the order of the columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a result says, in the order in which it is read.

    Attributes:
        blocks: The parts.
        data: The values for CSV.
    """

    blocks: tuple[Block, ...]
    data: Data


def shown(value: Interval, digits: int = 3) -> str:
    """An interval in words: the mean and its ends."""
    if value.count == 0:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"
