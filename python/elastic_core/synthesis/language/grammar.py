"""The grammar of the language: its words, its syntax, and how a style chooses words.

A document is an opening, with one word from each of a fixed sequence of style-free classes, and
then sentences. A sentence is a path of a Markov chain through the word classes, in which each class
occurs at most once, and a full stop. Every class has one group of words per style. A style prefers
its own group over any other by the factor `contrast`; within a group, the words have the same
probabilities under every style. So all styles have the same entropy, and the number of words from
each group is a sufficient statistic of the style.
"""

import math
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import chain as joined
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.messages import abridged

Array: TypeAlias = NDArray[np.float64]
Row: TypeAlias = tuple[float, ...]
Words: TypeAlias = tuple[str, ...]

OPENING_WORDS = 8
"""Words of each class of the opening, all equally likely."""

VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
"""A word is a vowel, a consonant and a vowel, so every word has three bytes."""

MOST_WORDS = len(VOWELS) ** 2 * len(CONSONANTS)

_SPELLING, _CHAIN = range(2)


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """The parameters that determine a language.

    Attributes:
        shares: Share of each style in pre-training; at least two, each above 0, sum 1.
        classes: Number of word classes.
        words: Number of words in each group.
        contrast: How many times as likely a style's own group is as another group; more than 1.
        opening: Number of words in the opening.
        sentences: Maximum number of sentences in a document.
        end: Probability that a document ends after a sentence.
        seed: Seed of the spelling and of the Markov chain.

    Raises:
        InvalidArgumentError: A parameter is out of range.
    """

    shares: Row = (0.3, 0.3, 0.4)
    classes: int = 6
    words: int = 3
    contrast: float = 5.0
    opening: int = 6
    sentences: int = 12
    end: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the parameters."""
        self._check_shares()
        for name, value, least, most in (
            ("classes", self.classes, 1, 20),
            ("words", self.words, 1, 100),
            ("opening", self.opening, 1, 7),
            ("sentences", self.sentences, 1, 100),
        ):
            if not least <= value <= most:
                raise InvalidArgumentError(f"{name}: {value} is not from {least} to {most}")
        if not 1 < self.contrast <= 1e6:
            raise InvalidArgumentError(
                f"a contrast of {self.contrast:g} is not above 1 and at most a million; choose one "
                "such as 5"
            )
        if not 0 < self.end <= 1:
            raise InvalidArgumentError(
                f"end: the probability {self.end:g} is not above 0 and at most 1"
            )
        if self.seed < 0:
            raise InvalidArgumentError(f"seed {self.seed} is negative")
        if self.vocabulary > MOST_WORDS:
            raise InvalidArgumentError(
                f"the language needs {self.vocabulary:,} words, but there are only {MOST_WORDS}; "
                "choose fewer classes, words or styles"
            )

    @property
    def styles(self) -> Words:
        """Names of the styles: those in pre-training, then `novel`."""
        others = len(self.shares) - 2
        names = [f"other-{number}" for number in range(1, others + 1)] if others > 1 else ["other"]
        return ("positive", "negative", *names[:others], "novel")

    @property
    def vocabulary(self) -> int:
        """Number of words, without the full stop."""
        groups = len(self.shares) + 1
        return self.opening * OPENING_WORDS + self.classes * groups * self.words

    def _check_shares(self) -> None:
        if len(self.shares) < 2:
            raise InvalidArgumentError(
                f"the shares {abridged(list(self.shares))} are too few; give the shares of at "
                "least two styles, such as 0.3,0.3,0.4"
            )
        for share in self.shares:
            if not share > 0:
                raise InvalidArgumentError(
                    f"the share {share:g} is not above 0; leave out a style that has no share"
                )
        if not math.isclose(sum(self.shares), 1, abs_tol=1e-9):
            raise InvalidArgumentError(
                f"the shares sum to {sum(self.shares):.6g}, not to 1; change one of them"
            )


@dataclass(frozen=True)
class Grammar:
    """The words and probabilities of a language, as plain values that JSON can hold.

    Attributes:
        config: The configuration.
        opening: Words of each class in the opening; shape (opening, `OPENING_WORDS`).
        body: Words of each class and group; shape (classes, styles, words).
        chain: Probabilities of the next class in a sentence, at its beginning (row 0) and after
            each class; shape (classes + 1, classes + 1). The last column is the full stop.
        ranks: Probabilities of the words within a group; shape (words,).
    """

    config: LanguageConfig
    opening: tuple[Words, ...] = field(repr=False)
    body: tuple[tuple[Words, ...], ...] = field(repr=False)
    chain: tuple[Row, ...] = field(repr=False)
    ranks: Row = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The grammar as plain JSON values."""
        values = asdict(self)
        return {
            **{name: _lists(value) for name, value in values.pop("config").items()},
            "grammar": {name: _lists(table) for name, table in values.items()},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The grammar from what `to_dict` returned.

        Raises:
            KeyError, TypeError: Values are missing.
            InvalidArgumentError: A parameter is out of range.
        """
        values = dict(values)
        tables = {name: _frozen(table) for name, table in values.pop("grammar").items()}
        config = LanguageConfig(**{name: _frozen(value) for name, value in values.items()})
        return cls(config, **tables)

    @cached_property
    def style_probabilities(self) -> Array:
        """Probability of each group under each style; shape (styles, groups)."""
        styles = len(self.config.styles)
        weights = np.ones((styles, styles)) + np.eye(styles) * (self.config.contrast - 1)
        probabilities: Array = weights / weights.sum(axis=1, keepdims=True)
        return probabilities

    @cached_property
    def log_contrast(self) -> float:
        """What a word adds to the log-odds of its own style against any other, in nats."""
        return math.log(self.config.contrast)

    @cached_property
    def words(self) -> Words:
        """All words; the index of a word is its symbol."""
        return (*joined(*self.opening), *joined(*(joined(*groups) for groups in self.body)))

    @cached_property
    def stop(self) -> int:
        """The symbol of the full stop; the next number stands for a word outside the language."""
        return len(self.words)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """The style whose group each symbol is in, -1 for none; shape (words + 2,)."""
        config = self.config
        styled = np.repeat(np.arange(len(config.styles)), config.words)
        opening = np.full(config.opening * OPENING_WORDS, -1)
        return np.concatenate([opening, np.tile(styled, config.classes), [-1, -1]])

    @cached_property
    def states(self) -> NDArray[np.int64]:
        """The state of the syntax after each symbol, a row of `syntax`; shape (words + 2,)."""
        config = self.config
        opening = np.repeat(np.arange(config.opening), OPENING_WORDS)
        body = np.repeat(np.arange(config.classes), len(config.styles) * config.words)
        stop = config.opening + config.classes
        return np.concatenate([opening, config.opening + body, [stop, stop + 1]])

    @cached_property
    def syntax(self) -> Array:
        """Log-probability of each state after each other, in nats; shape (states, states).

        The states are the classes of the opening, the word classes, the full stop, words outside
        the language, and the boundary before the first and after the last symbol of a document.
        """
        config, chain = self.config, np.array(self.chain)
        body = slice(config.opening, config.opening + config.classes)
        stop, boundary = body.stop, body.stop + 2
        matrix = np.zeros((boundary + 1, boundary + 1))
        matrix[boundary, 0] = 1
        matrix[range(config.opening - 1), range(1, config.opening)] = 1
        matrix[config.opening - 1, body] = chain[0, :-1]
        matrix[body, body], matrix[body, stop] = chain[1:, :-1], chain[1:, -1]
        matrix[stop, body], matrix[stop, boundary] = (1 - config.end) * chain[0, :-1], config.end
        with np.errstate(divide="ignore"):
            return np.log(matrix)

    @cached_property
    def choices(self) -> Array:
        """Log-probability of each symbol, given its state, under a style that does not prefer it.

        Under the style of its own group, add `log_contrast`. In nats, shape (words + 2,).
        """
        config = self.config
        total = config.contrast + len(config.styles) - 1
        opening = np.full(config.opening * OPENING_WORDS, -math.log(OPENING_WORDS))
        body = np.tile(np.log(self.ranks) - math.log(total), config.classes * len(config.styles))
        return np.concatenate([opening, body, [0, -np.inf]])


@lru_cache(maxsize=16)
def build_grammar(config: LanguageConfig) -> Grammar:
    """Draws the spelling of the words and the Markov chain from the seed.

    Within a group, the probability of the word of rank r is proportional to 1 / r. The probability
    of skipping to the j-th class after the present one is proportional to u / 2^j, with u uniform
    on (0.5, 1.5); the full stop counts as the class after the last.
    """
    names = [a + b + c for a in VOWELS for b in CONSONANTS for c in VOWELS]
    order = _stream(config.seed, _SPELLING).permutation(len(names))[: config.vocabulary]
    words = np.array(names)[order]
    opening, body = np.split(words, [config.opening * OPENING_WORDS])
    weights = 1 / np.arange(1, config.words + 1)
    return Grammar(
        config,
        opening=_frozen(opening.reshape(config.opening, OPENING_WORDS).tolist()),
        body=_frozen(body.reshape(config.classes, len(config.styles), config.words).tolist()),
        chain=_frozen(_chain(config).tolist()),
        ranks=_frozen((weights / weights.sum()).tolist()),
    )


def _chain(config: LanguageConfig) -> Array:
    size = config.classes + 1
    weights = _stream(config.seed, _CHAIN).uniform(0.5, 1.5, size=(size, size))
    steps = np.arange(1, size + 1) - np.arange(size)[:, None]
    weights *= np.where(steps > 0, 0.5**steps, 0)
    weights[0, -1] = 0
    chain: Array = weights / weights.sum(axis=1, keepdims=True)
    return chain


def _frozen(value: Any) -> Any:
    """A value with tuples in place of lists."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _lists(value: Any) -> Any:
    """A value with lists in place of tuples."""
    return list(map(_lists, value)) if isinstance(value, tuple) else value


def _stream(seed: int, key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))
