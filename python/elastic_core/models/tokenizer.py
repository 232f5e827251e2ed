"""Text to token ids and back, by the tokenizer that stands beside a transformers model."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import ModelError
from elastic_core.models.protocol import Document

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend


class Tokenizer:
    """A `tokenizer.json` that turns text into ids and adds nothing to it.

    Text stays text: where a document spells out a special token, it becomes ordinary tokens.

    Args:
        backend: The tokenizer; how it pads and truncates is switched off.
        vocabulary: How many ids the model knows.
    """

    def __init__(self, backend: "Backend", vocabulary: int) -> None:
        self._backend = backend
        self._vocabulary = vocabulary
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True

    def encode(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        """The ids of each document, an array of shape (tokens,).

        Raises:
            ModelError: A document is not UTF-8, or has an id that the model does not know.
        """
        texts = [_text(number, document) for number, document in enumerate(documents)]
        encodings = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        ids = [np.array(encoding.ids, np.uint32) for encoding in encodings]
        for number, each in enumerate(ids):
            if each.size and each.max() >= self._vocabulary:
                raise ModelError(
                    f"document {number} has the token id {each.max()}, but the model knows only "
                    f"{self._vocabulary} ids; this is not the tokenizer it was trained with"
                )
        return ids

    def decode(self, ids: NDArray[np.uint32], *, special: bool = True) -> bytes:
        """The text of ids of shape (tokens,), with U+FFFD for bytes that are no UTF-8.

        Args:
            ids: The ids.
            special: Whether special tokens are spelled out, or left out.
        """
        return self._backend.decode(ids.tolist(), skip_special_tokens=not special).encode()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the tokenizer's serialization, in hexadecimal."""
        return hashlib.sha256(self._backend.to_str().encode()).hexdigest()


def _text(number: int, document: Document) -> str:
    try:
        if isinstance(document, bytes):
            return document.decode()
        document.encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ModelError(
            f"document {number} is not UTF-8 at position {error.start}, and the model's tokenizer "
            "reads nothing else; leave it out or convert it"
        ) from error
    return document
