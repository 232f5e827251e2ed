"""The rows of an experiment, read, cleaned and split: held out, for the scorer, to train on."""

from dataclasses import dataclass, replace
from functools import lru_cache

from elastic_core._core import InvalidArgumentError
from elastic_core.common.hashing import digest
from elastic_core.data.examples import Examples, split_prompts
from elastic_core.data.load import load_examples
from elastic_core.data.select import (
    deduplicate,
    hold_out,
    match_length,
    subsets,
    with_label,
    without_prompts,
)
from elastic_core.experiments.sections import MOST_SCORER_ROWS, Data, ScorerConfig, Source
from elastic_core.scoring.scorers import NAME as LINEAR

SIDES = ("positive", "negative")
"""The names of the sides, in the order of all listings."""

_SCORERS = {1: "the scorer", 2: "two scorers, one that models learn from and one that judges,"}


@dataclass(frozen=True, slots=True)
class SeedSplit:
    """The rows that a seed holds out, and those it leaves to train on.

    Attributes:
        held_out: A row for each held-out prompt, by side.
        pool: The rows to train on, in the seed's order, by side.
        pairs: The preferences to train on, in the seed's order, if there are any.
        shared: By side, rows that are neither, because their prompt is held out with another row.
    """

    held_out: dict[str, Examples]
    pool: dict[str, Examples]
    pairs: Examples | None
    shared: dict[str, int]


class Datasets:
    """The rows of both sides.

    Duplicates are removed within and across sides; a row on both sides is kept on the positive one.
    Then the scorer's rows are set aside, if it has none of its own, and lengths are matched. The
    remaining rows are the same for all seeds.

    Args:
        data: The sources of the rows.
        scorer: The scorer.
        prompts: How many prompts each seed holds out.
        scorer_teaches: Whether models learn from the scorer, so that other rows are set aside for a
            linear one that judges.

    Attributes:
        sides: The names of the sides that there are.
        rows: The rows that are not set aside, by side.
        prompts: How many prompts each seed holds out.
        split_sides: The sides of plain texts, whose first words are the prompts.
        too_short: Texts without more words than a prompt has, which were dropped, by side.
        scorer: Labelled rows to train a linear scorer on, by side; empty if there is none.
        judge: Labelled rows to train the scorer that judges on, by side; those of `scorer` unless
            models learn from it.
        scorers: How many linear scorers are trained on rows that are set aside.
        pairs: The preferences, if there are any.
        identity: The hash of all rows to train on.
        split: The split of a seed.

    Raises:
        InvalidArgumentError: A side has too few rows, or its rows are conversations.
        CorpusError: Rows are damaged, or lack a column.
        OSError: A file is missing.
    """

    def __init__(
        self, data: Data, scorer: ScorerConfig, prompts: int, *, scorer_teaches: bool = False
    ) -> None:
        sources = {"positive": data.positive, "negative": data.negative}
        self.sides = tuple(side for side in SIDES if sources[side] is not None)
        self.prompts = prompts
        loaded = [load_source(source) for side in SIDES if (source := sources[side])]
        read = [with_prompts(rows, data.prompt_words) for rows in loaded]
        by_side = list(zip(self.sides, loaded, read, strict=True))
        self.split_sides = tuple(side for side, rows, _ in by_side if rows.format == "text")
        self.too_short = {side: len(rows) - len(kept) for side, rows, kept in by_side}
        rows = dict(zip(self.sides, deduplicate(*read).splits, strict=True))
        has_linear = scorer.kind == LINEAR
        groups = self._scorer_rows(rows, scorer, data.prompt_words, has_linear + scorer_teaches)
        self.scorers = len(groups)
        self.scorer = groups[0] if has_linear and groups else {}
        self.judge = groups[-1] if groups else {}
        if scorer_teaches and not self.judge:
            raise InvalidArgumentError(
                f"scorer {scorer.kind}: models learn from it, so another scorer, trained on "
                "labelled rows of both sides, has to judge them; set data.negative.source"
            )
        if data.match_length and len(rows) == 2:
            matched = match_length(rows["positive"], rows["negative"], seed=0)
            rows = {"positive": matched.one, "negative": matched.other}
        self.rows = rows
        self.pairs = _read_pairs(data.pairs) if data.pairs else None
        kept = [*self.rows.values(), *([self.pairs] if self.pairs else [])]
        self.identity = digest([prompts, *(examples.identity for examples in kept)])
        self.split = lru_cache(8)(self._split)

    def _scorer_rows(
        self, rows: dict[str, Examples], scorer: ScorerConfig, words: int, count: int
    ) -> list[dict[str, Examples]]:
        """Disjoint rows to train `count` linear scorers on; those of a side leave `rows`."""
        if not count or len(rows) < 2:
            return []
        taken: list[dict[str, Examples]] = [{} for _ in range(count)]
        for side in self.sides:
            size = scorer.rows or MOST_SCORER_ROWS
            if source := getattr(scorer, side):
                own = deduplicate(rows[side], with_prompts(load_source(source), words)).splits[1]
                size = min(size, len(own) // count)
                drawn = subsets(own, [count * size], seed=0)[0]
            elif count * size >= len(rows[side]):
                raise InvalidArgumentError(
                    f"{rows[side].name}: {_SCORERS[count]} would take {count * size:,} of "
                    f"{len(rows[side]):,} rows and leave none to train on; lower scorer.rows, or "
                    f"name separate data as scorer.{side}.source"
                )
            else:
                drawn, rows[side] = _take_random(rows[side], count * size)
            for number, group in enumerate(taken):
                group[side] = drawn.take(range(number * size, (number + 1) * size))
        return taken

    def _split(self, seed: int) -> SeedSplit:
        """The split of a seed; `split` caches the last ones."""
        count = self.prompts // len(self.sides)
        held_out = {side: hold_out(self.rows[side], count, seed=seed)[0] for side in self.sides}
        pool = {}
        for side in self.sides:
            rest = self.rows[side]
            for prompts in held_out.values():
                rest = without_prompts(rest, prompts)
            pool[side] = subsets(rest, [len(rest)], seed=seed)[0]
        pairs = self.pairs
        if pairs:
            for prompts in held_out.values():
                pairs = without_prompts(pairs, prompts)
            pairs = subsets(pairs, [len(pairs)], seed=seed)[0]
        shared = {
            side: len(self.rows[side]) - len(pool[side]) - len(held_out[side])
            for side in self.sides
        }
        return SeedSplit(held_out, pool, pairs, shared)


def _take_random(rows: Examples, count: int) -> tuple[Examples, Examples]:
    """`count` rows drawn at random, and the other rows in their original order."""
    drawn = subsets(rows, [count], seed=0)[0]
    taken = {id(row) for row in drawn.rows}
    return drawn, rows.take(at for at, row in enumerate(rows.rows) if id(row) not in taken)


def with_prompts(rows: Examples, words: int) -> Examples:
    """Rows with prompt and completion as plain text.

    Args:
        rows: The rows as loaded.
        words: In plain texts, the number of words that form the prompt.

    Raises:
        InvalidArgumentError: The rows have another format, or are conversations.
    """
    if rows.format == "text":
        rows = split_prompts(rows, words)
    if rows.format != "prompt-completion" or rows.conversational:
        raise InvalidArgumentError(
            f"{rows.name}: {_kind(rows)}, but a side needs prompt and completion as plain text; "
            "name their columns in columns, or use plain texts, whose first words become the prompt"
        )
    return rows


def _read_pairs(source: Source) -> Examples:
    """Reads preferences as plain text."""
    rows = load_source(source)
    if rows.format != "preference" or rows.conversational:
        raise InvalidArgumentError(
            f"{rows.name}: {_kind(rows)}, but pairs need chosen and rejected as plain text; name "
            "their columns in columns"
        )
    return deduplicate(rows).splits[0]


def _kind(rows: Examples) -> str:
    return "conversations" if rows.conversational else rows.format


def load_source(source: Source) -> Examples:
    """Loads the rows of a source that have its label, up to its limit.

    Raises:
        InvalidArgumentError: The source mixes text and rows, or no row has the label.
        CorpusError: Rows are damaged, or lack a column.
        OSError: A file is missing.
    """
    columns = source.columns or None
    if columns and source.label is not None:
        columns = {"label": "label", **columns}
    rows = load_examples(source.source, columns=columns, split=source.split)
    if source.label is not None:
        rows = with_label(rows, source.label)
        if rows.format == "unpaired-preference":  # A true or false label; here it names a class.
            plain = ({name: row[name] for name in ("prompt", "completion")} for row in rows.rows)
            rows = replace(rows, format="prompt-completion", rows=tuple(plain))
    if source.limit is not None and source.limit < len(rows):
        rows = subsets(rows, [source.limit], seed=0)[0]
    return rows
