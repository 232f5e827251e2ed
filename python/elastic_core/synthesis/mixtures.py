"""The exact distributions: sources over words, corpora as mixtures of sources."""

import numpy as np
from numpy.typing import NDArray

from elastic_core.synthesis.draws import draw_ranks, draw_words
from elastic_core.synthesis.laws import MassLaw
from elastic_core.synthesis.result import SynthConfig


def words_in_all(config: SynthConfig) -> int:
    """Leaves of all sources up to the last one that is named."""
    last = max(source for corpus in config.corpora for source in corpus.sources)
    return config.common_leaves + last * (config.leaves - config.common_leaves)


def mixtures(config: SynthConfig, law: MassLaw) -> tuple[NDArray[np.bytes_], NDArray[np.float64]]:
    """The leaves of all corpora, and each corpus's distribution over them.

    The common leaves come first among the words, then those that source 1 has alone, and so on.

    Args:
        config: The corpora and what their sources are like.
        law: The mass law of every source.

    Returns:
        The leaves' letters, sorted, shape (leaves,), and their probabilities, shape
        (corpora, leaves).
    """
    words = draw_words(words_in_all(config), config.depth - 1, config.seed)
    probabilities = np.zeros((len(config.corpora), len(words)))
    common, own = config.common_leaves, config.leaves - config.common_leaves
    for source in sorted({source for corpus in config.corpora for source in corpus.sources}):
        mass = law.probabilities[draw_ranks(config.leaves, source, config.seed)]
        start = common + (source - 1) * own
        for row, corpus in zip(probabilities, config.corpora, strict=True):
            if source in corpus.sources:
                row[:common] += mass[:common] / len(corpus.sources)
                row[start : start + own] += mass[common:] / len(corpus.sources)
    used = np.flatnonzero(probabilities.any(axis=0))
    leaves = used[np.argsort(words[used])]
    return words[leaves], probabilities[:, leaves]
