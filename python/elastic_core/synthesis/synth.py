"""Synthetic corpora: a law, sources and a seed in, exact distributions and draws out."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import result_folder
from elastic_core.report.synth.files import rows_of, write_truth
from elastic_core.synthesis.corpora import CORPORA, parse_corpora
from elastic_core.synthesis.draws import draw_segments
from elastic_core.synthesis.laws import mass_law
from elastic_core.synthesis.mixtures import mixtures, words_in_all
from elastic_core.synthesis.result import SynthConfig, SynthResult

_MOST_LEAVES = 1 << 22


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
    is a document of its own: `depth` - 1 letters, so that with EOS it is one leaf of a tree of
    that depth over bytes, under `chunk` and `prefix` alike.

    Args:
        corpora: `NAME=SOURCES:SEGMENTS` for each corpus, the numbers of its sources joined by `+`.
            The default is the setting of Thm 4.2 of Ji et al. (2025) with k = 30 and l = 0.1, and
            a perturbation that shares nothing with the other corpora.
        leaves: Leaves of each source: M, 2 or more.
        law: `pareto:A` (p_r ~ (r - 1/2)^(-1 / (A - 1)) for rank r), `geometric:R` (p_r ~ R^r),
            `uniform`, or with an entropy `pareto` or `geometric`. None: `pareto:2`, or `pareto`.
        entropy: Entropy of each source in bits per segment, from which A or R is found.
        overlap: Share of each source's leaves, 0 to 1, that all sources have; each source ranks
            them in an order of its own.
        depth: Depth d of the tree in symbols, 2 to 64.
        seed: Seed of all that is random; with one version of numpy it gives the same bytes.
        out: Folder for the files that `docs/synth.md` defines; None: nothing is written.

    Returns:
        The exact distributions and what was drawn.

    Raises:
        InvalidArgumentError: An argument is not what it should be, or a file is in the way.
        OSError: A file cannot be written, or the disk is full.
    """
    if law is None:
        law = "pareto:2" if entropy is None else "pareto"
    config = SynthConfig(
        corpora=parse_corpora(corpora),
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


def _draw(config: SynthConfig, folder: Path | None = None) -> SynthResult:
    """Draws all corpora, and writes their rows to a folder as they come."""
    law = mass_law(config.law, config.leaves, config.entropy)
    words, probabilities = mixtures(config, law)
    counts = np.zeros(probabilities.shape, dtype=np.int64)
    rows = rows_of(words) if folder else None
    for number, corpus in enumerate(config.corpora):
        blocks = draw_segments(probabilities[number], corpus.segments, number, config.seed)
        with (folder / corpus.file).open("wb") if folder else nullcontext() as file:
            for block in blocks:
                counts[number] += np.bincount(block, minlength=len(words))
                if file and rows is not None:
                    file.write(rows[block].tobytes())
    for array in (law.probabilities, words, probabilities, counts):
        array.setflags(write=False)
    return SynthResult(config, law, words, probabilities, counts)


def _check(config: SynthConfig) -> None:
    if not 0 <= config.overlap <= 1:
        raise InvalidArgumentError(f"an overlap of {config.overlap} is not from 0 to 1")
    if not 2 <= config.depth <= 64:
        raise InvalidArgumentError(
            f"depth {config.depth} is not from 2 to 64; a leaf is at least a letter and EOS"
        )
    if config.seed < 0:
        raise InvalidArgumentError(f"seed {config.seed} is below 0")
    words, most = words_in_all(config), min(26 ** (config.depth - 1), _MOST_LEAVES)
    if words > most:
        larger = "overlap" if most == _MOST_LEAVES else "overlap or depth"
        raise InvalidArgumentError(
            f"the sources have {words:,} leaves in all, and at depth {config.depth} there can be "
            f"{most:,}; take fewer leaves or sources, or a larger {larger}"
        )
