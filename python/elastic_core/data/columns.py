"""Columns under the names of TRL: one column renamed, or several set into a template."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from elastic_core._core import CorpusError
from elastic_core.data.formats import Row, shown

_SLOT = re.compile(r"\{([^{}\n]+)\}")
_MISSING = object()


def rename(rows: Sequence[Row], columns: Mapping[str, str], source: str) -> list[Row]:
    r"""Makes the columns asked for, and no others, out of those that rows have.

    Args:
        rows: The rows as they were read.
        columns: For each new column the one it is made of, `completion=output`; or a template with
            names in braces, such as `prompt={instruction}\n{input}\n`. A line of a template is
            left out where it names columns and all of them are empty. A dotted name leads into
            what is nested: `answer.text`.
        source: Where the rows are from, for what an error says.

    Raises:
        CorpusError: A row lacks a column, or a template sets in what is not a text or a number.
    """
    return [
        {new: _made(row, old, f"{source}, row {number}") for new, old in columns.items()}
        for number, row in enumerate(rows, 1)
    ]


def _made(row: Row, old: str, place: str) -> Any:
    """One column of one row."""
    if not _SLOT.search(old):
        return _value(row, old, place)
    lines = []
    for line in old.splitlines(keepends=True):
        texts = [_text(row, name, place) for name in _SLOT.findall(line)]
        if any(texts) or not texts:
            parts = iter(texts)
            lines.append(_SLOT.sub(lambda _, parts=parts: next(parts), line))  # type: ignore[misc]
    return "".join(lines)


def _text(row: Row, name: str, place: str) -> str:
    """What a template sets in for a name."""
    value = _value(row, name, place)
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise CorpusError(f"{place}: {name} is neither a text nor a number; the row is {shown(row)}")


def _value(row: Row, name: str, place: str) -> Any:
    """What a row has under a name, or where a dotted name leads."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
    if value is _MISSING:
        raise CorpusError(
            f"{place}: no column {name}; there are {', '.join(row)}; the row is {shown(row)}"
        )
    return value
