"""`synth`: corpora drawn from sources whose distributions are known exactly.

Words, ranks and draws each have a random stream of their own, so adding corpora, sources or
segments leaves the existing ones unchanged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.common.extras import check_extra
from elastic_core.common.folders import result_folder
from elastic_core.synthesis.laws import MassLaw, build_law
from elastic_core.synthesis.report import write_truth
from elastic_core.synthesis.result import CORPORA, SynthConfig, SynthResult, parse_corpora

_MOST_LEAVES = 1 << 22
_BLOCK = 1 << 20
_WORDS, _RANKS, _DRAWS = range(3)


def synth(
    *,
    corpora: Sequence[str] = CORPORA,
    leaves: int = 1000,
    law: str | None = None,
    entropy: float | None = None,
    overlap: float = 0.0,
    depth: int = 8,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> SynthResult:
    """Draws corpora whose distributions are known exactly.

    A source is a distribution over `leaves` leaves with the probabilities of the law. A corpus is
    an equal mixture of sources, from which each of its segments is drawn independently. A segment
    is a document of `depth` - 1 letters: with EOS it is one leaf of a tree of that depth over
    bytes, with `chunk` and with `prefix`.

    Args:
        corpora: `NAME=SOURCES:SEGMENTS` for each corpus, with the numbers of its sources joined by
            `+`. The default is the setting of Thm 4.2 of Ji et al. (2025) with k = 30 and l = 0.1,
            and a perturbation that shares nothing with the other corpora.
        leaves: Leaves of each source: M, at least 2.
        law: `pareto:A` (p_r ~ (r - 1/2)^(-1 / (A - 1)) for rank r), `geometric:R` (p_r ~ R^r) or
            `uniform`; with an entropy, `pareto` or `geometric`. None: `pareto:2`, or `pareto`.
        entropy: Entropy of each source in bits per segment, which determines A or R.
        overlap: Share of each source's leaves, 0 to 1, that all sources have; each source ranks
            them in its own order.
        depth: Depth d of the tree in symbols, 2 to 64.
        seed: Seed of everything random; with the same version of numpy it gives the same bytes.
        out: Folder for the files that `docs/synth.md` defines; None: nothing is written.

    Returns:
        The exact distributions, and the counts of the segments drawn.

    Raises:
        InvalidArgumentError: An argument is invalid, a file is in the way, or scipy is not
            installed.
        OSError: A file cannot be written, or the disk is full.
    """
    check_extra("synth", ("scipy",), "experiments", InvalidArgumentError)
    if law is None:
        law = "pareto:2" if entropy is None else "pareto"
    config = SynthConfig(
        corpora=parse_corpora(listed(corpora)),
        leaves=leaves,
        law=law,
        entropy=entropy,
        overlap=overlap,
        depth=depth,
        seed=seed,
    )
    _check(config)
    if out is None:
        return _draw(config)
    with result_folder(Path(out)) as folder:
        try:
            result = _draw(config, folder)
            write_truth(result, folder)
        except OSError as error:
            error.filename = os.fspath(out)
            raise
    return result


def _check(config: SynthConfig) -> None:
    if not 0 <= config.overlap <= 1:
        raise InvalidArgumentError(f"an overlap of {config.overlap} is not from 0 to 1")
    if not 2 <= config.depth <= 64:
        raise InvalidArgumentError(
            f"depth {config.depth} is not from 2 to 64; a leaf is at least one letter and EOS"
        )
    if config.seed < 0:
        raise InvalidArgumentError(f"seed {config.seed} is negative")
    words, most = _word_count(config), min(26 ** (config.depth - 1), _MOST_LEAVES)
    if words > most:
        larger = "overlap" if most == _MOST_LEAVES else "overlap or depth"
        raise InvalidArgumentError(
            f"the sources have {words:,} leaves in all, but at depth {config.depth} at most "
            f"{most:,} are possible; choose fewer leaves or sources, or a larger {larger}"
        )


def _word_count(config: SynthConfig) -> int:
    """Distinct leaves of all sources up to the highest number in use."""
    last = max(source for corpus in config.corpora for source in corpus.sources)
    return config.common_leaves + last * (config.leaves - config.common_leaves)


def _draw(config: SynthConfig, folder: Path | None = None) -> SynthResult:
    """Draws all corpora; with a folder, writes their rows block by block."""
    law = build_law(config.law, config.leaves, config.entropy)
    words, probabilities = _mixtures(config, law)
    counts = np.zeros(probabilities.shape, dtype=np.int64)
    rows = np.char.add(np.char.add(b'{"text": "', words), b'"}\n') if folder else None
    for number, corpus in enumerate(config.corpora):
        blocks = _segments(probabilities[number], corpus.segments, number, config.seed)
        with (folder / corpus.file).open("wb") if folder else nullcontext() as file:
            for block in blocks:
                counts[number] += np.bincount(block, minlength=len(words))
                if file and rows is not None:
                    file.write(rows[block].tobytes())
    for array in (law.probabilities, words, probabilities, counts):
        array.setflags(write=False)
    return SynthResult(config, law, words, probabilities, counts)


def _mixtures(config: SynthConfig, law: MassLaw) -> tuple[NDArray[np.bytes_], NDArray[np.float64]]:
    """The leaves of all corpora, and the exact distribution of each corpus over them.

    Among the words, the common leaves come first, then those of source 1 alone, and so on.

    Args:
        config: The corpora and their sources.
        law: The mass law of every source.

    Returns:
        The letters of the leaves, sorted, shape (leaves,), and their probabilities, shape
        (corpora, leaves).
    """
    words = _words(_word_count(config), config.depth - 1, config.seed)
    probabilities = np.zeros((len(config.corpora), len(words)))
    common, own = config.common_leaves, config.leaves - config.common_leaves
    for source in sorted({source for corpus in config.corpora for source in corpus.sources}):
        ranks = _stream(config.seed, _RANKS, source).permutation(config.leaves)
        mass = law.probabilities[ranks]
        start = common + (source - 1) * own
        for row, corpus in zip(probabilities, config.corpora, strict=True):
            if source in corpus.sources:
                row[:common] += mass[:common] / len(corpus.sources)
                row[start : start + own] += mass[common:] / len(corpus.sources)
    used = np.flatnonzero(probabilities.any(axis=0))
    leaves = used[np.argsort(words[used])]
    return words[leaves], probabilities[:, leaves]


def _words(count: int, letters: int, seed: int) -> NDArray[np.bytes_]:
    """Distinct random words of lower-case letters, shape (count,); so many have to exist."""
    size = 2 * count
    while True:
        codes = _stream(seed, _WORDS).integers(97, 123, size=(size, letters), dtype=np.uint8)
        words = codes.view(f"S{letters}").ravel()
        _, first = np.unique(words, return_index=True)
        if len(first) >= count:
            return words[np.sort(first)[:count]]
        size *= 2


def _segments(
    probabilities: NDArray[np.float64], segments: int, corpus: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """The leaf of each segment of a corpus, drawn independently, in blocks."""
    stream = _stream(seed, _DRAWS, corpus)
    for start in range(0, segments, _BLOCK):
        size = min(_BLOCK, segments - start)
        yield stream.choice(len(probabilities), size=size, p=probabilities)


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
