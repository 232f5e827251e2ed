"""Table cells and numbers as text: what renderers share."""

import math
import re
from collections.abc import Callable

from elastic_core.report.document import Cell, Table
from elastic_core.statistics.intervals import LEVEL, Interval

ABSENT = "-"
"""Placeholder for a missing value."""

BOUNDS_NOTE = f"In brackets: the {LEVEL:.0%} interval over seeds."
"""Explains a table that gives the bounds of its intervals."""

HALVES_NOTE = f"± is half the width of the {LEVEL:.0%} interval over seeds."
"""Explains a table that gives half the width of its intervals."""


_MINUS = "\u2212"
_HYPHEN = re.compile(r"(?<![\w.)\]}/\\-])-(?=\.?\d)|(?<=\d[eE])-(?=\d)")
"""A hyphen that is a minus sign."""


def with_minus_signs(text: str) -> str:
    """Text for people, in which negative numbers have a minus sign in place of a hyphen."""
    return _HYPHEN.sub(_MINUS, text)


def fixed(value: float | None, digits: int) -> str:
    """A number with `digits` digits after the decimal point; `ABSENT` for None."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def split(cell: Cell, digits: int) -> tuple[str, tuple[str, str] | None]:
    """A cell as text, and the bounds of its interval, or None where it has none.

    Args:
        cell: The cell; None, NaN and infinity are `ABSENT`.
        digits: Digits after the decimal point.
    """
    match cell:
        case None:
            return ABSENT, None
        case str():
            return cell, None
        case int():
            return f"{cell:,}", None
        case float():
            return _number(cell, digits), None
    if cell.low is None or cell.high is None:
        return _number(cell.mean, digits), None
    return _number(cell.mean, digits), (_number(cell.low, digits), _number(cell.high, digits))


def with_bounds(cell: Cell, digits: int) -> str:
    """A cell with the bounds of its interval, such as `0.575 (0.533 to 0.617)`."""
    text, bounds = split(cell, digits)
    return text if bounds is None else f"{text} ({bounds[0]} to {bounds[1]})"


def with_half(cell: Cell, digits: int, joint: str = " ") -> str:
    """A cell with half the width of its interval, such as `0.575 ±0.042`.

    Args:
        cell: The cell.
        digits: Digits after the decimal point.
        joint: What separates the mean from the rest.
    """
    text, _ = split(cell, digits)
    if not isinstance(cell, Interval) or cell.low is None or cell.high is None:
        return text
    return f"{text}{joint}±{_number((cell.high - cell.low) / 2, digits)}"


def texts(table: Table, text: Callable[[Cell, int], str]) -> list[tuple[str, ...]]:
    """The rows of a table as text.

    Args:
        table: The table.
        text: Formats a cell with so many digits, such as `with_bounds`.
    """
    return [tuple(text(cell, table.digits) for cell in row) for row in table.rows]


def text_columns(table: Table) -> tuple[str, ...]:
    """The names of the left-aligned columns: those named, or else those that hold text."""
    if table.text_columns is not None:
        return table.text_columns
    columns = zip(*table.rows, strict=True)
    return tuple(
        name
        for (name, _), column in zip(table.headings, columns, strict=False)
        if any(isinstance(cell, str) and cell for cell in column)
    )


def has_intervals(table: Table) -> bool:
    """Whether any cell is an interval with bounds."""
    return any(
        isinstance(cell, Interval) and cell.low is not None for row in table.rows for cell in row
    )


def _number(value: float, digits: int) -> str:
    return f"{value:z,.{digits}f}" if math.isfinite(value) else ABSENT
