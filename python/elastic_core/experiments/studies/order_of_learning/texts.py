"""Documents in memory, cut into pieces, and a seed's choice of pieces to learn and to score.

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
"""Maximum bytes of a piece; long documents are cut up so that a random order can mix them."""

HELD_OUT = 0.05
"""The share of a corpus's documents that is held out; at least one document."""

SCORED = 200_000
"""Maximum bytes of each corpus that are scored, both of held-out and of learned text."""

_BATCH = 1 << 20

Pieces = NDArray[np.int64]


def read(corpus: Corpus, *, utf8: bool, room: int, progress: Progress | None) -> list[bytes]:
    """Reads the non-empty documents of a corpus.

    Args:
        corpus: The corpus.
        utf8: Whether documents that are not UTF-8 count as bad rows, as a tokenizer requires.
        room: Maximum bytes to hold, Python's overhead for each document included.
        progress: Receives `read NAME` steps in bytes of text, with unknown total.

    Raises:
        InvalidArgumentError: The text exceeds `room`, or there is only one document.
        CorpusError: The corpus is empty, damaged or has a row without usable text.
        OSError: A file cannot be read.
    """
    documents: list[bytes] = []
    text_bytes = held_bytes = 0
    for batch in corpus.batches(utf8=utf8):
        documents += filter(None, batch.texts)
        text_bytes += sum(map(len, batch.texts))
        held_bytes += sum(map(getsizeof, batch.texts))
        if held_bytes > room:
            raise InvalidArgumentError(
                f"{corpus.name}: more text than fits into {format_size(max(room, 0))}; allow more "
                "memory, or read less text with a sample or a limit"
            )
        if progress:
            progress(Step("read", corpus.name, text_bytes, 0, "bytes"))
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
        positions: A number from 0 to 1 for each piece, shape (P,): corpora that are learned
            together are merged in ascending order of these.
        sample: Pieces drawn from `learned`, at most `SCORED` bytes but at least one piece.
        unseen: Pieces drawn from the held-out documents, limited in the same way.
    """

    documents: Sequence[bytes]
    learned: Pieces
    positions: NDArray[np.float64]
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

    def cut_at(self, ends: Sequence[int], random: np.random.Generator) -> list["Split"]:
        """Cuts the pieces to learn into consecutive parts; the rest is left out.

        Args:
            ends: Where each part ends, ascending, in bytes to learn from the start. A piece is cut
                there, or before the UTF-8 character that the cut would tear.
            random: Draws the sample, which is from the first part and the same in all parts.

        Returns:
            A split for each part.
        """
        stops = np.cumsum(sizes(self.learned))
        parts, first, offset = [], 0, 0
        for end in ends:
            last = int(np.searchsorted(stops, end))
            pieces = self.learned[first : last + 1].copy()
            pieces[0, 1] += offset
            document, start, stop = pieces[-1].tolist()
            boundary = _boundary(self.documents[document], stop - int(stops[last] - end))
            pieces[-1, 2] = max(start, boundary)
            positions = self.positions[first : last + 1]
            offset = int(pieces[-1, 2] - self.learned[last, 1])
            first = last
            is_full = sizes(pieces) > 0
            parts.append((pieces[is_full], positions[is_full]))
        sample = _first(random.permutation(parts[0][0]), SCORED)
        return [
            replace(self, learned=pieces, positions=positions, sample=sample)
            for pieces, positions in parts
        ]


def sizes(pieces: Pieces) -> NDArray[np.int64]:
    """Bytes of each piece, shape (P,)."""
    return pieces[:, 2] - pieces[:, 1]


def texts(documents: Sequence[bytes], pieces: Pieces) -> list[bytes]:
    """The texts of pieces of one corpus."""
    return [documents[document][start:stop] for document, start, stop in pieces.tolist()]


def batches(splits: Sequence[Split]) -> Iterator[list[bytes]]:
    """The texts to learn of all splits, merged into one order, about a MiB at a time."""
    pieces = np.concatenate([split.learned for split in splits])
    positions = np.concatenate([split.positions for split in splits])
    corpus = np.repeat(np.arange(len(splits)), [len(split.learned) for split in splits])
    order = np.argsort(positions, kind="stable")
    ends = np.cumsum(sizes(pieces)[order])
    rows = np.column_stack([corpus, pieces])[order]
    for batch in np.split(rows, np.flatnonzero(np.diff(ends // _BATCH)) + 1):
        yield [
            splits[split].documents[document][start:stop]
            for split, document, start, stop in batch.tolist()
        ]


def _cut(documents: Sequence[bytes], chosen: NDArray[np.int64]) -> Pieces:
    """The pieces of the chosen documents."""
    rows = []
    for document in chosen.tolist():
        text, start = documents[document], 0
        while start < len(text):
            stop = _boundary(text, min(start + PIECE, len(text)))
            rows.append((document, start, stop))
            start = stop
    return np.array(rows, dtype=np.int64)


def _boundary(text: bytes, place: int) -> int:
    """The last place up to this one that does not tear a UTF-8 character."""
    for back in range(min(4, place)):
        if place - back == len(text) or text[place - back] & 0xC0 != 0x80:
            return place - back
    return place


def _first(pieces: Pieces, most: int) -> Pieces:
    """The first pieces, at most `most` bytes in all, but at least one piece."""
    return pieces[: max(1, int(np.searchsorted(np.cumsum(sizes(pieces)), most, side="right")))]
