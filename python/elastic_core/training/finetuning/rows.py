"""Rows for fine-tuning, in TRL's standard formats."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from elastic_core._core import InvalidArgumentError

Row = Mapping[str, Any]
"""A row: column names and values."""

FORMATS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (("prompt", "completion"), ("text",), ("messages",)),
    "dpo": (("prompt", "chosen", "rejected"),),
    "kto": (("prompt", "completion", "label"),),
    "simpo": (("prompt", "chosen", "rejected"),),
    "rloo": (("prompt",),),
    "grpo": (("prompt",),),
}
"""The column sets that each algorithm accepts; the first one present in the rows is used."""

_FIRST = ("text", "prompt")
_LONGEST_SHOWN = 120


def select(rows: Sequence[Row], algorithm: str) -> list[dict[str, Any]]:
    """The rows, reduced to the columns that an algorithm reads.

    Raises:
        InvalidArgumentError: There are no rows, or a row lacks a column.
    """
    if not len(rows):
        raise InvalidArgumentError(f"no rows to train on; give {algorithm} at least one")
    formats = FORMATS[algorithm]
    columns = next((names for names in formats if set(names) <= set(rows[0])), None)
    if columns is None:
        required = ", or ".join(" and ".join(names) for names in formats)
        raise InvalidArgumentError(
            f"{algorithm} needs the columns {required}; row 0 is {_abbreviated(rows[0])}"
        )
    for number, row in enumerate(rows):
        for column in columns:
            if row.get(column) is None:
                raise InvalidArgumentError(
                    f"row {number} has no {column}, which row 0 has; it is {_abbreviated(row)}"
                )
    return [{column: row[column] for column in columns} for row in rows]


def is_conversation(row: Row) -> bool:
    """Whether a row holds chat messages instead of plain text."""
    return any(isinstance(value, list) for value in row.values())


def texts(rows: Sequence[Row], spec: str) -> list[str]:
    """The text of each row: `text`, or `prompt` followed by `completion`.

    Raises:
        InvalidArgumentError: The rows are conversations, which need a chat template.
    """
    if is_conversation(rows[0]):
        raise InvalidArgumentError(
            f"{spec}: a tree model has no chat template; give it rows with text, or with prompt "
            "and completion as plain text"
        )
    return [row.get("text") or row.get("prompt", "") + row.get("completion", "") for row in rows]


def prepend_bos(bos: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows with `bos` before each text or prompt; conversations are left as they are."""
    return [
        {
            name: bos + value if name in _FIRST and isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _abbreviated(row: Row) -> str:
    shown = json.dumps(dict(row), default=str)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
