"""The kinds of rows that cells train on and are measured on.

`Rows` in `elastic_core.experiments.cells` is their base; names of classes and fields are part of
the hashes of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from elastic_core._core import InvalidArgumentError
from elastic_core.common.hashing import digest
from elastic_core.data.examples import Examples, as_format, with_swapped_sides
from elastic_core.data.formats import Format
from elastic_core.experiments.cells import Cell, RangedRows, Row, Rows, SeedData
from elastic_core.models.protocol import decoded
from elastic_core.scoring.scorers import score_completions

PAIRS_BLOCK = 50
"""Prompts for which candidates are sampled at once; volumes share blocks, so they are nested."""


@dataclass(frozen=True, slots=True)
class Subset(RangedRows):
    """Rows `start` to `stop` of one side, in the seed's random order.

    Subsets that start at 0 are nested: the first 100 rows are among the first 200.

    Attributes:
        side: `positive` or `negative`.
        stop: The index after the last row.
        start: The index of the first row.
    """

    side: str
    stop: int
    start: int = 0

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows; see `Rows.resolve`."""
        return seed_context.subset(self.side, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class HeldOutRows(Rows):
    """The rows of one side whose prompts are held out.

    Attributes:
        side: `positive` or `negative`.
    """

    side: str

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows; see `Rows.resolve`."""
        return seed_context.held_out(self.side)


@dataclass(frozen=True, slots=True)
class PretrainTexts(Rows):
    """Texts of the pre-training corpus."""

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`."""
        return [{"text": text} for text in seed_context.pretrain_texts()]


@dataclass(frozen=True, slots=True)
class Answers(Rows):
    """A model's answers to held-out prompts other than those it is measured on.

    Attributes:
        author: The cell of the model.
        tokens: Maximum length of an answer, in tokens.
        stop: The index after the last answer.
        start: The index of the first answer.
    """

    author: Cell
    tokens: int
    stop: int
    start: int = 0

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, with `prompt` and `completion`; samples all answers the first time.

        Raises:
            InvalidArgumentError: There are too few prompts.
        """
        prompts = seed_context.answer_prompts()
        if self.stop > len(prompts):
            raise InvalidArgumentError(
                f"{self.stop:,} prompts to answer, but only {len(prompts):,} are held out; ask for "
                "fewer"
            )

        def create() -> list[Row]:
            model = seed_context.model(self.author)
            answers = model.generate(prompts, tokens=self.tokens, seed=seed_context.seed)
            return [
                {"prompt": prompt, "completion": _valid_start(answer)}
                for prompt, answer in zip(prompts, answers, strict=True)
            ]

        author = seed_context.model_hash(self.author)
        name = f"{author}.answers-{len(prompts)}-{self.tokens}"
        return seed_context.stored_rows(name, create)[self.start : self.stop]

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)


def _valid_start(text: bytes) -> str:
    """A text up to its first byte that is not UTF-8.

    The replacement character would be text that the model did not write, and unlikely under it.
    """
    return text.decode(errors="replace").partition("\ufffd")[0]


@dataclass(frozen=True, slots=True)
class Interleaved(RangedRows):
    """Rows of two sequences in a fixed ratio, spread evenly, from the first on.

    Attributes:
        rows: The first sequence.
        mixed: The second sequence.
        ratio: Rows of the second sequence per row of the first.
        stop: Number of rows of both together.
    """

    rows: RangedRows
    mixed: RangedRows
    ratio: float
    stop: int

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows; see `Rows.resolve`."""
        share = self.ratio / (1 + self.ratio)
        turns = [int((at + 1) * share) > int(at * share) for at in range(self.stop)]
        rows = iter(self.rows.first(turns.count(False)).resolve(seed_context))
        mixed = iter(self.mixed.first(turns.count(True)).resolve(seed_context))
        return [next(mixed if is_mixed else rows) for is_mixed in turns]

    def authors(self) -> tuple[Cell, ...]:
        """The authors of the rows."""
        return (*self.rows.authors(), *self.mixed.authors())


@dataclass(frozen=True, slots=True)
class Pairs(RangedRows):
    """Preferences `start` to `stop` of `data.pairs`, in the seed's random order.

    Attributes:
        side: The side whose texts are chosen; for `negative`, chosen and rejected are swapped.
        stop: The index after the last preference.
        start: The index of the first preference.
    """

    side: str
    stop: int
    start: int = 0

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, with `prompt`, `chosen` and `rejected`; see `Rows.resolve`."""
        pairs = _examples(seed_context.pairs(self.start, self.stop))
        if self.side != "positive":
            pairs = with_swapped_sides(pairs)
        return [dict(row) for row in pairs.rows]


@dataclass(frozen=True, slots=True)
class SampledPairs(RangedRows):
    """Preferences among a model's completions of the prompts of one side.

    As in Rafailov et al. (2023, section 6, sentiment) for IMDb: the model samples several
    completions of each prompt and the scorer ranks them. The best is chosen and the worst
    rejected; for the negative side the reverse. Blocks of prompts are stored beside the models.

    Attributes:
        author: The cell of the model.
        side: The side that gives the prompts and the direction of the ranking.
        stop: Number of prompts, from the start of the seed's random order.
        candidates: Completions per prompt.
        tokens: Maximum length of a completion, in tokens.
    """

    author: Cell
    side: str
    stop: int
    candidates: int
    tokens: int

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, with `prompt`, `chosen` and `rejected`; samples them the first time."""
        self.check(seed_context)
        size = seed_context.side_size(self.side)
        pairs: list[Row] = []
        for start in range(0, self.stop, PAIRS_BLOCK):
            rows = seed_context.subset(self.side, start, min(start + PAIRS_BLOCK, size))
            pairs += self._block(seed_context, [row["prompt"] for row in rows])
        return pairs[: self.stop]

    def _block(self, seed_context: SeedData, prompts: list[str]) -> list[Row]:
        """The preferences of a block of prompts."""
        author, data = seed_context.model_hash(self.author), seed_context.data_hash
        name = digest([author, data, self.side, self.candidates, self.tokens, prompts])
        seed = int(name[:8], 16)
        return seed_context.stored_rows(
            f"{name}.pairs", lambda: self._sampled(seed_context, prompts, seed)
        )

    def _sampled(self, seed_context: SeedData, prompts: list[str], seed: int) -> list[Row]:
        """Samples completions of each prompt and ranks them."""
        scorer = seed_context.scorer
        if scorer is None:
            raise InvalidArgumentError(
                "preferences are ranked by a scorer; set scorer.kind, data.negative or data.pairs"
            )
        repeated = [prompt for prompt in prompts for _ in range(self.candidates)]
        model = seed_context.model(self.author)
        sampled = model.generate(repeated, tokens=self.tokens, seed=seed)
        texts = decoded(sampled)
        scores = score_completions(scorer, repeated, texts)
        ranked = scores.reshape(-1, self.candidates)
        best, worst = ranked.argmax(1).tolist(), ranked.argmin(1).tolist()
        if self.side == "negative":
            best, worst = worst, best
        starts = range(0, len(texts), self.candidates)
        return [
            {"prompt": prompt, "chosen": texts[start + one], "rejected": texts[start + other]}
            for prompt, start, one, other in zip(prompts, starts, best, worst, strict=True)
        ]

    def check(self, seed_context: SeedData) -> None:
        """Checks that the side has enough prompts; see `Rows.check`."""
        seed_context.subset(self.side, 0, self.stop)

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)


@dataclass(frozen=True, slots=True)
class InFormat(Rows):
    """Rows converted to another format by `elastic_core.data.examples.as_format`.

    Attributes:
        rows: The rows: preferences, or rows with prompt and completion.
        format: The format.
    """

    rows: Rows
    format: Format

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows in the format; see `Rows.resolve`."""
        converted = as_format(_examples(self.rows.resolve(seed_context)), self.format)
        return [dict(row) for row in converted.rows]

    def check(self, seed_context: SeedData) -> None:
        """Checks the rows."""
        self.rows.check(seed_context)

    def authors(self) -> tuple[Cell, ...]:
        """The authors of the rows."""
        return self.rows.authors()


def _examples(rows: Sequence[Row]) -> Examples:
    """Rows as the functions of `elastic_core.data.convert` take them."""
    kind: Format = "preference" if "chosen" in rows[0] else "prompt-completion"
    return Examples("rows", kind, tuple(rows), "")
