"""The grammar of the language: its words, its syntax, and how a style chooses words.

A document is an opening, one word from each of a fixed row of classes that carry no style, and then
sentences. A sentence is a path of a Markov chain through the word classes, in which a class occurs
at most once, and a full stop. Each class has a group of words for every style. A style chooses a
word of its own group `contrast` times as often as one of any other; within a group, the words have
the same probabilities under every style. So all styles have the same entropy, and how many words of
each group a text has is all that it says about its style.
"""

import math
from dataclasses import asdict, dataclass
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
    """The choices that determine a language.

    Attributes:
        shares: Share of each style in pre-training, at least two, more than 0, sum 1.
        classes: Number of word classes.
        words: Words of a class in the group of one style.
        contrast: How many times as often a style chooses a word of its own group; more than 1.
        opening: Words of the opening.
        sentences: Most sentences of a document.
        end: Probability that a document ends after a sentence.
        seed: Seed of the spelling and of the Markov chain.

    Raises:
        InvalidArgumentError: A choice is out of range.
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
        """Checks the choices."""
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
                f"a contrast of {self.contrast:g} is not more than 1 and at most a million; the "
                "styles differ by it"
            )
        if not 0 < self.end <= 1:
            raise InvalidArgumentError(
                f"the probability {self.end:g} that a document ends after a sentence is not above "
                "0 and at most 1"
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
        """Names of the styles: those of pre-training, then `novel`."""
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
                f"the shares {abridged(list(self.shares))} are of {len(self.shares)} style; give "
                "the shares of at least two styles, such as 0.3,0.3,0.4"
            )
        for share in self.shares:
            if not share > 0:
                raise InvalidArgumentError(
                    f"the share {share:g} is not above 0; every style of pre-training needs some"
                )
        if not math.isclose(sum(self.shares), 1, abs_tol=1e-9):
            raise InvalidArgumentError(
                f"the shares sum to {sum(self.shares):.6g}, not to 1; change one of them"
            )


@dataclass(frozen=True)
class Grammar:
    """A grammar, drawn from its configuration; all of it is plain values, as in its JSON.

    Attributes:
        config: The configuration.
        opening: Words of each class of the opening; shape (opening, `OPENING_WORDS`).
        body: Words of each class and group; shape (classes, styles, words).
        chain: Probabilities of what comes next in a sentence, at its beginning (row 0) and after
            each class; shape (classes + 1, classes + 1), the last column is the full stop.
        ranks: Probabilities of the words within a group; shape (words,).
    """

    config: LanguageConfig
    opening: tuple[Words, ...]
    body: tuple[tuple[Words, ...], ...]
    chain: tuple[Row, ...]
    ranks: Row

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
            InvalidArgumentError: A choice is out of range.
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
        """What a word adds to the log-odds of its group's style against any other, in nats."""
        return math.log(self.config.contrast)

    @cached_property
    def words(self) -> Words:
        """All words; a word's index is its symbol, and the symbol after the last is the stop."""
        return (*joined(*self.opening), *joined(*(joined(*groups) for groups in self.body)))

    @cached_property
    def stop(self) -> int:
        """The symbol of the full stop; the one after it stands for text that is no word."""
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

        The states are the classes of the opening, the word classes, the full stop, no word, and the
        boundary of a document, which is before its first symbol and after its last.
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
        """Log-probability of each symbol in its state under a style of another group, in nats.

        Under the style of its group, `log_contrast` is added. Shape (words + 2,).
        """
        config = self.config
        total = config.contrast + len(config.styles) - 1
        opening = np.full(config.opening * OPENING_WORDS, -math.log(OPENING_WORDS))
        body = np.tile(np.log(self.ranks) - math.log(total), config.classes * len(config.styles))
        return np.concatenate([opening, body, [0, -np.inf]])


@lru_cache(maxsize=16)
def build_grammar(config: LanguageConfig) -> Grammar:
    """Draws the spelling of the words and the Markov chain from the seed.

    Within a group, the word of rank r has a probability proportional to 1 / r. After a class, the
    next one is j classes further with a probability proportional to u / 2^j, u uniform on (0.5,
    1.5); the full stop is the class after the last.
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
