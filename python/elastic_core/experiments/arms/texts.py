"""Arms: the rows that an aligned model, or its base as a placebo, is trained on further.

All rows are whole texts, learned from their first token on, as in pre-training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, TypeAlias

from pydantic import Field

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.hashing import digest, rows_sha256
from elastic_core.common.messages import abridged
from elastic_core.corpora.sources import check_regular
from elastic_core.data.select import random_order
from elastic_core.experiments.cells import Cell, RangedRows, Row, SeedData
from elastic_core.experiments.fields import Count, Names
from elastic_core.experiments.sections import Section

ArmName: TypeAlias = Literal["neutral", "opposite", "novel", "same"]
"""The names of arms: text like the pre-training, the other side, text unlike both, more of the
alignment."""

MODEL = "model"
"""The source of an arm that is sampled from the base."""

BLOCK = 64
"""Samples that are drawn and stored at once; trainings on more rows share the first blocks."""

_ROUNDS = 10
"""How often a block is sampled again while texts are missing because some were empty."""


class ArmSource(Section):
    """Where the texts of an arm come from.

    Attributes:
        source: A file, a folder or a glob; or `model`: samples of the base model at temperature 1,
            whose expected gradient at the base is 0, so that the base is a fixed point.
        text_key: Keys or columns that may hold the text of a row.
        split: What counts as a text in plain text: `document`, `line` or `paragraph`.
        characters: Cut texts into pieces of at most so many characters, at white space; shorter
            rests are dropped. None: texts stay as they are.
    """

    source: str
    text_key: Names = Field(["text"])
    split: str = "document"
    characters: Count | None = None


@dataclass(frozen=True, slots=True)
class SideTexts(RangedRows):
    """Whole texts `start` to `stop` of one side, in a random order.

    Attributes:
        side: `positive` or `negative`.
        draw: The number of the random order.
        stop: The index after the last text.
        start: The index of the first text.
    """

    side: str
    draw: int
    stop: int
    start: int = 0

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`; see `Rows.resolve`."""
        count = max(self.stop, seed_context.side_size(self.side))
        rows = seed_context.subset(self.side, 0, count)
        texts = [row["prompt"] + row["completion"] for row in rows]
        order = random_order(texts, _order(seed_context.seed, self.draw))
        return [{"text": texts[at]} for at in order[self.start : self.stop]]


@dataclass(frozen=True, slots=True)
class BaseSamples(RangedRows):
    """Texts `start` to `stop` that a model samples at temperature 1, from the first token on.

    Attributes:
        author: The cell of the model.
        tokens: Maximum length of a text, in tokens.
        draw: The number of the sample.
        stop: The index after the last text.
        start: The index of the first text.
    """

    author: Cell
    tokens: int
    draw: int
    stop: int
    start: int = 0

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`; samples them the first time.

        Raises:
            InvalidArgumentError: The texts are nearly all empty, or all alike.
        """
        blocks = range(self.start // BLOCK, -(-self.stop // BLOCK))
        rows = [row for block in blocks for row in self._block(seed_context, block)]
        if len({row["text"] for row in rows}) < 2:
            raise InvalidArgumentError(
                f"{self.author.model}: all its samples are the same text, "
                f"{abridged(rows[0]['text'])}, which teaches nothing; name a corpus as "
                "neutral.source"
            )
        first = blocks.start * BLOCK
        return rows[self.start - first : self.stop - first]

    def _block(self, seed_context: SeedData, block: int) -> list[Row]:
        author = seed_context.model_hash(self.author)
        name = digest([author, self.tokens, block, _order(seed_context.seed, self.draw)])
        return seed_context.stored_rows(
            f"{name}.samples", lambda: self._sampled(seed_context, int(name[:8], 16))
        )

    def _sampled(self, seed_context: SeedData, seed: int) -> list[Row]:
        """Samples a block; texts end before their first byte that is not UTF-8, none is empty."""
        model = seed_context.model(self.author)
        rows: list[Row] = []
        for round_ in range(_ROUNDS):
            samples = model.generate([""] * BLOCK, tokens=self.tokens, seed=seed + round_)
            texts = (text.decode(errors="replace").partition("\ufffd")[0] for text in samples)
            rows += [{"text": text} for text in texts if text.strip()]
            if len(rows) >= BLOCK:
                return rows[:BLOCK]
        raise InvalidArgumentError(
            f"{self.author.model}: nearly all its samples are empty; name a corpus as "
            "neutral.source"
        )

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)


@dataclass(frozen=True, slots=True)
class CorpusTexts(RangedRows):
    """Texts `start` to `stop` of a corpus, in a random order.

    Attributes:
        arm: The name of the arm, for messages.
        source: The corpus, as in `ArmSource`.
        text_key: Keys or columns that may hold the text of a row.
        split: What counts as a text in plain text.
        characters: The longest piece of a text; None: texts stay as they are.
        sha256: Hash of all its texts.
        draw: The number of the random order.
        stop: The index after the last text.
        start: The index of the first text.
    """

    arm: str
    source: str
    text_key: tuple[str, ...]
    split: str
    characters: int | None
    sha256: str
    draw: int
    stop: int
    start: int = 0

    @classmethod
    def of(cls, arm: str, source: ArmSource, draw: int, stop: int) -> "CorpusTexts":
        """The first `stop` texts of a source in the order of a draw.

        Raises:
            InvalidArgumentError: The source has no text.
            CorpusError: The source is damaged.
            OSError: A file is missing.
        """
        key = tuple(source.text_key)
        texts, sha256 = _read(source.source, key, source.split, source.characters)
        if not texts:
            raise InvalidArgumentError(f"{arm}.source: {source.source} has no text; name another")
        pieces_of = source.characters
        return cls(arm, source.source, key, source.split, pieces_of, sha256, draw, stop)

    def resolve(self, seed_context: SeedData) -> list[Row]:
        """Reads the rows, each with its `text`; see `Rows.resolve`."""
        self.check(seed_context)
        source = self.source, self.text_key, self.split, self.characters
        texts, _ = _read(*source)
        order = _shuffled(*source, _order(seed_context.seed, self.draw))
        return [{"text": texts[at]} for at in order[self.start : self.stop]]

    def check(self, _: SeedData) -> None:
        """Checks that there are enough texts, without ordering them; see `Rows.check`."""
        texts, _sha256 = _read(self.source, self.text_key, self.split, self.characters)
        if self.stop > len(texts):
            raise InvalidArgumentError(
                f"{self.arm}.source: {self.stop:,} texts to train on, but {self.source} has only "
                f"{len(texts):,}; ask for smaller doses, or name more text"
            )


def _order(seed: int, draw: int) -> int:
    """The seed of a draw's random order."""
    return int(digest([seed, draw])[:15], 16)


@cache
def _read(
    source: str, text_key: tuple[str, ...], split: str, characters: int | None
) -> tuple[list[str], str]:
    """The texts of a corpus without blank and repeated ones, and the hash of them all."""
    corpus = Corpus(source, split=split, text_key=list(text_key))
    check_regular(corpus)
    batches = corpus.batches(utf8=True)
    documents = [text.decode() for batch in batches for text in batch.texts if text.strip()]
    texts = documents
    if characters is not None:
        texts = [piece for document in documents for piece in pieces(document, characters)]
    texts = list(dict.fromkeys(texts))
    return texts, rows_sha256({"text": text} for text in texts)


@lru_cache(maxsize=2)
def _shuffled(
    source: str, text_key: tuple[str, ...], split: str, characters: int | None, seed: int
) -> list[int]:
    """The random order of the texts of a corpus; several trainings of a draw share it."""
    texts, _ = _read(source, text_key, split, characters)
    return random_order(texts, seed)


def pieces(text: str, characters: int) -> Sequence[str]:
    """Cuts a text at white space into pieces of at most, and hardly less than, `characters`."""
    found, start = [], 0
    while start + characters < len(text):
        end = text.rfind(" ", start, start + characters + 1)
        newline = text.rfind("\n", start, start + characters + 1)
        end = max(end, newline)
        end = start + characters if end <= start else end
        found.append(text[start:end].strip())
        start = end + 1 if text[end].isspace() else end
    return [piece for piece in found if piece]
