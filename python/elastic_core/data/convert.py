"""One data set for several algorithms: from pairs to labels, to completions, to prompts."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from elastic_core._core import InvalidArgumentError
from elastic_core.data.examples import Examples
from elastic_core.data.formats import Format, Row


def as_format(examples: Examples, format: Format) -> Examples:
    """The rows in another format that says less.

    - A `preference` becomes an `unpaired-preference`, two rows of each: what is chosen is true,
      what is rejected false.
    - A `preference` becomes a `prompt-completion` by what is chosen, an `unpaired-preference` by
      the rows that are true.
    - All that has a prompt becomes a `prompt`.

    Raises:
        InvalidArgumentError: There is no such way, or no row is true.
    """
    if format == examples.format:
        return examples
    convert = _WAYS.get((examples.format, format))
    if convert is None:
        raise InvalidArgumentError(
            f"{examples.name}: {examples.format} does not become {format}; name data with the "
            "columns of that format"
        )
    rows = tuple(row for each in examples.rows for row in convert(each))
    if not rows:
        raise InvalidArgumentError(f"{examples.name}: no row has a label that is true")
    return replace(examples, format=format, rows=rows)


def exchanged(examples: Examples) -> Examples:
    """The reverse data of preferences: the rejected is chosen, or the false true.

    Raises:
        InvalidArgumentError: The rows are no preferences.
    """
    match examples.format:
        case "preference":
            sides = {"chosen": "rejected", "rejected": "chosen"}
            rows = [{sides.get(key, key): row[key] for key in row} for row in examples.rows]
        case "unpaired-preference":
            rows = [{**row, "label": not row["label"]} for row in examples.rows]
        case _:
            raise InvalidArgumentError(
                f"{examples.name}: {examples.format} has no sides to exchange; name preferences"
            )
    return replace(examples, rows=tuple(rows))


def openings(examples: Examples, words: int) -> Examples:
    """Texts cut into a prompt, their first words, and a completion, all that follows.

    The two make the text again; the white space between them belongs to the completion. Texts
    without anything after these words are left out.

    Args:
        examples: Rows of the format `text`.
        words: How many words a prompt has; a word is what stands between white space.

    Raises:
        InvalidArgumentError: `words` is below 1, the rows are no texts, or none is long enough.
    """
    if words < 1:
        raise InvalidArgumentError(f"{words} words: a prompt has at least 1")
    if examples.format != "text":
        raise InvalidArgumentError(f"{examples.name}: {examples.format} is no text to cut")
    opening = re.compile(rf"\s*\S+(?:\s+\S+){{{words - 1}}}(?=\s+\S)")
    rows: list[Row] = []
    for row in examples.rows:
        if found := opening.match(row["text"]):
            completion = row["text"][found.end() :]
            label = {"label": row["label"]} if "label" in row else {}
            rows.append({"prompt": found[0], "completion": completion, **label})
    if not rows:
        raise InvalidArgumentError(f"{examples.name}: no text goes on after {words} words")
    return replace(examples, format="prompt-completion", rows=tuple(rows))


def _chosen(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"], "completion": row["chosen"]}]


def _unpaired(row: Row) -> Iterable[Row]:
    sides = (("chosen", True), ("rejected", False))
    return [{"prompt": row["prompt"], "completion": row[side], "label": to} for side, to in sides]


def _wanted(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"], "completion": row["completion"]}] if row["label"] else []


def _prompt(row: Row) -> Iterable[Row]:
    return [{"prompt": row["prompt"]}]


_WAYS: dict[tuple[Format, Format], Callable[[Row], Iterable[Row]]] = {
    ("preference", "unpaired-preference"): _unpaired,
    ("preference", "prompt-completion"): _chosen,
    ("unpaired-preference", "prompt-completion"): _wanted,
    ("preference", "prompt"): _prompt,
    ("unpaired-preference", "prompt"): _prompt,
    ("prompt-completion", "prompt"): _prompt,
}
