"""Data sets of rows in one format, and conversions between formats."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from elastic_core._core import InvalidArgumentError
from elastic_core.data.formats import Format, Row, completion_of, prompt_of


@dataclass(frozen=True, slots=True)
class Examples:
    """A data set of at least one row, in memory.

    `datasets.Dataset.from_list(list(examples.rows))` converts it for TRL's trainers.

    Attributes:
        name: Its name in results.
        format: The format of all rows; see `elastic_core.data.formats`.
        rows: The rows, with the columns of the format and optionally `label`.
        source: The file, folder or hub name that they were read from.
    """

    name: str
    format: Format
    rows: tuple[Row, ...] = field(repr=False)
    source: str

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return tuple(dict.fromkeys(column for row in self.rows for column in row))

    @property
    def conversational(self) -> bool:
        """Whether the texts are lists of messages, which need a chat template."""
        return any(isinstance(value, list) for value in self.rows[0].values())

    @property
    def identity(self) -> str:
        """SHA-256 of the format and the rows in order, in hexadecimal."""
        return hashlib.sha256("\n".join([self.format, *self.keys()]).encode()).hexdigest()

    def keys(self) -> list[str]:
        """Each row as ASCII JSON with sorted keys, to compare rows by."""
        return [json.dumps(row, sort_keys=True, default=str) for row in self.rows]

    def prompts(self) -> list[str]:
        """The context of what each row teaches, as plain text.

        Empty for `text`; for `messages`, all but the last message.
        """
        return [prompt_of(row, self.format) for row in self.rows]

    def completions(self) -> list[str]:
        """What each row teaches, as plain text.

        The completion, whatever its label; the chosen side of a preference; the last message; or
        the whole text.
        """
        return [completion_of(row, self.format) for row in self.rows]

    def texts(self) -> list[str]:
        """Each row as one plain text, as a model without a chat template reads it.

        The prompt, directly followed by the completion: TRL inserts nothing between two strings, so
        a separator must be part of the data. For messages, their contents, each followed by a line
        feed.
        """
        return [p + c for p, c in zip(self.prompts(), self.completions(), strict=True)]

    def take(self, indices: Iterable[int]) -> "Examples":
        """The rows with the given indices, in that order."""
        return replace(self, rows=tuple(self.rows[index] for index in indices))


def as_format(examples: Examples, format: Format) -> Examples:
    """Converts the rows to a format with less information.

    - `preference` to `unpaired-preference`: two rows for each, the chosen side true, the rejected
      side false.
    - `preference` to `prompt-completion`: the chosen side.
    - `unpaired-preference` to `prompt-completion`: the rows labelled true.
    - Any format with prompts to `prompt`.

    Raises:
        InvalidArgumentError: The conversion is impossible, or no row is labelled true.
    """
    if format == examples.format:
        return examples
    convert = _CONVERSIONS.get((examples.format, format))
    if convert is None:
        raise InvalidArgumentError(
            f"{examples.name}: {examples.format} cannot be converted to {format}; use data "
            "with the columns of that format"
        )
    rows = tuple(new for row in examples.rows for new in convert(row))
    if not rows:
        raise InvalidArgumentError(f"{examples.name}: no row is labelled true")
    return replace(examples, format=format, rows=rows)


def with_swapped_sides(examples: Examples) -> Examples:
    """Preferences reversed: chosen and rejected swapped, or true and false.

    Raises:
        InvalidArgumentError: The rows are not preferences.
    """
    match examples.format:
        case "preference":
            sides = {"chosen": "rejected", "rejected": "chosen"}
            rows = [{sides.get(key, key): row[key] for key in row} for row in examples.rows]
        case "unpaired-preference":
            rows = [{**row, "label": not row["label"]} for row in examples.rows]
        case _:
            raise InvalidArgumentError(
                f"{examples.name}: {examples.format} has no sides to swap; use preferences"
            )
    return replace(examples, rows=tuple(rows))


def split_prompts(examples: Examples, words: int) -> Examples:
    """Splits texts into a prompt, their first words, and a completion, the rest.

    Prompt + completion is the text again: the white space between them belongs to the completion.
    Texts with no further words are dropped.

    Args:
        examples: Rows of the format `text`.
        words: Words in a prompt, separated by white space.

    Raises:
        InvalidArgumentError: `words` is below 1, the rows are not texts, or none is long enough.
    """
    if words < 1:
        raise InvalidArgumentError(f"{words} words: a prompt needs at least 1")
    if examples.format != "text":
        raise InvalidArgumentError(
            f"{examples.name}: only texts can be split, not {examples.format}"
        )
    opening = re.compile(rf"\s*\S+(?:\s+\S+){{{words - 1}}}(?=\s+\S)")
    rows: list[Row] = []
    for row in examples.rows:
        if match := opening.match(row["text"]):
            completion = row["text"][match.end() :]
            label = {"label": row["label"]} if "label" in row else {}
            rows.append({"prompt": match[0], "completion": completion, **label})
    if not rows:
        raise InvalidArgumentError(f"{examples.name}: no text is longer than {words} words")
    return replace(examples, format="prompt-completion", rows=tuple(rows))


def beginning(text: str, words: int) -> str:
    """The first `words` words of a text, at least 1, with the white space before and between."""
    match = re.match(rf"(?:\s*\S+){{0,{words}}}", text)
    return match[0] if match else text


def _chosen(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"], "completion": row["chosen"]}]


def _unpaired(row: Row) -> Iterable[Row]:
    sides = (("chosen", True), ("rejected", False))
    return [
        {"prompt": row["prompt"], "completion": row[side], "label": label} for side, label in sides
    ]


def _true_completions(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"], "completion": row["completion"]}] if row["label"] else []


def _prompt(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"]}]


_CONVERSIONS: dict[tuple[Format, Format], Callable[[Row], Iterable[Row]]] = {
    ("preference", "unpaired-preference"): _unpaired,
    ("preference", "prompt-completion"): _chosen,
    ("unpaired-preference", "prompt-completion"): _true_completions,
    ("preference", "prompt"): _prompt,
    ("unpaired-preference", "prompt"): _prompt,
    ("prompt-completion", "prompt"): _prompt,
}
