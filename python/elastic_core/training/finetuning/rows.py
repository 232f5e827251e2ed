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
    "ppo": (("prompt",),),
    "rloo": (("prompt",),),
    "grpo": (("prompt",),),
}
"""The column sets that each algorithm accepts; the first one present in the rows is used."""

_FIRST = ("text", "prompt")
_LONGEST_SHOWN = 120
_EXAMPLE = '{"text": "..."} or {"prompt": "...", "completion": "..."}'


def select(rows: Sequence[Row], algorithm: str) -> list[dict[str, Any]]:
    """The rows, reduced to the columns that an algorithm reads.

    Raises:
        InvalidArgumentError: There are no rows, or a row is no mapping, lacks a column, or holds in
            it what the algorithm cannot read.
    """
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
        raise InvalidArgumentError(
            f"the rows are a {type(rows).__name__}; pass a list of rows, such as {_EXAMPLE}"
        )
    if not len(rows):
        raise InvalidArgumentError(f"no rows to train on; give {algorithm} at least one")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidArgumentError(
                f"row {number} is {_abbreviated(row)}, not a mapping of columns; write rows such "
                f"as {_EXAMPLE}"
            )
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
            if fault := _fault(column, row[column], rows[0][column]):
                raise InvalidArgumentError(f"row {number}: its {column} {fault}")
    selected = [{column: row[column] for column in columns} for row in rows]
    check_labels(selected, algorithm)
    return selected


def check_labels(rows: Sequence[Row], algorithm: str) -> None:
    """Checks that rows for `kto` have both labels; a single one gives it nothing to compare.

    Raises:
        InvalidArgumentError: They do not.
    """
    if algorithm == "kto" and len(labels := {bool(row["label"]) for row in rows}) == 1:
        raise InvalidArgumentError(
            f"all {len(rows):,} rows have the label {labels.pop()}; kto needs rows with the label "
            "True and rows with the label False"
        )


def _fault(column: str, value: Any, first: Any) -> str | None:
    """Why an algorithm cannot read the value of a column, as the end of a sentence, if so."""
    if column == "label":
        return None if value in (True, False) else f"is {value!r}; it must be True or False"
    if column == "text" or isinstance(value, str):
        if not isinstance(value, str):
            return f"is a {type(value).__name__}; it must be text"
        if column == "messages" or isinstance(first, list):
            return "is plain text, but must be a list of messages as in row 0"
        return _fault_of_text(value)
    if not isinstance(value, list):
        return f"is a {type(value).__name__}; it must be text or a list of messages"
    if isinstance(first, str):
        return "is a list of messages, but must be plain text as in row 0"
    if not value:
        return "is an empty conversation; leave the row out"
    for message in value:
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            return f"has {_abbreviated(message)} for a message; write role and content"
        if isinstance(content := message["content"], str) and (fault := _fault_of_text(content)):
            return fault
    return None


def _fault_of_text(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"has a lone surrogate, U+{ord(text[error.start]):04X}, at position {error.start}, "
            "which is not valid Unicode; remove it or leave the row out"
        )
    return None


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


def _abbreviated(value: Any) -> str:
    shown = json.dumps(dict(value) if isinstance(value, Mapping) else value, default=str)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
