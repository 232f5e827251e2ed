"""Code lengths of documents under a language model, and the counts that turn them into rates.

A document's code length is the sum of -log2 p over its tokens. A model that learns online learns
each token after predicting it, which gives the adaptive rate; other models do not change.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import DocumentBatch, ModelError
from elastic_core.common.progress import Progress
from elastic_core.models.protocol import LanguageModel, as_online


@dataclass(frozen=True, slots=True)
class CodeLength:
    """The total code length of some documents.

    Attributes:
        bits: Code length, in bits.
        tokens: Number of tokens scored.
        bytes: Raw bytes of text.
        characters: Unicode scalar values; None if a document is not UTF-8.
        documents: Number of documents.
    """

    bits: float = 0.0
    tokens: int = 0
    bytes: int = 0
    characters: int | None = 0
    documents: int = 0

    def __add__(self, other: "CodeLength") -> "CodeLength":
        one, two = self.characters, other.characters
        return CodeLength(
            bits=self.bits + other.bits,
            tokens=self.tokens + other.tokens,
            bytes=self.bytes + other.bytes,
            characters=None if one is None or two is None else one + two,
            documents=self.documents + other.documents,
        )

    def per(self, count: int | None) -> float | None:
        """Bits per unit; None if `count` is 0 or unknown."""
        return self.bits / count if count else None


@dataclass(frozen=True, slots=True)
class Scored:
    """The code length of each document of a batch.

    Attributes:
        bits: Code lengths in bits, shape (documents,).
        tokens: Numbers of tokens scored, shape (documents,).
        bytes: Raw bytes of text, shape (documents,).
        characters: Unicode scalar values; None where a text is not UTF-8.
    """

    bits: NDArray[np.float64]
    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]
    characters: list[int | None]

    @classmethod
    def by(
        cls, model: LanguageModel, batch: DocumentBatch, progress: Progress | None = None
    ) -> "Scored":
        """Scores a batch; a model that learns online learns it.

        Args:
            model: The model.
            batch: The documents.
            progress: Receives steps in symbols, within documents too.

        Raises:
            ModelError: The model cannot read a document.
        """
        try:
            if model.learns_online:
                tokens = [len(ids) for ids in model.tokens(batch.texts)]
                bits = as_online(model).update(batch.texts, progress=progress)
            else:
                log_probs = model.log_probs(batch.texts, progress=progress)
                tokens = [len(row) for row in log_probs]
                bits = np.array([-row.sum(dtype=np.float64) for row in log_probs]) / math.log(2)
        except ModelError as error:
            first = f"{batch.sources[0]}, document {batch.indices[0]}"
            raise ModelError(f"{model.spec}: {error} (counted from {first} on)") from error
        return cls(
            bits=bits,
            tokens=np.array(tokens, np.int64),
            bytes=np.array([len(text) for text in batch.texts], np.int64),
            characters=[_characters(text) for text in batch.texts],
        )

    def sum(self) -> CodeLength:
        """The total code length of all documents, exact up to one rounding."""
        known = [count for count in self.characters if count is not None]
        return CodeLength(
            bits=math.fsum(self.bits),
            tokens=int(self.tokens.sum()),
            bytes=int(self.bytes.sum()),
            characters=sum(known) if len(known) == len(self.characters) else None,
            documents=len(self.bits),
        )


def _characters(text: bytes) -> int | None:
    try:
        return len(text.decode())
    except UnicodeDecodeError:
        return None
