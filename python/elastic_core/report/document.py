"""The neutral document that every subject produces and every renderer can show.

A subject's `report.py` turns its result into a `Document`; one module per output (`terminal`,
`markdown`, `csv`, `latex`, `html`, `plot`) renders any document. Nothing here knows a subject.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from elastic_core.statistics.intervals import Interval
from elastic_core.statistics.verdicts import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure as Drawing

Cell: TypeAlias = str | int | float | Interval | None
"""A table cell. Intervals are shown with their bounds, None and NaN as a missing value."""

Value: TypeAlias = str | int | float | bool | None
"""A value of a CSV file; None is an empty field."""

Headings: TypeAlias = tuple[tuple[str, str], ...]
"""The columns of a table: name and unit of each, the unit empty where there is none."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading.

    Attributes:
        text: The heading.
        detail: A remark in smaller type, such as the settings: on the line of the heading on a
            terminal, below it elsewhere.
        level: 1 for the title of a page, 2 for a section, 3 for a subsection.
        summary: The line below the heading, such as how much was read. Markdown joins it with
            `detail` into one paragraph; a page shows it in larger type.
        kicker: A line above it in smaller type, on a page only, such as the product and the date.
    """

    text: str
    detail: str = ""
    level: int = 2
    summary: str = ""
    kicker: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. On a terminal, consecutive paragraphs of a kind stand close together.

    Attributes:
        text: One or more sentences; a terminal keeps line breaks, all else ignores them.
        is_note: Whether it explains what surrounds it; shown in muted type.
        is_detail: Whether it is left out on a terminal.
    """

    text: str
    is_note: bool = False
    is_detail: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Short statements, one below the other.

    Attributes:
        items: The statements.
    """

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms and their values, or words and their meanings.

    Attributes:
        pairs: Each term with its value.
    """

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be shown verbatim, such as a configuration file; a page folds it.

    Attributes:
        title: What it is.
        text: The lines.
    """

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A list of links to the sections of a page; other outputs leave it out.

    Attributes:
        level: The level of the headings to link to.
    """

    level: int = 2


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results. In a document, a table without rows is not shown.

    Attributes:
        name: File name, without extension.
        title: One line above it; empty where a heading precedes it.
        headings: The columns, each with its unit, empty where it has none.
        rows: The cells of each row. Text is shown as it is, so cells may be formatted already.
        note: What the columns mean, in a sentence or two.
        digits: Digits after the decimal point of numbers, in all columns.
        text_columns: Names of the left-aligned columns; None: those that hold text.
    """

    name: str
    title: str
    headings: Headings
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    digits: int = 3
    text_columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a figure.

    Attributes:
        name: Its name in the legend.
        x: Positions of its points.
        y: The value at each point, with its interval.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a figure.

    Attributes:
        title: What it shows.
        x_label: Label of the horizontal axis, with its unit.
        y_label: Label of the vertical axis, with its unit.
        series: The lines.
        level: Name and value of a horizontal reference line, or None.
        x_scale: `linear`, `log`, or `symlog` for a logarithmic axis that includes 0.
        is_bars: Whether the series are drawn as bars at `ticks` instead of lines.
        ticks: Labels of the positions 0, 1, ... on the horizontal axis; empty: numbers.
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
    """A figure: panels that `report.plot` draws, or one that the subject draws itself.

    Terminal and Markdown leave figures out; result folders and pages have them.

    Attributes:
        name: File name, without extension.
        caption: What it shows, in a sentence or two.
        panels: Plots side by side; empty where the subject draws the figure itself.
        draw: Draws the figure with matplotlib; None: the panels are drawn.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...] = ()
    draw: "Callable[[], Drawing] | None" = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim and what the data say about it.

    Attributes:
        claim: The claim, by the paper or the theory.
        verdict: One of `KINDS`, which more words may follow, as in `no difference beyond ±0.1`.
        words: What was measured, with figures, in a plain sentence.
        details: How certain it is: seeds, tests and their p-values. A page has them elsewhere.
    """

    claim: str
    verdict: str
    words: str
    details: str = ""

    @property
    def kind(self) -> str:
        """The member of `KINDS` that the verdict begins with."""
        return next(kind for kind in KINDS if self.verdict.startswith(kind))


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of a study.

    Attributes:
        findings: At least one.
    """

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The findings of a study beside its main figure; outputs without figures have the findings.

    Attributes:
        findings: The findings.
        figure: The figure, if there is one.
    """

    findings: tuple[Finding, ...]
    figure: Figure | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that a model wrote, shown verbatim.

    Attributes:
        author: The model.
        text: The text.
        value: What was measured of it, if anything.
    """

    author: str
    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """How several models continue the same text.

    Attributes:
        opening: The text.
        samples: The continuations, at least one.
        measure: What the values are, such as `score`.
    """

    opening: str
    samples: tuple[Sample, ...]
    measure: str = ""


Block: TypeAlias = (
    Heading | Text | List | Facts | Code | Contents | Table | Figure | Findings | Overview | Samples
)
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
    """A report, in reading order.

    Attributes:
        blocks: The parts.
        data: The values for CSV.
    """

    blocks: tuple[Block, ...]
    data: Data = Data((), ())
