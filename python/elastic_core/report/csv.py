"""Documents and tables as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

from elastic_core.report.document import Cell, Data, Document, Table, Value
from elastic_core.statistics.intervals import Interval

CELL_COLUMNS = ("table", "row", "column", "unit", "value", "low", "high", "seeds")
"""The columns of `cell_rows`."""

_BOUNDS = ("mean", "low", "high")


def csv_text(document: Document) -> str:
    """The data of a document, below a line of column names; None is an empty field."""
    return _written([document.data.columns, *document.data.rows])


def table_csv(table: Table) -> str:
    """One table, below a line of column names such as `rate (bits/byte)`.

    A column of intervals becomes three: `NAME mean`, `NAME low` and `NAME high`. Numbers have all
    their digits; None, NaN and infinity are empty fields.
    """
    spread = [any(isinstance(cell, Interval) for cell in column) for column in _columns(table)]
    headings: list[str] = []
    for (name, unit), is_spread in zip(table.headings, spread, strict=True):
        title = f"{name} ({unit})" if unit else name
        headings += [f"{title} {bound}" for bound in _BOUNDS] if is_spread else [title]
    rows = [
        [
            value
            for cell, is_spread in zip(row, spread, strict=True)
            for value in (_bounds(cell) if is_spread else _bounds(cell)[:1])
        ]
        for row in table.rows
    ]
    return _written([headings, *rows])


def cell_rows(table: Table) -> list[tuple[Value, ...]]:
    """A row of `CELL_COLUMNS` for each cell of a table.

    `row` counts from 1; `column` and `unit` are the heading of the cell. `value` is the mean of an
    interval, `low` and `high` are its bounds, `seeds` is the number of seeds behind it.
    """
    return [
        (
            table.name,
            number,
            column,
            unit,
            *_bounds(cell),
            cell.count if isinstance(cell, Interval) else None,
        )
        for number, row in enumerate(table.rows, 1)
        for (column, unit), cell in zip(table.headings, row, strict=True)
    ]


def data_of(columns: Sequence[str], rows: Iterable[dict[str, Value]]) -> Data:
    """Data from rows that name their values; a column that a row does not name is empty.

    Raises:
        ValueError: A row names a value that is not among the columns.
    """
    tuples = []
    for row in rows:
        if unknown := row.keys() - set(columns):
            raise ValueError(f"no columns for {', '.join(sorted(unknown))}")
        tuples.append(tuple(row.get(column) for column in columns))
    return Data(tuple(columns), tuple(tuples))


def _columns(table: Table) -> list[list[Cell]]:
    return [[row[at] for row in table.rows] for at in range(len(table.headings))]


def _bounds(cell: Cell) -> list[Value]:
    """Mean and bounds of an interval; the value of any other cell, without bounds."""
    if isinstance(cell, Interval):
        return [_finite(cell.mean), _finite(cell.low), _finite(cell.high)]
    return [_finite(cell), None, None]


def _finite(value: str | float | None) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _written(rows: Iterable[Sequence[Value]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
