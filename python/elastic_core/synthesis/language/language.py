"""The language: sampling, exact probabilities of texts, entropy and Bayes-optimal loss."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.extras import check_extra
from elastic_core.common.messages import abridged
from elastic_core.synthesis.language.expectations import (
    Evidence,
    Lengths,
    evidence,
    expected_lengths,
    style_entropy,
)
from elastic_core.synthesis.language.grammar import (
    Array,
    Grammar,
    LanguageConfig,
    Words,
    build_grammar,
)
from elastic_core.synthesis.language.sampling import Sample, samples
from elastic_core.synthesis.language.symbols import Ints, Symbols, parse, spell

Shares: TypeAlias = str | Sequence[float] | Array | None
"""Style mixture: the name of one style, the share of each, or None for that of pre-training."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language whose documents have a latent style.

    Log-probabilities are natural logarithms. A *symbol* is a word, a full stop or the end of a
    document. Create a language with `Language.create`, or read the one in a `truth.json` with
    `Language.load`.

    Attributes:
        grammar: Its words and probabilities.
    """

    grammar: Grammar

    def __post_init__(self) -> None:
        check_extra("synth language", ("scipy",), "experiments", InvalidArgumentError)

    @classmethod
    def create(cls, **parameters: Any) -> Self:
        """Draws a language.

        Args:
            parameters: Attributes of `LanguageConfig`, which has defaults.

        Raises:
            InvalidArgumentError: A parameter is out of range, or scipy is not installed.
        """
        config = LanguageConfig(**parameters)
        config = replace(
            config,
            shares=tuple(map(float, config.shares)),
            contrast=float(config.contrast),
            end=float(config.end),
        )
        return cls(build_grammar(config))

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Reads the language from a `truth.json`.

        Raises:
            InvalidArgumentError: It is another file, damaged, or written by another version.
            OSError: It cannot be read.
        """
        try:
            truth = json.loads(Path(file).read_bytes())
            if truth["schema"] != schemas.LANGUAGE:
                raise ValueError
            return cls.from_dict(truth["language"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidArgumentError(
                f"{os.fspath(file)}: not the truth.json of a language of this version; write it "
                "again with elastic-core synth language"
            ) from error

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The language from what `to_dict` returned."""
        return cls(Grammar.from_dict(values))

    def to_dict(self) -> dict[str, Any]:
        """The language as plain JSON values."""
        return self.grammar.to_dict()

    @property
    def config(self) -> LanguageConfig:
        """The parameters that it was drawn from."""
        return self.grammar.config

    @property
    def styles(self) -> Words:
        """Names of the styles, in the order of all arrays: those in pre-training, then `novel`."""
        return self.config.styles

    @property
    def lengths(self) -> Lengths:
        """The expected sizes of a document."""
        return expected_lengths(self.grammar)

    @property
    def entropy(self) -> float:
        """Entropy of a document whose style is known, in nats; the same for all styles."""
        return style_entropy(self.grammar)

    @property
    def entropy_rate(self) -> float:
        """`entropy` per expected symbol, in nats."""
        return self.entropy / self.lengths.symbols

    @property
    def evidence(self) -> Evidence:
        """The exact distribution of a document's evidence for its style.

        Raises:
            InvalidArgumentError: The language is too large for exact sums.
        """
        return evidence(self.grammar)

    @property
    def information(self) -> float:
        """Mutual information of a pre-training document and its style, in nats.

        Raises:
            InvalidArgumentError: The language is too large for exact sums.
        """
        shares = self.weights(None)
        return float(shares @ self.evidence.regrets(shares))

    @property
    def bayes_loss(self) -> float:
        """The least possible loss on pre-training documents, in nats per expected symbol.

        A learner that knows the language and the shares, but has to infer the style from the text,
        has this loss: (`entropy` + `information`) / expected symbols.

        Raises:
            InvalidArgumentError: The language is too large for exact sums.
        """
        return (self.entropy + self.information) / self.lengths.symbols

    def weights(self, shares: Shares) -> Array:
        """The share of each style, shape (styles,), sum 1.

        Raises:
            InvalidArgumentError: There is no such style, or the shares are invalid.
        """
        if shares is None:
            return np.array([*self.config.shares, 0.0])
        if isinstance(shares, str):
            if shares not in self.styles:
                raise InvalidArgumentError(
                    f"no style {abridged(shares)}; the styles are {', '.join(self.styles)}"
                )
            weights: Array = np.eye(len(self.styles))[self.styles.index(shares)]
            return weights
        weights = np.array(shares, dtype=np.float64)
        if weights.shape != (len(self.styles),):
            raise InvalidArgumentError(
                f"{abridged(shares)} is not a share for each of the styles {', '.join(self.styles)}"
            )
        if not (weights >= 0).all() or not np.isclose(weights.sum(), 1, rtol=0, atol=1e-9):
            raise InvalidArgumentError(
                f"the shares {abridged(shares)} are negative or do not sum to 1"
            )
        return weights

    def sample(self, count: int, shares: Shares = None, *, seed: int = 0) -> Sample:
        """Draws documents independently; a larger sample begins with the same ones.

        Args:
            count: Number of documents, at least 1.
            shares: The style mixture to draw from.
            seed: The same seed draws the same documents.

        Raises:
            InvalidArgumentError: An argument is out of range.
        """
        if count < 1:
            raise InvalidArgumentError(f"{count} documents cannot be drawn; draw at least 1")
        if seed < 0:
            raise InvalidArgumentError(f"seed {seed} is negative")
        blocks = list(samples(self.grammar, self.weights(shares), count, seed))
        texts = [text for block in blocks for text in block.texts]
        return Sample(texts, np.concatenate([block.styles for block in blocks]))

    def log_probs(self, texts: Sequence[str]) -> Array:
        """Log-probability of each text as a whole document under each style.

        Args:
            texts: Any texts; one outside the language gets minus infinity.

        Returns:
            Shape (texts, styles), in nats.
        """
        symbols = parse(self.grammar, texts)
        common = self._common(symbols, texts)
        bounds = symbols.bounds + np.arange(len(symbols.bounds))
        totals = np.add.reduceat(common, bounds[:-1]) if len(texts) else common
        evidence = self._counts(symbols)[bounds[1:] - 1] * self.grammar.log_contrast
        result: Array = totals.reshape(-1, 1) + evidence
        return result

    def bayes_log_probs(self, texts: Sequence[str], shares: Shares = None) -> list[Array]:
        """Log-probability of each symbol given those before it, under the Bayes-optimal predictor.

        The predictor knows the language and infers the style from the text so far, so the values
        of a text sum to log sum_s share_s p(text | s).

        Args:
            texts: Any texts; a symbol that cannot follow gets minus infinity, and so does every
                symbol of a text that is not spelled as the language is.
            shares: The prior of the style.

        Returns:
            For each text, its symbols and its end; shape (symbols + 1,), in nats.
        """
        symbols = parse(self.grammar, texts)
        mixed = np.logaddexp.reduce(self._joint(symbols, shares), axis=1)
        bounds = symbols.bounds + np.arange(len(symbols.bounds))
        # `mixed` has an entry before each symbol of a text and one after the last; the step from
        # one to the next is the symbol's. The end of a text is no evidence.
        gains = np.diff(mixed, append=0.0)
        gains[bounds[1:] - 1] = 0
        values = self._common(symbols, texts) + gains
        return np.split(values, bounds[1:])[:-1]

    def posterior(self, texts: Sequence[str], shares: Shares = None) -> Array:
        """Probability of each style given the whole of each text.

        The syntax is the same for all styles, so only words are evidence, and words outside the
        language are none. So even ungrammatical text, such as a model's, has a posterior.

        Args:
            texts: Any texts.
            shares: The prior of the style.

        Returns:
            Shape (texts, styles); each row sums to 1.
        """
        symbols = parse(self.grammar, texts)
        last = symbols.bounds[1:] + np.arange(len(texts))
        joint = self._joint(symbols, shares)[last]
        result: Array = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
        return result

    def _joint(self, symbols: Symbols, shares: Shares) -> Array:
        """`log share_s + log p(words so far | s)` + constant; shape (symbols + texts, styles)."""
        with np.errstate(divide="ignore"):
            prior = np.log(self.weights(shares))
        joint: Array = prior + self._counts(symbols) * self.grammar.log_contrast
        return joint

    def _counts(self, symbols: Symbols) -> Ints:
        """Words of each group so far in a text, at its beginning and after each symbol.

        Returns:
            Shape (symbols + texts, styles).
        """
        groups = self.grammar.groups[symbols.ids]
        is_own = groups[:, None] == np.arange(len(self.styles))
        return symbols.within(np.cumsum(np.pad(is_own.astype(np.int64), ((1, 0), (0, 0))), axis=0))

    def _common(self, symbols: Symbols, texts: Sequence[str]) -> Array:
        """The part of the log-probabilities of symbols and ends that is the same for all styles.

        Returns:
            Shape (symbols + texts,); minus infinity throughout a text outside the language.
        """
        grammar, boundary = self.grammar, len(self.grammar.syntax) - 1
        states = np.insert(grammar.states[symbols.ids], symbols.bounds[1:], boundary)
        before = np.concatenate([[boundary], states])[:-1]
        choices = np.insert(grammar.choices[symbols.ids], symbols.bounds[1:], 0.0)
        common: Array = grammar.syntax[before, states] + choices
        # The last sentence that a document can have ends it, and no sentence follows.
        stops = symbols.within(np.cumsum(np.pad(symbols.ids == grammar.stop, (1, 0))))
        is_last = (stops >= self.config.sentences) & (before == grammar.states[grammar.stop])
        common[is_last] = np.where(states[is_last] == boundary, 0, -np.inf)
        is_other = np.array(spell(grammar, symbols), dtype=object) != np.array(texts, dtype=object)
        common[np.repeat(is_other, np.diff(symbols.bounds) + 1)] = -np.inf
        return common
