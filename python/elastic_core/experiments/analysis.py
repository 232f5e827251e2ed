"""What a study has found, ready for any report: tables, figures, and findings in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from elastic_core.experiments.statistics import Interval

Cell = str | int | float | Interval | None
"""What stands in a table: an interval is shown with its ends, None as an absent figure."""


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
    """

    name: str
    title: str
    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    digits: int = 3


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
    """Plots side by side.

    Attributes:
        name: What its files are called.
        caption: What it shows, in a sentence or two.
        panels: The plots.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]


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


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that a study's rows come to.

    Attributes:
        study: Its name.
        question: What was asked, in plain words.
        protocol: What was done, in plain words.
        findings: What came out.
        tables: The tables, that in the paper's layout first.
        figures: The figures.
        notes: What to keep in mind, such as cells that diverged.
    """

    study: str
    question: str
    protocol: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        from dataclasses import asdict

        return asdict(self)


def judged(claim: str, expected: int, found: Interval, words: str) -> Finding:
    """A finding about a sign: it holds where the interval excludes zero on the expected side.

    Args:
        claim: What is said to be so.
        expected: 1 where the number is said to be above 0, -1 where below.
        found: The number with its interval.
        words: What was measured.
    """
    if not found.excludes_zero:
        verdict = "open"
    else:
        verdict = "holds" if found.mean * expected > 0 else "does not hold"
    return Finding(claim, verdict, words)


def shown(value: Interval, digits: int = 3) -> str:
    """An interval in words: the mean and its ends."""
    if value.count == 0:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def column(rows: Sequence[dict[str, Any]], metric: str) -> list[float]:
    """A metric of rows, NaN where one lacks it."""
    return [value if (value := row.get(metric)) is not None else float("nan") for row in rows]
