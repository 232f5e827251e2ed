"""Tables of studies as CSV: each for itself, and those of a whole report in one."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

from elastic_core.report.document import Cell, Table
from elastic_core.report.experiments.record import ExperimentReport
from elastic_core.statistics.intervals import Interval

COLUMNS = ("run", "table", "row", "column", "unit", "value", "low", "high", "seeds")
"""The columns of `csv_text`."""

_ENDS = ("mean", "low", "high")

_Value = str | int | float | None


def table_csv(table: Table) -> str:
    """A table as CSV with a line of column names, such as `rate (bits/byte)`.

    A column of intervals becomes three: `NAME mean`, `NAME low` and `NAME high`. Numbers have all
    their digits; what is no number is empty.
    """
    headings: list[str] = []
    spread = [any(isinstance(row[at], Interval) for row in table.rows) for at in _places(table)]
    for (name, unit), is_spread in zip(table.headings, spread, strict=True):
        title = f"{name} ({unit})" if unit else name
        headings += [f"{title} {end}" for end in _ENDS] if is_spread else [title]
    rows = [
        [
            value
            for cell, is_spread in zip(row, spread, strict=True)
            for value in (_ends(cell) if is_spread else [_known(cell)])
        ]
        for row in table.rows
    ]
    return _written([headings, *rows])


def csv_text(report: ExperimentReport) -> str:
    """All tables as one CSV, with a row for each cell.

    `row` counts from 1 in each table; `column` and `unit` are its heading. `value` is the mean of
    an interval, `low` and `high` are its ends, `seeds` how many it is of.
    """
    rows: list[Sequence[_Value]] = [COLUMNS]
    for run in report.runs:
        for table in run.analysis.tables:
            for number, row in enumerate(table.rows, 1):
                for (column, unit), cell in zip(table.headings, row, strict=True):
                    seeds = cell.count if isinstance(cell, Interval) else None
                    rows.append((run.name, table.name, number, column, unit, *_ends(cell), seeds))
    return _written(rows)


def _places(table: Table) -> range:
    return range(len(table.headings))


def _ends(cell: Cell) -> list[_Value]:
    """A mean, low and high; what is no interval has no ends."""
    if isinstance(cell, Interval):
        return [_known(cell.mean), _known(cell.low), _known(cell.high)]
    return [_known(cell), None, None]


def _known(cell: Cell) -> _Value:
    """The cell, None for what is no number."""
    if isinstance(cell, Interval):
        return _known(cell.mean)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _written(rows: Iterable[Sequence[_Value]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
