"""All that is random in synthetic corpora: words, ranks and draws.

Each has a stream of its own, and goes on where a smaller job would have ended. So another corpus
behind the others, another source or more segments leave what was there as it was.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WORDS, _RANKS, _DRAWS = range(3)
_BLOCK = 1 << 20


def draw_words(count: int, letters: int, seed: int) -> NDArray[np.bytes_]:
    """Distinct words of lower-case letters, shape (count,); there have to be so many."""
    size = 2 * count
    while True:
        ids = _stream(seed, _WORDS).integers(97, 123, size=(size, letters), dtype=np.uint8)
        words = ids.view(f"S{letters}").ravel()
        _, first = np.unique(words, return_index=True)
        if len(first) >= count:
            return words[np.sort(first)[:count]]
        size *= 2


def draw_ranks(leaves: int, source: int, seed: int) -> NDArray[np.int64]:
    """The rank, from 0, of each leaf of a source; shape (leaves,)."""
    return _stream(seed, _RANKS, source).permutation(leaves)


def draw_segments(
    probabilities: NDArray[np.float64], segments: int, corpus: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """The leaf of each segment of a corpus, block after block; the draws are independent."""
    stream = _stream(seed, _DRAWS, corpus)
    for start in range(0, segments, _BLOCK):
        size = min(_BLOCK, segments - start)
        yield stream.choice(len(probabilities), size=size, p=probabilities)


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
