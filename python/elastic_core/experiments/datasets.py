"""The two sides of an experiment, read, cleaned and divided: held out, for the scorer, to learn."""

from dataclasses import dataclass, replace
from functools import lru_cache

from elastic_core._core import InvalidArgumentError
from elastic_core.data.convert import openings
from elastic_core.data.examples import Examples
from elastic_core.data.lengths import match_length
from elastic_core.data.load import load_examples
from elastic_core.data.select import deduplicate, hold_out, subsets, with_label, without_prompts
from elastic_core.experiments.cells import digest
from elastic_core.experiments.config import Data, ScorerConfig, Source

SIDES = ("positive", "negative")
"""The sides by name, in the order of everything that is listed."""


@dataclass(frozen=True, slots=True)
class SeedSplit:
    """What a seed holds out and what it leaves to learn.

    Attributes:
        held_out: A row for each held-out prompt, by side.
        pool: The rows to learn in the seed's order, by side.
        pairs: The preferences to learn in the seed's order, if there are any.
    """

    held_out: dict[str, Examples]
    pool: dict[str, Examples]
    pairs: Examples | None


class Datasets:
    """The rows of both sides.

    Rows that come twice, in one side or in both, are taken once. Then the scorer's rows are taken
    out, if it has none of its own, and lengths are matched. What is left is the same for all seeds.

    Args:
        data: Where the rows are.
        scorer: What they are scored by.
        prompts: How many prompts each seed holds out.

    Raises:
        InvalidArgumentError: A side has too few rows, or they are conversations.
        CorpusError: Rows are damaged, or lack a column.
        OSError: A file is missing.
    """

    def __init__(self, data: Data, scorer: ScorerConfig, prompts: int) -> None:
        named = {"positive": data.positive, "negative": data.negative}
        self.names = tuple(side for side in SIDES if named[side] is not None)
        self._prompts = prompts
        read = [_read(source, data.prompt_words) for side in SIDES if (source := named[side])]
        rows = dict(zip(self.names, deduplicate(*read).splits, strict=True))
        self.scorer = self._scorer_rows(rows, scorer, data.prompt_words)
        if data.match_length and len(rows) == 2:
            matched = match_length(rows["positive"], rows["negative"], seed=0)
            rows = {"positive": matched.one, "negative": matched.other}
        self.rows = rows
        self.pairs = _pairs(data.pairs) if data.pairs else None
        kept = [*self.rows.values(), *([self.pairs] if self.pairs else [])]
        self.identity = digest([prompts, *(each.identity for each in kept)])
        self.at = lru_cache(8)(self._divide)

    def _scorer_rows(
        self, rows: dict[str, Examples], scorer: ScorerConfig, words: int
    ) -> dict[str, Examples]:
        """What a linear scorer is trained on; rows of a side are then no longer among `rows`."""
        if scorer.kind != "linear" or len(rows) < 2:
            return {}
        found = {}
        for side in self.names:
            if source := getattr(scorer, side):
                read = deduplicate(rows[side], _read(source, words)).splits[1]
                found[side] = subsets(read, [min(scorer.rows, len(read))], seed=0)[0]
                continue
            count = scorer.rows
            if count >= len(rows[side]):
                raise InvalidArgumentError(
                    f"{rows[side].name}: {len(rows[side]):,} rows, of which the scorer would take "
                    f"{count:,} and leave none to learn; give scorer.rows a smaller number, or "
                    f"name data of its own as scorer.{side}.source"
                )
            found[side], rows[side] = _parted(rows[side], count)
        return found

    def _divide(self, seed: int) -> SeedSplit:
        """The division of a seed; `at` keeps the last ones."""
        each = self._prompts // len(self.names)
        held_out = {side: hold_out(self.rows[side], each, seed=seed)[0] for side in self.names}
        pool = {}
        for side in self.names:
            rest = self.rows[side]
            for prompts in held_out.values():
                rest = without_prompts(rest, prompts)
            pool[side] = subsets(rest, [len(rest)], seed=seed)[0]
        pairs = self.pairs
        if pairs:
            for prompts in held_out.values():
                pairs = without_prompts(pairs, prompts)
            pairs = subsets(pairs, [len(pairs)], seed=seed)[0]
        return SeedSplit(held_out, pool, pairs)


def _parted(rows: Examples, count: int) -> tuple[Examples, Examples]:
    """So many rows drawn at random, and the others in their own order."""
    drawn = subsets(rows, [count], seed=0)[0]
    taken = {id(row) for row in drawn.rows}
    return drawn, rows.take(at for at, row in enumerate(rows.rows) if id(row) not in taken)


def _read(source: Source, words: int) -> Examples:
    """Rows with prompt and completion as plain text."""
    rows = _some(source)
    if rows.format == "text":
        rows = openings(rows, words)
    if rows.format != "prompt-completion" or rows.conversational:
        kind = "conversations" if rows.conversational else rows.format
        raise InvalidArgumentError(
            f"{rows.name}: {kind}, but a side needs prompt and completion as plain text; say with "
            "columns which they are, or name texts, whose first words become the prompt"
        )
    return rows


def _some(source: Source) -> Examples:
    """The rows of a source, of its label and so many as are wanted."""
    rows = load_examples(source.source, columns=source.columns or None, split=source.split)
    if source.label is not None:
        rows = with_label(rows, source.label)
        if rows.format == "unpaired-preference":  # A label that is true or false, here a class.
            plain = ({name: row[name] for name in ("prompt", "completion")} for row in rows.rows)
            rows = replace(rows, format="prompt-completion", rows=tuple(plain))
    if source.limit is not None and source.limit < len(rows):
        rows = subsets(rows, [source.limit], seed=0)[0]
    return rows


def _pairs(source: Source) -> Examples:
    """Preferences as plain text."""
    rows = _some(source)
    if rows.format != "preference" or rows.conversational:
        kind = "conversations" if rows.conversational else rows.format
        raise InvalidArgumentError(
            f"{rows.name}: {kind}, but pairs need chosen and rejected as plain text; say with "
            "columns which they are"
        )
    return deduplicate(rows).splits[0]
