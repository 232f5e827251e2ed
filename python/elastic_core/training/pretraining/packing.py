"""A corpus packed into one array of token ids on disk, and its blocks as training data."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elastic_core._core import Corpus
from elastic_core.models.transformers.inputs import Tokenizer

_BATCH_BYTES = 4 << 20


def documents(corpus: Corpus) -> Iterator[list[str]]:
    """The documents of a corpus in order, about 4 MiB at a time.

    Raises:
        CorpusError: The corpus is empty or damaged, or a document is not UTF-8.
        OSError: A file cannot be read.
    """
    for batch in corpus.batches(bytes=_BATCH_BYTES, utf8=True):
        yield [text.decode() for text in batch.texts]


def pack(
    corpus: Corpus,
    tokenizer: Tokenizer,
    end: int,
    file: Path,
    on_bytes: Callable[[int], object],
) -> None:
    """Writes the token ids of all documents to a file as uint16, each document followed by `end`.

    Args:
        corpus: The documents.
        tokenizer: Its ids must be below 65,536.
        end: The id that ends a document.
        file: The file.
        on_bytes: Called with the bytes of text done.

    Raises:
        CorpusError: The corpus is damaged, or a document is not UTF-8.
        OSError: A file cannot be read or written.
    """
    done = 0
    with file.open("wb") as packed:
        for batch in documents(corpus):
            for ids in tokenizer.encode(batch):
                np.append(ids, end).astype(np.uint16).tofile(packed)
            done += sum(len(text.encode()) for text in batch)
            on_bytes(done)


class Blocks:
    """Blocks of consecutive tokens in the order of training, as a torch data set.

    The order is reshuffled every epoch, from the seed. Tokens beyond the last whole block are not
    used.

    Args:
        file: A file written by `pack`.
        context: Tokens in a block.
        count: Blocks in all; if the corpus has fewer, it is read several times.
        seed: Seed of the order.

    Attributes:
        tokens: Tokens in the file.
    """

    def __init__(self, file: Path, context: int, count: int, seed: int) -> None:
        tokens = np.memmap(file, np.uint16, "r")
        self.tokens = len(tokens)
        self._blocks = tokens[: len(tokens) // context * context].reshape(-1, context)
        self._count = count
        self._seed = seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        epoch, at = divmod(number, len(self._blocks))
        if epoch != self._epoch:
            random = np.random.default_rng((self._seed, epoch))
            self._epoch, self._order = epoch, random.permutation(len(self._blocks))
        ids = torch.from_numpy(self._blocks[self._order[at]].astype(np.int64))
        return {"input_ids": ids, "labels": ids}
