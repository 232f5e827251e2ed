"""Coding a text with a language model that tells its probabilities one token at a time.

A text is cut into lanes, which go abreast through the model: a block of 64 KiB in 8 lanes takes
no more calls of the model than one of 8 KiB alone. The decoder makes the very same calls.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import CategoricalDecoder, CategoricalEncoder, InvalidArgumentError
from elastic_core.models import LanguageModel, ModelError, Steps

_LEAST_LANE = 8192
_DUMMY = 0


class StreamModel(LanguageModel, Protocol):
    """A language model that can code: it undoes its tokens and goes step by step."""

    def decode(self, ids: NDArray[np.uint32]) -> bytes:
        """The text of token ids."""

    def steps(self, lanes: int) -> Steps:
        """Begins so many texts abreast."""


class StreamCoder:
    """Hands the tokens of a text and their probabilities to a range coder, and reads them back.

    Args:
        model: The model.
        lanes: Pieces that a text is cut into, if it has at least 8 KiB for each.

    Raises:
        InvalidArgumentError: There is no lane, or the model does not go step by step.
    """

    def __init__(self, model: LanguageModel, lanes: int) -> None:
        if lanes < 1:
            raise InvalidArgumentError(f"lanes {lanes}: must be at least 1")
        if not hasattr(model, "steps"):
            raise InvalidArgumentError(
                f"{model.spec}: a model of this kind does not code step by step; name it by its "
                "spec, such as tree:8"
            )
        self._model = cast("StreamModel", model)
        self._lanes = lanes

    def encode(self, text: bytes, encoder: CategoricalEncoder) -> list[int] | None:
        """Codes a text.

        Returns:
            How many tokens each lane has. None if the tokens do not give the text back exactly,
            as with text that is not UTF-8; then nothing was coded.

        Raises:
            ModelError: A probability is none.
        """
        pieces = cut(text, min(self._lanes, max(1, len(text) // _LEAST_LANE)))
        try:
            ids = self._model.tokens(pieces)
        except ModelError:
            return None
        if any(len(each) > len(text) for each in ids):
            return None
        if [self._model.decode(each) for each in ids] != pieces:
            return None
        counts = [len(each) for each in ids]
        encoder.expect(sum(counts))
        order, abreast = _schedule(counts)
        table = np.full((len(abreast), len(counts)), _DUMMY, np.uint32)
        for lane, piece in enumerate(order):
            table[: counts[piece], lane] = ids[piece]
        if len(abreast):
            steps = self._model.steps(len(counts))
            before = None
            for row, lanes in zip(table, abreast, strict=True):
                encoder.encode(steps.next(before)[:lanes], row[:lanes])
                before = row
        return counts

    def decode(self, counts: Sequence[int], decoder: CategoricalDecoder) -> bytes:
        """Reads a text back that `encode` coded with so many tokens in each lane.

        Raises:
            CodedFileError: The model gives other probabilities than it gave then.
            ModelError: A probability is none.
        """
        order, abreast = _schedule(counts)
        table = np.full((len(abreast), len(counts)), _DUMMY, np.uint32)
        if len(abreast):
            steps = self._model.steps(len(counts))
            before = None
            for row, lanes in zip(table, abreast, strict=True):
                row[:lanes] = decoder.decode(steps.next(before)[:lanes])
                before = row
        pieces = [b""] * len(counts)
        for lane, piece in enumerate(order):
            pieces[piece] = self._model.decode(table[: counts[piece], lane])
        return b"".join(pieces)


def cut(text: bytes, pieces: int) -> list[bytes]:
    """Cuts a text into pieces of about the same length, between the characters of UTF-8."""
    bounds = [len(text) * number // pieces for number in range(pieces + 1)]
    for number in range(1, pieces):
        while bounds[number] < len(text) and text[bounds[number]] & 0xC0 == 0x80:
            bounds[number] += 1
    return [text[start:end] for start, end in pairwise(bounds)]


def _schedule(counts: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which piece is in which lane, the longest first, and how many lanes have a token left.

    Returns:
        The piece of each lane, shape (lanes,), and the lanes that are not done before each step,
        shape (steps,).
    """
    lengths = np.asarray(counts, np.intp)
    order = np.argsort(-lengths, kind="stable")
    longest = int(lengths.max(initial=0))
    done = np.searchsorted(np.sort(lengths), np.arange(longest), side="right")
    return order, len(lengths) - done
