"""Texts to symbols (words and full stops) and back, without a loop over symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from elastic_core.synthesis.language.grammar import CONSONANTS, VOWELS, Grammar

Ints = NDArray[np.int64]

_END = 0
_SEPARATORS = np.zeros(256, dtype=bool)
_SEPARATORS[list(b"\0 \t\r\n.")] = True
_LETTERS = len(VOWELS[0] + CONSONANTS[0] + VOWELS[0])


@dataclass(frozen=True, slots=True)
class Symbols:
    """The symbols of several texts, one text after the other.

    Attributes:
        ids: The index of a word, `stop` for a full stop, `stop` + 1 for a word outside the
            language; shape (symbols,).
        bounds: Where each text begins, and where the last one ends; shape (texts + 1,).
    """

    ids: Ints
    bounds: Ints

    @property
    def texts(self) -> Ints:
        """The text that each symbol is in, shape (symbols,)."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    def within(self, cumulative: Ints) -> Ints:
        """Turns running sums over all symbols into running sums within each text.

        Args:
            cumulative: Sums over the first 0, 1, ... symbols; shape (symbols + 1, ...).

        Returns:
            The sums of each text before its first symbol and after each symbol; shape
            (symbols + texts, ...).
        """
        places = np.arange(len(self.ids) + len(self.bounds) - 1)
        texts = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds) + 1)
        result: Ints = cumulative[places - texts] - cumulative[self.bounds[texts]]
        return result


def parse(grammar: Grammar, texts: Sequence[str]) -> Symbols:
    """Reads any texts as symbols; white space and full stops separate words."""
    joined = "".join(text.replace("\0", "\1") + "\0" for text in texts)
    data = np.frombuffer(joined.encode(errors="replace"), dtype=np.uint8)
    ends = np.flatnonzero(_SEPARATORS[data])
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    ids = np.full((len(ends), 2), -1)
    ids[lengths > 0, 0] = grammar.stop + 1
    words = np.flatnonzero(lengths == _LETTERS)
    ids[words, 0] = _lookup(grammar, _codes(data[starts[words, None] + np.arange(_LETTERS)]))
    ids[data[ends] == ord("."), 1] = grammar.stop
    counts = np.cumsum((ids >= 0).sum(axis=1))[data[ends] == _END]
    return Symbols(ids[ids >= 0], np.concatenate([[0], counts]))


def spell(grammar: Grammar, symbols: Symbols) -> list[str]:
    """The texts of symbols: words separated by spaces, each full stop directly after a word."""
    spelling = np.zeros((grammar.stop + 2, _LETTERS + 1), dtype=np.uint8)
    letters = np.frombuffer("".join(grammar.words).encode(), dtype=np.uint8)
    spelling[: grammar.stop, 0] = ord(" ")
    spelling[: grammar.stop, 1:] = letters.reshape(-1, _LETTERS)
    spelling[grammar.stop :, 0] = ord("."), ord("?")
    lengths = np.where(np.arange(grammar.stop + 2) < grammar.stop, _LETTERS + 1, 1)
    data = spelling[symbols.ids]
    text = data[data > 0].tobytes().decode()
    places = np.concatenate([[0], np.cumsum(lengths[symbols.ids])])[symbols.bounds].tolist()
    return [text[start + 1 : end] for start, end in pairwise(places)]


def _lookup(grammar: Grammar, codes: Ints) -> Ints:
    """The symbols of words given as numbers."""
    letters = np.frombuffer("".join(grammar.words).encode(), dtype=np.uint8)
    known = _codes(letters.reshape(-1, _LETTERS))
    order = np.argsort(known)
    ids: Ints = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[ids] == codes, ids, grammar.stop + 1)


def _codes(letters: NDArray[np.uint8]) -> Ints:
    """Each row of letters as one number; shape (words, letters)."""
    return letters.astype(np.int64) @ (1 << 8 * np.arange(_LETTERS))
