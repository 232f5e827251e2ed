"""Codes a text with a language model that is read one token at a time.

A text is split into pieces, which the model reads in lockstep as parallel streams: a block of
64 KiB in 8 streams takes no more calls of the model than a block of 8 KiB in one. The decoder makes
the same sequence of calls.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import (
    CategoricalDecoder,
    CategoricalEncoder,
    CodedFileError,
    InvalidArgumentError,
)
from elastic_core.models import ModelError
from elastic_core.models.protocol import LanguageModel, as_stepped

_SHORTEST_STREAM = 8192
_MOST_STREAMS = (1 << 20) // _SHORTEST_STREAM  # Those of the longest block.
_PADDING = 0


class StreamCoder:
    """Passes the tokens of a text and their probabilities to a range coder, and reads them back.

    Args:
        model: The model.
        streams: Number of pieces that a text is split into, if each has at least 8 KiB.

    Raises:
        InvalidArgumentError: `streams` is less than 1, or the model cannot be read step by step.
    """

    def __init__(self, model: LanguageModel, streams: int) -> None:
        if streams < 1:
            raise InvalidArgumentError(f"lanes {streams}: must be at least 1")
        self._model = as_stepped(model)
        self._streams = streams

    def encode(self, text: bytes, encoder: CategoricalEncoder) -> list[int] | None:
        """Codes a text.

        Returns:
            The number of tokens in each stream. None if the tokens do not decode to the text
            exactly, as with text that is not UTF-8; then nothing was coded.

        Raises:
            ModelError: A probability is NaN.
        """
        pieces = cut(text, min(self._streams, max(1, len(text) // _SHORTEST_STREAM)))
        try:
            ids = self._model.tokens(pieces)
        except ModelError:
            return None
        if any(len(tokens) > len(text) for tokens in ids):
            return None
        if [self._model.decode(tokens) for tokens in ids] != pieces:
            return None
        counts = [len(tokens) for tokens in ids]
        encoder.expect(sum(counts))
        order, active = _schedule(counts)
        table = np.full((len(active), len(counts)), _PADDING, np.uint32)
        for stream, piece in enumerate(order):
            table[: counts[piece], stream] = ids[piece]
        if len(active):
            steps = self._model.steps(len(counts))
            before = None
            for row, streams in zip(table, active, strict=True):
                encoder.encode(steps.next(before)[:streams], row[:streams])
                before = row
        return counts

    def decode(self, counts: Sequence[int], decoder: CategoricalDecoder) -> bytes:
        """Decodes a text that `encode` coded with these numbers of tokens in its streams.

        Raises:
            CodedFileError: The model gives other probabilities than when the text was coded, or no
                text has these streams.
            ModelError: A probability is NaN.
        """
        if len(counts) > min(self._streams, _MOST_STREAMS):
            raise CodedFileError(f"it has {len(counts)} streams, more than its header allows")
        order, active = _schedule(counts)
        # The system provides memory for zeros when they are overwritten.
        table = np.zeros((len(active), len(counts)), np.uint32)
        if len(active):
            steps = self._model.steps(len(counts))
            before = None
            for row, streams in zip(table, active, strict=True):
                row[:streams] = decoder.decode(steps.next(before)[:streams])
                before = row
        pieces = [b""] * len(counts)
        for stream, piece in enumerate(order):
            pieces[piece] = self._model.decode(table[: counts[piece], stream])
        return b"".join(pieces)


def cut(text: bytes, pieces: int) -> list[bytes]:
    """Splits a text into pieces of about the same length, between UTF-8 characters."""
    bounds = [len(text) * number // pieces for number in range(pieces + 1)]
    for number in range(1, pieces):
        while bounds[number] < len(text) and text[bounds[number]] & 0xC0 == 0x80:
            bounds[number] += 1
    return [text[start:end] for start, end in pairwise(bounds)]


def _schedule(counts: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Assigns pieces to streams, the longest first, so that streams end from the last to the first.

    Returns:
        The piece of each stream, shape (streams,), and the number of streams with a token left
        before each step, shape (steps,).
    """
    lengths = np.asarray(counts, np.intp)
    order = np.argsort(-lengths, kind="stable")
    longest = int(lengths.max(initial=0))
    done = np.searchsorted(np.sort(lengths), np.arange(longest), side="right")
    return order, len(lengths) - done
