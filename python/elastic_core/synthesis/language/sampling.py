"""Sampling documents, block by block and without a loop over symbols."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core.synthesis.language.grammar import OPENING_WORDS, Array, Grammar
from elastic_core.synthesis.language.symbols import Ints, Symbols, spell

_DRAWS = 2
"""First number of the streams of documents; those of the grammar are 0 and 1."""

_BLOCK = 4096
"""Documents per block. Each block has its own random stream, so a larger sample begins alike."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Documents and their styles.

    Attributes:
        texts: The documents.
        styles: The number of each document's style; shape (documents,).
    """

    texts: list[str]
    styles: NDArray[np.int64]


def samples(
    grammar: Grammar,
    shares: Array,
    count: int,
    seed: int,
    stream: int = 0,
    openings: Ints | None = None,
) -> Iterator[Sample]:
    """Draws documents in blocks.

    Args:
        grammar: The grammar.
        shares: The probability of each style, shape (styles,).
        count: Number of documents.
        seed: Seed of the documents.
        stream: Number of the stream; streams with the same seed are independent.
        openings: Number of each document's opening, see `opening_words`; shape (count,). None:
            drawn uniformly.

    Yields:
        Up to `_BLOCK` documents at a time.
    """
    for block, start in enumerate(range(0, count, _BLOCK)):
        sequence = np.random.SeedSequence(seed, spawn_key=(_DRAWS, stream, block))
        symbols, styles = _draw(grammar, shares, np.random.default_rng(sequence))
        size = min(_BLOCK, count - start)
        bounds = symbols.bounds[: size + 1]
        ids = symbols.ids[: bounds[-1]]
        if openings is not None:
            first = opening_words(grammar, openings[start : start + size])
            ids[bounds[:-1, None] + np.arange(grammar.config.opening)] = first
        yield Sample(spell(grammar, Symbols(ids, bounds)), styles[:size])


def opening_words(grammar: Grammar, numbers: Ints) -> Ints:
    """The symbols of numbered openings: the digits in base `OPENING_WORDS` select the words.

    Args:
        grammar: The grammar.
        numbers: Numbers from 0 to `OPENING_WORDS` ** opening - 1; shape (openings,).

    Returns:
        Shape (openings, opening).
    """
    classes = np.arange(grammar.config.opening)
    digits = numbers[:, None] // OPENING_WORDS**classes % OPENING_WORDS
    return classes * OPENING_WORDS + digits


def _draw(
    grammar: Grammar, shares: Array, random: np.random.Generator
) -> tuple[Symbols, NDArray[np.int64]]:
    """A block of documents, and their styles."""
    config = grammar.config
    styles = _choose(np.broadcast_to(shares, (_BLOCK, len(shares))), random)
    openings = random.integers(OPENING_WORDS**config.opening, size=_BLOCK)
    sentences = np.minimum(random.geometric(config.end, size=_BLOCK), config.sentences)
    documents = np.repeat(np.arange(_BLOCK), sentences)
    classes = _paths(grammar, len(documents), random)
    place = np.nonzero(classes >= 0)
    groups = _choose(grammar.style_probabilities[styles[documents[place[0]]]], random)
    ranks = _choose(np.broadcast_to(grammar.ranks, (len(groups), config.words)), random)
    body = np.full((len(documents), config.classes + 1), -1)
    body[:, -1] = grammar.stop
    first = config.opening * OPENING_WORDS
    body[place] = first + (classes[place] * len(shares) + groups) * config.words + ranks
    ids = np.concatenate([opening_words(grammar, openings).ravel(), body.ravel()])
    texts = np.concatenate(
        [np.repeat(np.arange(_BLOCK), config.opening), np.repeat(documents, body.shape[1])]
    )
    order = np.argsort(texts, kind="stable")
    order = order[ids[order] >= 0]
    lengths = np.bincount(texts[order], minlength=_BLOCK)
    return Symbols(ids[order], np.concatenate([[0], np.cumsum(lengths)])), styles


def _paths(grammar: Grammar, count: int, random: np.random.Generator) -> Ints:
    """The classes of each sentence, in order; skipped classes are -1.

    Returns:
        Shape (sentences, classes).
    """
    chain = np.array(grammar.chain)
    paths = np.full((count, grammar.config.classes), -1)
    state, going = np.zeros(count, dtype=np.int64), np.arange(count)
    for _ in range(grammar.config.classes):
        following = _choose(chain[state[going]], random)
        going, following = going[keep := following < len(chain) - 1], following[keep]
        paths[going, following] = following
        state[going] = following + 1
    return paths


def _choose(probabilities: Array, random: np.random.Generator) -> Ints:
    """One choice for each row of probabilities, which have shape (rows, choices)."""
    edges = np.cumsum(probabilities, axis=1)
    edges /= edges[:, -1:]
    chosen: Ints = (random.random((len(edges), 1)) >= edges[:, :-1]).sum(axis=1)
    return chosen
