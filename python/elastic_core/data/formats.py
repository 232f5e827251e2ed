"""The TRL formats of rows, and the plain text of a row.

The columns are those of TRL's dataset formats (https://huggingface.co/docs/trl/dataset_formats).
A text is a string (TRL's standard format) or a list of messages, `{"role": ..., "content": ...}`
(the conversational format); all rows of a data set use the same one. Other forms of messages are
converted; see `elastic_core.data.messages`.

| format | columns |
|---|---|
| `unpaired-preference` | `prompt`, `completion`, `label`: true (wanted) or false (KTO) |
| `preference` | `prompt`, `chosen`, `rejected`; a missing `prompt` is the common start of the two |
| `prompt-completion` | `prompt`, `completion` |
| `messages` | `messages`, or `conversations` as in ShareGPT |
| `text` | `text` |
| `prompt` | `prompt` |

Other columns are dropped, except `label`: if it is not true or false, it is a class for a
classifier to learn and not part of the format.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from elastic_core._core import CorpusError
from elastic_core.common.messages import abridged
from elastic_core.data.messages import as_messages, plain_messages

Row: TypeAlias = Mapping[str, Any]
"""One example: its columns by name."""

Format: TypeAlias = Literal[
    "unpaired-preference", "preference", "prompt-completion", "messages", "text", "prompt"
]
"""The format of rows, by what they teach."""

COLUMNS: dict[Format, tuple[str, ...]] = {
    "unpaired-preference": ("prompt", "completion", "label"),
    "preference": ("chosen", "rejected"),
    "prompt-completion": ("prompt", "completion"),
    "messages": ("messages",),
    "text": ("text",),
    "prompt": ("prompt",),
}
"""The required columns of each format; a row has the first format whose columns it has."""


class ColumnsError(CorpusError):
    """The columns of rows form no known format.

    Attributes:
        row: The first row.
    """

    def __init__(self, message: str, row: Row) -> None:
        super().__init__(message)
        self.row = row


_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_HALF = re.compile("[\ud800-\udfff]")
_TURN = "\n\nAssistant:"
_SHOWN = 40


def in_format(
    rows: Sequence[Row], source: str, place: Callable[[int], str] | None = None
) -> tuple[Format, tuple[Row, ...]]:
    """Detects the format of rows and reduces them to its columns.

    Labels of an unpaired preference, given as 1 and 0 or as words, become true or false. A
    preference row without a prompt gets the common start of its two sides: their common messages;
    for strings, their common text up to the last `Assistant:` in it, as in Anthropic's HH-RLHF, or
    else up to the last space in it.

    Args:
        rows: The rows as read; at least one.
        source: Their source, for error messages.
        place: The place of a row, counted from 1, for error messages; None: that in the source.

    Returns:
        The format, and the rows with its columns.

    Raises:
        CorpusError: The rows have no known format, or a row differs in format from the first.
    """
    place = place or (lambda number: f"{source}, row {number}")
    if "conversations" in rows[0] and "messages" not in rows[0]:
        rows = [{**row, "messages": row.get("conversations")} for row in rows]
    kind = _format(rows, source)
    columns = [column for column in COLUMNS[kind] if column != "label"]
    if kind == "preference" and rows[0].get("prompt") is not None:
        columns.insert(0, "prompt")
    conversational = kind == "messages" or (
        kind != "text" and as_messages(rows[0][columns[0]]) is not None
    )
    kept = []
    for number, row in enumerate(rows, 1):
        texts = _texts(row, columns, conversational, place(number))
        label = row.get("label")
        if kind == "unpaired-preference":
            label = truth_of(label)
        kept.append(texts if label is None else {**texts, "label": label})
    return kind, tuple(kept)


def prompt_of(row: Row, format: Format) -> str:
    """The context of what a row teaches, as plain text; empty if there is none."""
    if format == "messages":
        return plain(row["messages"][:-1])
    return plain(row.get("prompt", ""))


def completion_of(row: Row, format: Format) -> str:
    """What a row teaches, as plain text; for a preference the chosen side, for a prompt nothing."""
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
    """A string as it is; for messages, their contents, each followed by a line feed."""
    if isinstance(text, str):
        return text
    return plain_messages(text)


def abbreviated(row: Row) -> str:
    """A row for an error message, with long values shortened."""
    cells = (f"{column!r}: {_shortened(value)}" for column, value in row.items())
    return "{" + ", ".join(cells) + "}"


def _format(rows: Sequence[Row], source: str) -> Format:
    """The format of the first row; a label counts only if all labels are true or false."""
    for kind, columns in COLUMNS.items():
        if all(rows[0].get(column) is not None for column in columns) and (
            "label" not in columns or all(truth_of(row.get("label")) is not None for row in rows)
        ):
            return kind
    if not rows[0]:
        raise CorpusError(f"{source}: no columns in its rows; name a file of objects with a text")
    raise ColumnsError(
        f"{source}: the columns {', '.join(rows[0])} do not form a known format; name the column "
        f"of the text, prompt, completion, chosen or rejected, as in "
        f"text={next(iter(rows[0]), 'content')}; row 1 is {abbreviated(rows[0])}",
        rows[0],
    )


def _texts(row: Row, columns: list[str], conversational: bool, place: str) -> dict[str, Any]:
    """The texts of a row, checked; a preference gets its prompt."""
    texts: dict[str, Any] = {}
    for column in columns:
        text = row.get(column)
        if text is None:
            raise CorpusError(
                f"{place}: no {column}, which row 1 has; the row is {abbreviated(row)}"
            )
        texts[column] = as_messages(text) if conversational else text
        if texts[column] is None or not (conversational or isinstance(text, str)):
            wanted = "a list of messages with role and content" if conversational else "a text"
            raise CorpusError(f"{place}: {column} is not {wanted}: {_shortened(text)}")
        if half := _HALF.search(plain(texts[column])):
            raise CorpusError(
                f"{place}: {column} has a lone surrogate, U+{ord(half[0]):04X}, which is not valid "
                "Unicode; remove it, or leave the row out"
            )
    if not any(plain(text).strip() for text in texts.values()):
        raise CorpusError(f"{place}: no text in {' and '.join(texts)}; remove the row")
    return _with_prompt(**texts, place=place) if columns[0] == "chosen" else texts


def _with_prompt(chosen: Any, rejected: Any, place: str) -> dict[str, Any]:
    """A preference with the common start of its two sides as prompt."""
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
                f"{place}: chosen and rejected have no common first message; add a prompt"
            )
    return {"prompt": chosen[:start], "chosen": chosen[start:], "rejected": rejected[start:]}


def truth_of(label: Any) -> bool | None:
    """The truth value of a label; None if it is a class."""
    return _TRUTH.get(str(label).strip().lower())


def _shortened(value: Any) -> str:
    """The `repr` of a value, shortened if long."""
    text = repr(value) if isinstance(value, str) else abridged(value, _SHOWN)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
