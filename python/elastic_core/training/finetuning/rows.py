"""The rows that a model is trained on, in TRL's standard formats."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from elastic_core._core import InvalidArgumentError

Row = Mapping[str, Any]
"""A row: the names of its columns, and what stands in them."""

FORMATS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (("prompt", "completion"), ("text",), ("messages",)),
    "dpo": (("prompt", "chosen", "rejected"),),
    "kto": (("prompt", "completion", "label"),),
    "simpo": (("prompt", "chosen", "rejected"),),
    "rloo": (("prompt",),),
    "grpo": (("prompt",),),
}
"""The columns that each algorithm reads; of several formats, the first that there is."""

_FIRST = ("text", "prompt")
_LONGEST_SHOWN = 120


def select(rows: Sequence[Row], algorithm: str) -> list[dict[str, Any]]:
    """The rows with the columns that an algorithm reads, and no others.

    Raises:
        InvalidArgumentError: There is no row, or one lacks a column.
    """
    if not len(rows):
        raise InvalidArgumentError(f"no rows to train on; give {algorithm} at least one")
    formats = FORMATS[algorithm]
    columns = next((each for each in formats if set(each) <= set(rows[0])), None)
    if columns is None:
        asked = ", or ".join(" and ".join(each) for each in formats)
        raise InvalidArgumentError(
            f"{algorithm} needs the columns {asked}; row 0 is {_shown(rows[0])}"
        )
    for number, row in enumerate(rows):
        for column in columns:
            if row.get(column) is None:
                raise InvalidArgumentError(
                    f"row {number} has no {column}, which row 0 has; it is {_shown(row)}"
                )
    return [{column: row[column] for column in columns} for row in rows]


def is_conversation(row: Row) -> bool:
    """Whether a row holds messages, with roles, in place of plain text."""
    return any(isinstance(value, list) for value in row.values())


def texts(rows: Sequence[Row], spec: str) -> list[str]:
    """The text of each row: `text` itself, or `prompt` followed by `completion`.

    Raises:
        InvalidArgumentError: The rows are conversations, which only a chat template makes a text.
    """
    if is_conversation(rows[0]):
        raise InvalidArgumentError(
            f"{spec}: a tree model has no chat template; give it rows with text, or with prompt "
            "and completion as plain text"
        )
    return [row.get("text") or row.get("prompt", "") + row.get("completion", "") for row in rows]


def begin_with(bos: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows, their texts or prompts behind the token that begins a text; not conversations."""
    return [
        {
            name: bos + value if name in _FIRST and isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def sha256(rows: Sequence[Row]) -> str:
    """The SHA-256 of the rows in order, in hexadecimal."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _shown(row: Row) -> str:
    shown = json.dumps(dict(row), default=str)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
