"""A tiny language, all of its documents, and a naive reader of any language."""

import math
from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np

import elastic_core as ec
from elastic_core.synthesis.language.grammar import OPENING_WORDS

TINY = ec.Language.create(
    shares=[0.6, 0.4], classes=2, words=1, contrast=3, opening=1, sentences=2, end=0.3
)
"""Few enough documents to list them all."""


def paths(language: ec.Language) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every sequence of classes that a sentence can have, and its probability."""
    chain = language.grammar.chain
    for chosen in product([False, True], repeat=language.config.classes):
        path = [number for number, is_chosen in enumerate(chosen) if is_chosen]
        if path:
            probability, row = 1.0, 0
            for number in path:
                probability, row = probability * chain[row][number], number + 1
            yield tuple(path), probability * chain[row][-1]


def word_probability(language: ec.Language, style: int, group: int, rank: int) -> float:
    config = language.config
    own = config.contrast if group == style else 1
    return own / (config.contrast + len(language.styles) - 1) * language.grammar.ranks[rank]


@cache
def sentences(language: ec.Language) -> dict[str, tuple[float, ...]]:
    """The probability of every sentence under each style."""
    found = {}
    config = language.config
    places = list(product(range(len(language.styles)), range(config.words)))
    for path, probability in paths(language):
        for words in product(places, repeat=len(path)):
            text = "".join(
                f" {language.grammar.body[number][group][rank]}"
                for number, (group, rank) in zip(path, words, strict=True)
            )
            found[f"{text}."] = tuple(
                probability * math.prod(word_probability(language, style, *word) for word in words)
                for style in range(len(language.styles))
            )
    return found


@cache
def documents(language: ec.Language) -> dict[str, tuple[float, ...]]:
    """The probability of every document under each style."""
    config, found = language.config, {}
    for opening in product(*language.grammar.opening):
        start = " ".join(opening)
        for count in range(1, config.sentences + 1):
            end = config.end if count < config.sentences else 1
            share = OPENING_WORDS**-config.opening * (1 - config.end) ** (count - 1) * end
            for parts in product(sentences(language).items(), repeat=count):
                found[start + "".join(text for text, _ in parts)] = tuple(
                    share * math.prod(probabilities[style] for _, probabilities in parts)
                    for style in range(len(language.styles))
                )
    return found


def table(language: ec.Language) -> tuple[list[str], np.ndarray]:
    """All documents, and their probabilities, shape (documents, styles)."""
    return list(documents(language)), np.array(list(documents(language).values()))


def symbols(text: str) -> list[str]:
    return [*text.replace(".", " .").split(), ""]


def naive_log_prob(language: ec.Language, text: str, style: int) -> float:
    """The log-probability of a document of the language, word by word."""
    config, grammar = language.config, language.grammar
    places = {
        word: (number, group, rank)
        for number, groups in enumerate(grammar.body)
        for group, words in enumerate(groups)
        for rank, word in enumerate(words)
    }
    total = -config.opening * math.log(OPENING_WORDS)
    parts = text.split(".")[:-1]
    parts[0] = " ".join(parts[0].split()[config.opening :])
    for part in parts:
        row = 0
        for word in part.split():
            number, group, rank = places[word]
            total += math.log(grammar.chain[row][number])
            total += math.log(word_probability(language, style, group, rank))
            row = number + 1
        total += math.log(grammar.chain[row][-1])
    total += (len(parts) - 1) * math.log(1 - config.end) if len(parts) > 1 else 0
    return total + (math.log(config.end) if len(parts) < config.sentences else 0)
