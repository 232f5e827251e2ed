"""Exact expectations over all documents: sizes, entropies and losses.

The number of words from each group is a sufficient statistic of the style. Given the style and the
total T, these counts are multinomial, and the distribution of T does not depend on the style. So
the expectation of any function of the posterior is a sum over counts, computed here in full.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.synthesis.language.grammar import OPENING_WORDS, Array, Grammar
from elastic_core.synthesis.language.symbols import Ints

_MOST_COUNTS = 3_000_000
_LEAST_PROBABILITY = 1e-18
"""Entries less likely than this under every style are left out, some 1e-13 in all."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Expected sizes of a document.

    Attributes:
        styled: Words after the opening, which belong to groups.
        sentences: Sentences, each with a full stop.
        symbols: Words, full stops and the end.
        bytes: Bytes of the text.
    """

    styled: float
    sentences: float
    symbols: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The distribution of a document's evidence for its style: how many words of each group it has.

    Only differences between the counts matter, so documents whose counts differ by the same number
    in every group share an entry.

    Attributes:
        counts: Words of each group, less the smallest count; shape (entries, styles).
        probabilities: Probability of each entry under each style; shape (styles, entries).
        log_contrast: What a word adds to the log-odds of its own style, in nats.
    """

    counts: Ints
    probabilities: Array
    log_contrast: float

    def regrets(self, shares: Array) -> Array:
        """What inferring the style costs a Bayesian learner, for documents of each style.

        E[log p(document | style) - log sum_r share_r p(document | r)], in nats per document.

        Args:
            shares: The learner's prior probability of each style; shape (..., styles).

        Returns:
            Shape (..., styles).
        """
        evidence = np.multiply(self.counts, self.log_contrast, dtype=np.float64)
        own = (self.probabilities * evidence.T).sum(axis=1)
        rows = shares.reshape(-1, shares.shape[-1])
        mixed = [self.probabilities @ _log_mixture(evidence, row) for row in rows]
        result: Array = own - np.reshape(mixed, shares.shape)
        return result


def expected_lengths(grammar: Grammar) -> Lengths:
    """The expected sizes of a document, the same under every style."""
    sentences = float(1 - (1 - grammar.config.end) ** grammar.config.sentences)
    sentences /= grammar.config.end
    styled = sentences * float(_visits(grammar).sum())
    words = grammar.config.opening + styled
    return Lengths(styled, sentences, words + sentences + 1, 4 * words + sentences - 1)


def style_entropy(grammar: Grammar) -> float:
    """The entropy of a document whose style is known, in nats; the same for every style."""
    from scipy.special import entr

    config, lengths = grammar.config, expected_lengths(grammar)
    chain = np.array(grammar.chain)
    sentence = entr(chain).sum(axis=1) @ np.concatenate([[1], _visits(grammar)])
    # After the last sentence that a document can have, its end is certain.
    decisions = (lengths.sentences - 1) / (1 - config.end) if config.end < 1 else 0.0
    end = entr(config.end) + entr(1 - config.end)
    word = entr(grammar.style_probabilities[0]).sum() + entr(grammar.ranks).sum()
    return float(
        config.opening * math.log(OPENING_WORDS)
        + lengths.sentences * sentence
        + decisions * end
        + lengths.styled * word
    )


@lru_cache(maxsize=4)
def evidence(grammar: Grammar) -> Evidence:
    """The exact distribution of a document's evidence for its style.

    Raises:
        InvalidArgumentError: Too many different counts are possible.
    """
    from scipy.special import gammaln

    config, styles = grammar.config, len(grammar.config.styles)
    most = config.sentences * config.classes
    if math.comb(most + styles, styles) > _MOST_COUNTS:
        raise InvalidArgumentError(
            f"documents of up to {most} styled words (sentences x classes) in {styles} styles have "
            "too many possible word counts for exact results; choose fewer sentences, classes or "
            "styles"
        )
    lengths, factorials = _length_law(grammar), gammaln(np.arange(1, most + 2))
    counts = _compositions(most, styles)
    totals = counts.sum(axis=1)
    with np.errstate(divide="ignore"):
        common = (np.log(lengths) + factorials)[totals] - factorials[counts].sum(axis=1)
    own, other = np.log(grammar.style_probabilities[0, :2])
    probabilities = np.exp(common + other * totals + (own - other) * counts.T)
    counts -= counts.min(axis=1, keepdims=True)
    keys = counts @ (most + 1) ** np.arange(styles)
    _, first, entries = np.unique(keys, return_index=True, return_inverse=True)
    merged = np.array([np.bincount(entries, row) for row in probabilities])
    kept = merged.max(axis=0) > _LEAST_PROBABILITY
    return Evidence(counts[first[kept]], merged[:, kept], grammar.log_contrast)


def _log_mixture(evidence: Array, shares: Array) -> Array:
    """The logarithm of sum_s share_s exp(evidence_s) of each entry.

    This is five times as fast as `np.logaddexp`.
    """
    known = shares > 0
    largest = evidence[:, known].max(axis=1)
    scaled = np.exp(evidence[:, known] - largest[:, None]) @ shares[known]
    mixture: Array = np.log(scaled) + largest
    return mixture


def _visits(grammar: Grammar) -> Array:
    """Expected number of words of each class in a sentence; shape (classes,)."""
    chain = np.array(grammar.chain)
    visits: Array = np.linalg.solve(np.eye(len(chain) - 1) - chain[1:, :-1].T, chain[0, :-1])
    return visits


def _length_law(grammar: Grammar) -> Array:
    """The distribution of the number of styled words; shape (sentences x classes + 1,)."""
    config, chain = grammar.config, np.array(grammar.chain)
    state, sentence = chain[0, :-1], np.zeros(config.classes + 1)
    for length in range(1, config.classes + 1):
        sentence[length] = state @ chain[1:, -1]
        state = state @ chain[1:, :-1]
    law, words, going = np.zeros(config.sentences * config.classes + 1), np.ones(1), 1.0
    for number in range(1, config.sentences + 1):
        words = np.convolve(words, sentence)
        ending = going * (config.end if number < config.sentences else 1)
        law[: len(words)] += ending * words
        going -= ending
    return law


def _compositions(most: int, parts: int) -> Ints:
    """All rows of `parts` counts that sum to at most `most`; shape (rows, parts)."""
    rows = np.zeros((1, 0), dtype=np.int64)
    for _ in range(parts):
        room = most - rows.sum(axis=1) + 1
        offsets = np.arange(room.sum()) - np.repeat(np.cumsum(room) - room, room)
        rows = np.column_stack([np.repeat(rows, room, axis=0), offsets])
    return rows
