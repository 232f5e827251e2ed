"""Rows of one format: what every study trains on, scores and prompts with."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from elastic_core.data.formats import Format, Row, completion_of, prompt_of


@dataclass(frozen=True, slots=True)
class Examples:
    """A data set of at least one row, in memory.

    `datasets.Dataset.from_list(list(examples.rows))` makes it one that TRL's trainers take.

    Attributes:
        name: What it is called in results.
        format: The format of all rows; see `elastic_core.data.formats`.
        rows: The rows, with the columns of the format and perhaps `label`.
        source: Where they were read from.
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
        """The columns that rows have."""
        return tuple(dict.fromkeys(column for row in self.rows for column in row))

    @property
    def conversational(self) -> bool:
        """Whether the texts are lists of messages, for a model that knows a chat template."""
        return any(isinstance(value, list) for value in self.rows[0].values())

    @property
    def identity(self) -> str:
        """SHA-256 of the format and the rows in their order, in hexadecimal."""
        return hashlib.sha256("\n".join([self.format, *self.keys()]).encode()).hexdigest()

    def keys(self) -> list[str]:
        """Each row as JSON, in ASCII: what tells it from others."""
        return [json.dumps(row, sort_keys=True, default=str) for row in self.rows]

    def prompts(self) -> list[str]:
        """What comes before that which each row teaches, as plain text.

        It is empty for a `text`; of `messages` it is all but the last.
        """
        return [prompt_of(row, self.format) for row in self.rows]

    def completions(self) -> list[str]:
        """What each row teaches, as plain text.

        It is the completion, whatever its label, what is chosen of a preference, the last of the
        messages, or the whole text.
        """
        return [completion_of(row, self.format) for row in self.rows]

    def texts(self) -> list[str]:
        """Each row as one plain text, as a model reads it that knows no chat template.

        It is the prompt and right after it the completion: TRL puts nothing between two strings,
        so a separator belongs into the data. Of messages only the contents are read, each with a
        line feed at its end.
        """
        return [p + c for p, c in zip(self.prompts(), self.completions(), strict=True)]

    def take(self, indices: Iterable[int]) -> "Examples":
        """The rows of these numbers, in this order."""
        return replace(self, rows=tuple(self.rows[index] for index in indices))
