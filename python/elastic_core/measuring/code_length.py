"""Code lengths of documents under a language model, and what divides them to rates.

A document's code length is the sum of -log2 p over its tokens. A tree model learns each token
once it has predicted it, which gives the adaptive rate; other models stay as they are.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import DocumentBatch
from elastic_core.common.progress import Progress
from elastic_core.models import LanguageModel, ModelError
from elastic_core.models.tree import TreeLanguageModel


@dataclass(frozen=True, slots=True)
class CodeLength:
    """The code length of some documents together.

    Attributes:
        bits: Code length, in bits.
        tokens: Tokens scored.
        bytes: Raw bytes of text.
        characters: Unicode scalar values; None if a document is not UTF-8.
        documents: How many documents there are.
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
        """The bits for each of so many units; None if there are none or they are not known."""
        return self.bits / count if count else None


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model makes of each document of a batch.

    Attributes:
        bits: Code lengths in bits, shape (documents,).
        tokens: Tokens scored, shape (documents,).
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
        """Scores a batch; a tree model learns it.

        Args:
            model: The model.
            batch: The documents.
            progress: Called by tree models, with the symbols done and the symbols in all.

        Raises:
            ModelError: The model can make nothing of a document.
        """
        try:
            if isinstance(model, TreeLanguageModel):
                tokens = [len(each) for each in model.tokens(batch.texts)]
                bits = model.update(batch.texts, progress=progress)
            else:
                log_probs = model.log_probs(batch.texts)
                tokens = [len(each) for each in log_probs]
                bits = np.array([-each.sum(dtype=np.float64) for each in log_probs]) / math.log(2)
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
        """The code length of all documents together; its sum is exact but for one rounding."""
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
