"""The cells of a study's tables as texts."""

import math
from collections.abc import Callable

from elastic_core.report.document import Cell, Table
from elastic_core.report.tables import ABSENT
from elastic_core.statistics.intervals import LEVEL, Interval

ENDS = f"In brackets: the {LEVEL:.0%} interval over seeds."
"""What is said of a table whose intervals are shown by their ends."""

HALVES = f"± is half the length of the {LEVEL:.0%} interval over seeds."
"""What is said of tables whose intervals are shown by their length."""


def parts(cell: Cell, digits: int) -> tuple[str, tuple[str, str] | None]:
    """A cell in words or figures, and the ends of its interval where it has them.

    Args:
        cell: The cell; what is no number is `ABSENT`.
        digits: Digits after the point.
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


def whole(cell: Cell, digits: int) -> str:
    """A cell with the ends of its interval, such as `0.575 (0.533 to 0.617)`."""
    text, ends = parts(cell, digits)
    return text if ends is None else f"{text} ({ends[0]} to {ends[1]})"


def compact(cell: Cell, digits: int) -> str:
    """A cell with half the length of its interval, such as `0.575 ±0.042`."""
    text, _ = parts(cell, digits)
    if not isinstance(cell, Interval) or cell.low is None or cell.high is None:
        return text
    return f"{text} ±{_number((cell.high - cell.low) / 2, digits)}"


def texts(table: Table, text: Callable[[Cell, int], str]) -> list[tuple[str, ...]]:
    """All cells of a table as texts."""
    return [tuple(text(cell, table.digits) for cell in row) for row in table.rows]


def names(table: Table) -> tuple[str, ...]:
    """The columns whose cells are words."""
    columns = zip(*table.rows, strict=True)
    return tuple(
        name
        for (name, _), column in zip(table.headings, columns, strict=False)
        if any(isinstance(cell, str) and cell for cell in column)
    )


def has_intervals(table: Table) -> bool:
    """Whether any cell is an interval with ends."""
    return any(
        isinstance(cell, Interval) and cell.low is not None for row in table.rows for cell in row
    )


def _number(value: float, digits: int) -> str:
    return f"{value:z,.{digits}f}" if math.isfinite(value) else ABSENT
