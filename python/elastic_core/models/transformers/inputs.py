"""Inputs of forward passes: documents become token ids, windows and batches."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from elastic_core._core import ModelError
from elastic_core.common.arguments import listed
from elastic_core.models.protocol import Document, Ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend
    from transformers import PreTrainedTokenizerBase


_ANCHOR = "a"
"""A text that is one word, and that no decoder changes."""


class Tokenizer:
    """A `tokenizer.json` that maps text to ids and adds no special tokens.

    Special-token strings inside documents are tokenized as ordinary text.

    Args:
        backend: The tokenizer; its padding and truncation are switched off.
        vocabulary: Number of ids that the model knows.
    """

    def __init__(self, backend: "Backend", vocabulary: int) -> None:
        self._backend = backend
        self._vocabulary = vocabulary
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True

    def encode(self, documents: Sequence[Document]) -> list[Ids]:
        """The ids of each document, shape (tokens,) each.

        Raises:
            ModelError: A document is not UTF-8, or has an id that the model does not know.
        """
        texts = [_decode(number, document) for number, document in enumerate(listed(documents))]
        encodings = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        ids = [np.array(encoding.ids, np.uint32) for encoding in encodings]
        for number, tokens in enumerate(ids):
            if tokens.size and tokens.max() >= self._vocabulary:
                raise ModelError(
                    f"document {number} has the token id {tokens.max()}, but the model knows only "
                    f"{self._vocabulary} ids; this is not the tokenizer it was trained with"
                )
        return ids

    def decode(self, ids: Ids, *, special: bool = True, is_continuation: bool = False) -> bytes:
        """The text of ids of shape (tokens,), in UTF-8; invalid bytes become U+FFFD.

        Args:
            ids: The ids.
            special: Whether special tokens are spelled out rather than left out.
            is_continuation: Whether they continue a text, so that a blank at their beginning stays.
        """

        def decode(ids: list[int]) -> str:
            return self._backend.decode(ids, skip_special_tokens=not special)

        if is_continuation:
            return continuation(decode, self._backend, ids.tolist()).encode()
        return decode(ids.tolist()).encode()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the tokenizer's serialization, in hexadecimal."""
        return hashlib.sha256(self._backend.to_str().encode()).hexdigest()


def continuation(decode: Callable[[list[int]], str], backend: "Backend", ids: list[int]) -> str:
    """The text of ids that continue another text.

    Decoders like that of SentencePiece leave out a blank at the beginning of a text, which here is
    in its middle.

    Args:
        decode: Gives the text of ids.
        backend: The tokenizer.
        ids: The ids.
    """
    anchor: list[int] = backend.encode(_ANCHOR, add_special_tokens=False).ids
    start, whole = decode(anchor), decode([*anchor, *ids])
    return whole.removeprefix(start) if whole.startswith(start) else decode(ids)


def spell_completions(
    tokenizer: "PreTrainedTokenizerBase", completions: Sequence[list[int]]
) -> list[str]:
    """The texts of completions of prompts, without special tokens."""

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    backend = tokenizer.backend_tokenizer
    return [continuation(decode, backend, ids) for ids in completions]


def _decode(number: int, document: Document) -> str:
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


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a document that one forward pass sees, and the tokens that it scores.

    Attributes:
        document: Index of the document.
        start: First token in the window.
        scored: First token that the window scores; tokens before it are context.
        end: One past the last token, which is scored too.
    """

    document: int
    start: int
    scored: int
    end: int


def tile(document: int, tokens: int, window: int, stride: int, first: int = 0) -> Iterator[Window]:
    """Tiles a document with windows; each token is scored once, by the first window it is in.

    Window k starts at token k * stride and spans at most `window` tokens, so the context of a
    token never depends on what follows it.

    Args:
        document: Index of the document.
        tokens: Number of tokens in it.
        window: Maximum number of tokens in a window.
        stride: Tokens from one window's start to the next, 1 to `window`.
        first: First token to score, 0 or 1.

    Yields:
        The windows in order, each of which scores at least one token.
    """
    start, scored = 0, first
    while scored < tokens:
        end = min(start + window, tokens)
        if scored < end:
            yield Window(document, start, scored, end)
        start, scored = start + stride, end


class Batches:
    """Groups work into batches of similar length, halved when the device runs out of memory.

    Args:
        tokens: Maximum number of tokens in a batch, padding included. A longer item is a batch of
            its own.
    """

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def run(self, lengths: Sequence[int], work: Callable[[list[int]], None]) -> None:
        """Processes every item once, the longest first.

        When a batch does not fit into memory, it and all later ones are halved.

        Args:
            lengths: Number of tokens in each item, at least 1.
            work: Processes the items with these indices; has no effect when it raises.

        Raises:
            ModelError: A single item does not fit into memory.
        """
        order = sorted(range(len(lengths)), key=lambda item: -lengths[item])
        done = 0
        while done < len(order):
            longest = lengths[order[done]]
            batch = order[done : done + max(1, self._tokens // longest)]
            if _fits(work, batch):
                done += len(batch)
            elif len(batch) > 1:
                self._tokens = len(batch) // 2 * longest
            else:
                raise ModelError(
                    f"no memory left on the device for {longest} tokens at once; lower the window"
                )


def _fits(work: Callable[[list[int]], None], batch: list[int]) -> bool:
    try:
        work(batch)
    except torch.OutOfMemoryError:
        pass  # The memory of the failed batch is released only once the exception is gone.
    else:
        return True
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False
