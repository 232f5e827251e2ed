"""The rows of algorithms that learn from preferences, from labels or from prompts."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import write_text
from elastic_core.data.convert import as_format, exchanged
from elastic_core.data.examples import Examples
from elastic_core.data.formats import Format
from elastic_core.experiments.cells import Cell, Row, Rows, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastic_core.experiments.context import SeedContext

_BLOCK = 50
"""Prompts whose candidates are drawn at once; all volumes have the same blocks, so they nest."""


@dataclass(frozen=True, slots=True)
class Pairs(Rows):
    """Preferences of the data, from one number to another of the seed's random order.

    Attributes:
        side: Which side's texts are chosen; `negative`: chosen and rejected are exchanged.
        stop: The number after the last one.
        start: The number of the first.
    """

    side: str
    stop: int
    start: int = 0

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows, with `prompt`, `chosen` and `rejected`; see `Rows.resolve`."""
        pairs = _examples(seed_context.pairs(self.start, self.stop))
        found = pairs if self.side == "positive" else exchanged(pairs)
        return [dict(row) for row in found.rows]


@dataclass(frozen=True, slots=True)
class SampledPairs(Rows):
    """Preferences among what a model says after the prompts of a side's rows.

    As Rafailov et al. (2023, section 6, sentiment) make them for IMDb: the model draws several
    continuations of each prompt, and the scorer ranks them. The best is chosen and the worst
    rejected; for the negative side the other way round. Each block of prompts is written down
    once, beside the models.

    Attributes:
        author: The cell of the model.
        side: Whose prompts, and which way they are ranked.
        stop: How many prompts, from the first of the seed's random order on.
        candidates: How many continuations of each.
        tokens: Most tokens of a continuation.
    """

    author: Cell
    side: str
    stop: int
    candidates: int
    tokens: int

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows, with `prompt`, `chosen` and `rejected`; see `Rows.resolve`."""
        self.check(seed_context)
        there = len(seed_context.context.sides.at(seed_context.seed).pool[self.side])
        found = []
        for start in range(0, self.stop, _BLOCK):
            rows = seed_context.subset(self.side, start, min(start + _BLOCK, there))
            found += self._block(seed_context, [row["prompt"] for row in rows])
        return found[: self.stop]

    def _block(self, seed_context: "SeedContext", prompts: list[str]) -> list[Row]:
        """The rows of some prompts, from where they are written down."""
        context = seed_context.context
        made = context.made(self.author)
        settings = [self.side, self.candidates, self.tokens]
        name = digest([made, context.hashes.data, *settings, prompts])
        file = context.store.pairs(name)
        if not file.exists():
            write_text(file, json.dumps(self._drawn(seed_context, prompts, seed=int(name[:8], 16))))
        found: list[Row] = json.loads(file.read_text())
        return found

    def _drawn(self, seed_context: "SeedContext", prompts: list[str], seed: int) -> list[Row]:
        """Draws the continuations of each prompt and ranks them."""
        scorer = seed_context.context.scorer
        if scorer is None:
            raise InvalidArgumentError(
                "preferences are ranked by a scorer; name one, or both sides, or data.pairs"
            )
        asked = [prompt for prompt in prompts for _ in range(self.candidates)]
        model = seed_context.context.model(self.author)
        drawn = model.generate(asked, tokens=self.tokens, seed=seed)
        said = [text.decode(errors="replace") for text in drawn]
        scores = scorer([one + two for one, two in zip(asked, said, strict=True)])
        ranked = scores.reshape(-1, self.candidates)
        best, worst = ranked.argmax(1).tolist(), ranked.argmin(1).tolist()
        if self.side == "negative":
            best, worst = worst, best
        starts = range(0, len(said), self.candidates)
        return [
            {"prompt": prompt, "chosen": said[at + one], "rejected": said[at + two]}
            for prompt, at, one, two in zip(prompts, starts, best, worst, strict=True)
        ]

    def check(self, seed_context: "SeedContext") -> None:
        """Refuses more prompts than the side has; see `Rows.check`."""
        seed_context.subset(self.side, 0, self.stop)

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)


@dataclass(frozen=True, slots=True)
class InFormat(Rows):
    """Rows in another format, as `elastic_core.data.convert.as_format` makes it.

    Attributes:
        rows: The rows: preferences, or rows with prompt and completion.
        format: The format.
    """

    rows: Rows
    format: Format

    def resolve(self, seed_context: "SeedContext") -> list[Row]:
        """The rows in the format; see `Rows.resolve`."""
        found = as_format(_examples(self.rows.resolve(seed_context)), self.format)
        return [dict(row) for row in found.rows]

    def check(self, seed_context: "SeedContext") -> None:
        """Refuses what the rows refuse."""
        self.rows.check(seed_context)

    def authors(self) -> tuple[Cell, ...]:
        """Those of the rows."""
        return self.rows.authors()


def _examples(rows: "Sequence[Row]") -> Examples:
    """Rows as the functions of `elastic_core.data.convert` take them."""
    found: Format = "preference" if "chosen" in rows[0] else "prompt-completion"
    return Examples("rows", found, tuple(rows), "")
