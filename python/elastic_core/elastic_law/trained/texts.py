"""Documents in memory, cut into pieces: which a seed learns, in what order, and which it scores.

A piece is a row (document, start, stop) of an int64 array; its text is `document[start:stop]`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import Self

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.progress import Progress, Step
from elastic_core.common.units import format_size

PIECE = 4096
"""Most bytes of a piece; long documents come in pieces, so that an order can mix them."""

HELD_OUT = 0.05
"""The share of a corpus's documents that is held out; at least one is."""

SCORED = 200_000
"""Most bytes of each corpus that are scored, of what was held out and of what was learned."""

_BATCH = 1 << 20

Pieces = NDArray[np.int64]


def read(corpus: Corpus, *, utf8: bool, room: int, progress: Progress | None) -> list[bytes]:
    """Reads the documents of a corpus that have any text.

    Args:
        corpus: The corpus.
        utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.
        room: Most bytes to hold, those that Python adds to each document counted.
        progress: Called with `read NAME` and the bytes of text; how many come is not known.

    Raises:
        InvalidArgumentError: There is more text than `room`, or only one document.
        CorpusError: The corpus is empty, damaged or has a row without usable text.
        OSError: A file cannot be read.
    """
    documents: list[bytes] = []
    size = held = 0
    for batch in corpus.batches(utf8=utf8):
        documents += filter(None, batch.texts)
        size += sum(map(len, batch.texts))
        held += sum(map(getsizeof, batch.texts))
        if held > room:
            raise InvalidArgumentError(
                f"{corpus.name}: more text than memory has room for, {format_size(max(room, 0))}; "
                "give more memory, or less text with a sample or a limit"
            )
        if progress:
            progress(Step("read", corpus.name, size, 0, "bytes"))
    if len(documents) < 2:
        raise InvalidArgumentError(
            f"{corpus.name}: {len(documents)} document with text, but one is held out and another "
            "learned; name more files, or split the text into lines or paragraphs"
        )
    return documents


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One corpus as one seed divides it.

    Attributes:
        documents: The documents of the corpus.
        learned: The pieces to learn, in random order, shape (P, 3).
        keys: Where each stands when they are learned, by themselves or among others: they are
            sorted by this number from 0 to 1, shape (P,).
        sample: Pieces drawn from `learned`, at most `SCORED` bytes unless one alone has more.
        unseen: Pieces drawn from documents that are held out, no more bytes.
    """

    documents: Sequence[bytes]
    learned: Pieces
    keys: NDArray[np.float64]
    sample: Pieces
    unseen: Pieces

    @classmethod
    def draw(cls, documents: Sequence[bytes], random: np.random.Generator) -> Self:
        """Divides the documents at random."""
        order = random.permutation(len(documents))
        held_out = max(1, round(HELD_OUT * len(documents)))
        learned = random.permutation(_cut(documents, order[held_out:]))
        sample = _first(random.permutation(learned), SCORED)
        unseen = _first(random.permutation(_cut(documents, order[:held_out])), SCORED)
        return cls(documents, learned, random.random(len(learned)), sample, unseen)

    @property
    def size(self) -> int:
        """Bytes to learn."""
        return int(sizes(self.learned).sum())

    def parted(self, ends: Sequence[int], random: np.random.Generator) -> list["Split"]:
        """Parts of the pieces to learn, one after another; the rest is left out.

        Args:
            ends: Where each part ends, in bytes to learn from the start, rising. A piece is cut
                there; inside a character of UTF-8, before it.
            random: Draws the sample, which is of the first part and the same in all.

        Returns:
            A division for each part.
        """
        stops = np.cumsum(sizes(self.learned))
        parts, before, inside = [], 0, 0
        for end in ends:
            last = int(np.searchsorted(stops, end))
            pieces = self.learned[before : last + 1].copy()
            pieces[0, 1] += inside
            document, start, stop = pieces[-1].tolist()
            place = _boundary(self.documents[document], stop - int(stops[last] - end))
            pieces[-1, 2] = max(start, place)
            keys = self.keys[before : last + 1]
            inside = int(pieces[-1, 2] - self.learned[last, 1])
            before = last
            full = sizes(pieces) > 0
            parts.append((pieces[full], keys[full]))
        sample = _first(random.permutation(parts[0][0]), SCORED)
        return [replace(self, learned=pieces, keys=keys, sample=sample) for pieces, keys in parts]


def sizes(pieces: Pieces) -> NDArray[np.int64]:
    """Bytes of each piece, shape (P,)."""
    return pieces[:, 2] - pieces[:, 1]


def texts(documents: Sequence[bytes], pieces: Pieces) -> list[bytes]:
    """The texts of pieces of one corpus."""
    return [documents[document][start:stop] for document, start, stop in pieces.tolist()]


def batches(splits: Sequence[Split]) -> Iterator[list[bytes]]:
    """The texts to learn of all splits in one order, about a MiB at a time."""
    pieces = np.concatenate([split.learned for split in splits])
    keys = np.concatenate([split.keys for split in splits])
    corpus = np.repeat(np.arange(len(splits)), [len(split.learned) for split in splits])
    order = np.argsort(keys, kind="stable")
    ends = np.cumsum(sizes(pieces)[order])
    rows = np.column_stack([corpus, pieces])[order]
    for batch in np.split(rows, np.flatnonzero(np.diff(ends // _BATCH)) + 1):
        yield [
            splits[split].documents[document][start:stop]
            for split, document, start, stop in batch.tolist()
        ]


def _cut(documents: Sequence[bytes], chosen: NDArray[np.int64]) -> Pieces:
    """The pieces of the documents that are chosen."""
    rows = []
    for document in chosen.tolist():
        text, start = documents[document], 0
        while start < len(text):
            stop = _boundary(text, min(start + PIECE, len(text)))
            rows.append((document, start, stop))
            start = stop
    return np.array(rows, dtype=np.int64)


def _boundary(text: bytes, place: int) -> int:
    """The last place up to this one that is not inside a character of UTF-8."""
    for back in range(min(4, place)):
        if place - back == len(text) or text[place - back] & 0xC0 != 0x80:
            return place - back
    return place


def _first(pieces: Pieces, most: int) -> Pieces:
    """The first pieces of at most so many bytes together, and one in any case."""
    return pieces[: max(1, int(np.searchsorted(np.cumsum(sizes(pieces)), most, side="right")))]
