"""The formats of TRL that a row can have, and how a row reads as plain text.

The columns are those of TRL's dataset formats (https://huggingface.co/docs/trl/dataset_formats).
A text is a string (TRL's standard format) or a list of messages, `{"role": ..., "content": ...}`
(the conversational format); all rows of a data set have the same.

| format | columns |
|---|---|
| `unpaired-preference` | `prompt`, `completion`, `label`: true (wanted) or false (KTO) |
| `preference` | `prompt`, `chosen`, `rejected`; a row without `prompt` has it as the common start |
| `prompt-completion` | `prompt`, `completion` |
| `messages` | `messages` |
| `text` | `text` |
| `prompt` | `prompt` |

Other columns are left out, but for `label`: where it is not true or false, it is a class, which a
classifier can learn, and no part of the format.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from elastic_core._core import CorpusError

Row: TypeAlias = Mapping[str, Any]
"""One example: its columns by name."""

Format: TypeAlias = Literal[
    "unpaired-preference", "preference", "prompt-completion", "messages", "text", "prompt"
]
"""What rows can teach."""

COLUMNS: dict[Format, tuple[str, ...]] = {
    "unpaired-preference": ("prompt", "completion", "label"),
    "preference": ("chosen", "rejected"),
    "prompt-completion": ("prompt", "completion"),
    "messages": ("messages",),
    "text": ("text",),
    "prompt": ("prompt",),
}
"""The columns that a format cannot do without; the first that has them all is that of a row."""

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_TURN = "\n\nAssistant:"
_SHOWN = 40


def in_format(rows: Sequence[Row], source: str) -> tuple[Format, tuple[Row, ...]]:
    """Finds the format of rows and leaves them with its columns alone.

    Labels of an unpaired preference become true or false, from 1 and 0 or from words. A preference
    row without a prompt gets the one that its two sides begin with: their common messages; of
    strings the common text, up to the last `Assistant:` in it, as in Anthropic's HH-RLHF, or else
    up to the last space in it.

    Args:
        rows: The rows as they were read; at least one.
        source: Where they are from, for what an error says.

    Raises:
        CorpusError: The rows have no format, or one of them not the format of the first.
    """
    found = _format(rows, source)
    columns = [column for column in COLUMNS[found] if column != "label"]
    if found == "preference" and rows[0].get("prompt") is not None:
        columns.insert(0, "prompt")
    conversational = found == "messages" or (found != "text" and _is_messages(rows[0][columns[0]]))
    kept = []
    for number, row in enumerate(rows, 1):
        texts = _texts(row, columns, conversational, f"{source}, row {number}")
        label = row.get("label")
        if found == "unpaired-preference":
            label = _truth(label)
        kept.append(texts if label is None else {**texts, "label": label})
    return found, tuple(kept)


def prompt_of(row: Row, format: Format) -> str:
    """What comes before that which a row teaches, as plain text; empty if nothing does."""
    if format == "messages":
        return plain(row["messages"][:-1])
    return plain(row.get("prompt", ""))


def completion_of(row: Row, format: Format) -> str:
    """What a row teaches, as plain text: of a preference what is chosen, of a prompt nothing."""
    match format:
        case "messages":
            return plain(row["messages"][-1:])
        case "preference":
            return plain(row["chosen"])
        case "text":
            return plain(row["text"])
        case _:
            return plain(row.get("completion", ""))


def plain(text: Any) -> str:
    """A string as it is; of messages the contents alone, each with a line feed at its end."""
    if isinstance(text, str):
        return text
    return "".join(f"{message['content']}\n" for message in text)


def shown(row: Row) -> str:
    """A row as an error shows it, long values shortened."""
    cells = (f"{column!r}: {_shortened(value)}" for column, value in row.items())
    return "{" + ", ".join(cells) + "}"


def _format(rows: Sequence[Row], source: str) -> Format:
    """The format of the first row; labels count only where all are true or false."""
    for found, columns in COLUMNS.items():
        if all(rows[0].get(column) is not None for column in columns) and (
            "label" not in columns or all(_truth(row.get("label")) is not None for row in rows)
        ):
            return found
    raise CorpusError(
        f"{source}: the columns {', '.join(rows[0])} make no format; say which is the text, the "
        f"prompt, the completion, the chosen or the rejected, as in "
        f"text={next(iter(rows[0]), 'content')}; row 1 is {shown(rows[0])}"
    )


def _texts(row: Row, columns: list[str], conversational: bool, place: str) -> dict[str, Any]:
    """The texts of a row, checked; a preference has its prompt."""
    for column in columns:
        text = row.get(column)
        if text is None:
            raise CorpusError(f"{place}: no {column}, which row 1 has; the row is {shown(row)}")
        if not (_is_messages if conversational else _is_text)(text):
            wanted = "a list of messages with role and content" if conversational else "a text"
            raise CorpusError(f"{place}: {column} is not {wanted}: {_shortened(text)}")
    texts = {column: row[column] for column in columns}
    if not any(plain(text).strip() for text in texts.values()):
        raise CorpusError(f"{place}: {' and '.join(texts)} without text; leave the row out")
    return _with_prompt(**texts, place=place) if columns[0] == "chosen" else texts


def _with_prompt(chosen: Any, rejected: Any, place: str) -> dict[str, Any]:
    """A preference with the prompt that its two sides begin with."""
    pairs = enumerate(zip(chosen, rejected, strict=False))
    shorter = min(len(chosen), len(rejected))
    start = next((index for index, (one, other) in pairs if one != other), shorter)
    if isinstance(chosen, str):
        turn = chosen.rfind(_TURN, 0, start)
        space = re.search(r"\s\S*\Z", chosen[:start])
        start = turn + len(_TURN) if turn >= 0 else space.start() if space else 0
    else:
        start = min(start, shorter - 1)
        if start == 0:
            raise CorpusError(
                f"{place}: chosen and rejected begin with no common message to answer"
            )
    return {"prompt": chosen[:start], "chosen": chosen[start:], "rejected": rejected[start:]}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_messages(value: Any) -> bool:
    """Whether this is a conversation of at least one message."""
    return isinstance(value, list) and len(value) > 0 and all(map(_is_message, value))


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(value.get(key)) for key in ("role", "content"))


def _truth(label: Any) -> bool | None:
    """The truth that a label tells, or None where it is a class."""
    return _TRUTH.get(str(label).strip().lower())


def _shortened(value: Any) -> str:
    """A value as code, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
