"""Intervals from resampled documents: how much the figures depend on which documents there are.

A replicate resamples the documents of every corpus (the Poisson bootstrap, `Corpus.resampled`),
builds the trees and computes coverage and slopes at l = 0, with the k of the corpora. A resample
has fewer distinct documents than its corpus, so fewer distinct leaves and a lower coverage: the
replicates lie to one side of the estimate, by an amount that says nothing about its error. Their
spread does. So an interval is the middle 95% of the replicates, shifted so that their median is the
estimate.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from elastic_core._core import Corpus, InvalidArgumentError, JointSpectrum, TokenTree
from elastic_core.common.files import append_json_line, read_json_lines
from elastic_core.common.progress import Progress, Step
from elastic_core.corpora.trees import SourceTree
from elastic_core.elastic_law.law import Array, Triple
from elastic_core.elastic_law.result import (
    BootstrapInterval,
    DepthLaw,
    ElasticityConfig,
    PerturbationResult,
)
from elastic_core.statistics.intervals import LEVEL

_RESAMPLED = ("coverage", "slope_pretrain_bits", "slope_align_bits")
_FEWEST_DOCUMENTS = 20

# Rounded, because 1 - 0.95 is not exactly 0.05.
_TAIL = round((1 - LEVEL) / 2, 9)


def with_intervals(
    results: Sequence[PerturbationResult],
    trees: Sequence[SourceTree],
    config: ElasticityConfig,
    *,
    memory: int | None,
    threads: int | None,
    replicates: Path | None,
    progress: Progress | None,
) -> list[PerturbationResult]:
    """Adds intervals for coverage, slopes and ratio at each depth.

    Args:
        results: The results without intervals.
        trees: D_p, D_a and the perturbations, built from corpora.
        config: The configuration; `config.bootstrap` replicates are drawn.
        memory: Bytes that each tree may take.
        threads: Number of threads; None: one for each core.
        replicates: A JSON lines file of replicates; those of the same job are reused.
        progress: Receives `resample` steps in replicates.

    Raises:
        InvalidArgumentError: A tree is a saved one, or a corpus has too few documents to resample.
        OSError: A file cannot be read or written.
    """
    corpora = [_corpus_of(tree) for tree in trees]
    job = _job_hash(trees, config)
    shape = (len(results), len(results[0].law))
    figures = _read_replicates(replicates, job, shape) if replicates else {}
    for number in range(config.bootstrap):
        if progress:
            progress(Step("resample", "", number, config.bootstrap, "resamples"))
        if number not in figures:
            resampled = _resample(number, corpora, trees, config, memory, threads)
            joint = JointSpectrum.of(resampled, memory=memory, threads=threads)
            figures[number] = _measure(joint, results[0].k, threads)
            if replicates:
                row = {"job": job, "replicate": number, "figures": figures[number]}
                append_json_line(replicates, row)
    drawn = [figures[number] for number in range(config.bootstrap)]
    stacked = {name: np.array([one[name] for one in drawn], np.float64) for name in _RESAMPLED}
    with np.errstate(divide="ignore", invalid="ignore"):
        stacked["ratio"] = stacked["slope_align_bits"] / stacked["slope_pretrain_bits"]
    return [
        replace(
            result,
            law=tuple(
                _add_intervals(
                    law, {name: values[:, at, law.depth - 1] for name, values in stacked.items()}
                )
                for law in result.law
            ),
        )
        for at, result in enumerate(results)
    ]


def bootstrap_interval(estimate: float, replicates: Array) -> BootstrapInterval:
    """The middle 95% of the replicates, shifted so that their median is the estimate.

    Args:
        estimate: The figure of the corpora themselves.
        replicates: The figures of the resamples, shape (replicates,).
    """
    low, median, high = np.quantile(replicates, [_TAIL, 0.5, 1 - _TAIL])
    return BootstrapInterval(
        low=float(estimate + low - median),
        high=float(estimate + high - median),
        bias=float(median - estimate),
    )


def _corpus_of(tree: SourceTree) -> Corpus:
    """The corpus of a tree, if it can be resampled."""
    if tree.corpus is None:
        raise InvalidArgumentError(
            f"{tree.name}: a bootstrap needs documents, which a saved tree does not have; name the "
            "corpus that it was built from"
        )
    if tree.tree.documents < _FEWEST_DOCUMENTS:
        raise InvalidArgumentError(
            f"{tree.name}: {tree.tree.documents} documents are too few to resample; split them "
            f"into at least {_FEWEST_DOCUMENTS}, or leave out the bootstrap"
        )
    return tree.corpus


def _resample(
    number: int,
    corpora: Sequence[Corpus],
    trees: Sequence[SourceTree],
    config: ElasticityConfig,
    memory: int | None,
    threads: int | None,
) -> list[TokenTree]:
    """The tree of a resample of each corpus, of the same shape as the corpus's own."""
    resampled = []
    for place, (corpus, source) in enumerate(zip(corpora, trees, strict=True)):
        seeds = np.random.SeedSequence([config.reading.seed, number, place])
        tree = TokenTree.build(
            corpus.resampled(int(seeds.generate_state(1, np.uint64)[0])),
            depth=source.tree.depth,
            segment=source.tree.segment,
            alphabet=config.tree.alphabet or source.tree.alphabet,
            memory=memory,
            threads=threads,
        )
        resampled.append(tree)
    return resampled


def _measure(joint: JointSpectrum, k: float, threads: int | None) -> dict[str, Any]:
    """Coverage and slopes at l = 0, each a list by perturbation and depth."""
    figures: dict[str, list[Any]] = {name: [] for name in _RESAMPLED}
    for perturb in range(2, len(joint.segments)):
        rates = Triple(joint, perturb, threads).rates(k, 0.0)
        figures["coverage"].append(rates.coverage[:, 0].tolist())
        figures["slope_pretrain_bits"].append(rates.slope_bits[:, 0, 0].tolist())
        figures["slope_align_bits"].append(rates.slope_bits[:, 0, 1].tolist())
    return figures


def _add_intervals(law: DepthLaw, replicates: dict[str, Array]) -> DepthLaw:
    """The law with an interval for each figure that has one."""
    intervals = {}
    for name, values in replicates.items():
        estimate = getattr(law, name)
        if estimate is not None and np.isfinite(values).all():
            intervals[name] = bootstrap_interval(estimate, values)
    coverage, slope = intervals["coverage"], intervals["slope_pretrain_bits"]
    intervals["coverage"] = replace(
        coverage, low=max(coverage.low, 0.0), high=min(coverage.high, 1.0)
    )
    # A ratio is unbounded if its denominator may be 0, by the interval or by the replicates.
    ends = np.array([slope.low, slope.high])
    if len(set(np.sign([*ends, *(ends + slope.bias)]))) > 1:
        intervals.pop("ratio", None)
    return replace(law, intervals=intervals)


def _job_hash(trees: Sequence[SourceTree], config: ElasticityConfig) -> str:
    """A hash of everything that a replicate depends on; files of earlier runs have it."""
    files = [_state(path) for tree in trees if tree.corpus for path in tree.corpus.files]
    asked: dict[str, Any] = {
        "tree": asdict(config.tree),
        "k": config.k,
        "reading": asdict(config.reading),
    }
    if config.own_reading:
        asked["own_reading"] = [options and asdict(options) for options in config.own_reading]
    text = json.dumps([asked, [tree.paths for tree in trees], files])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _state(path: str) -> tuple[str, int, int] | tuple[str, str]:
    """Size and time of a file; another value each time for a pipe, whose text may be another."""
    if not Path(path).is_file():
        return path, os.urandom(16).hex()
    stat = Path(path).stat()
    return path, stat.st_size, stat.st_mtime_ns


def _read_replicates(file: Path, job: str, shape: tuple[int, int]) -> dict[int, dict[str, Any]]:
    """The intact replicates of this job by their number.

    Args:
        file: The file.
        job: The hash of the job.
        shape: The shape of each figure, (perturbations, depths).
    """
    rows = read_json_lines(file, skip_damaged=True)
    return {
        row["replicate"]: row["figures"]
        for row in rows
        if row.get("job") == job
        and isinstance(row.get("replicate"), int)
        and all(_is_figure(row.get("figures"), name, shape) for name in _RESAMPLED)
    }


def _is_figure(figures: Any, name: str, shape: tuple[int, int]) -> bool:
    """Whether the figures of a replicate have one of this name and shape."""
    try:
        return np.array(figures[name], np.float64).shape == shape
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
