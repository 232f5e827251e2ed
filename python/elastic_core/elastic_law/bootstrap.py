"""Intervals from resampled documents: how far the figures go by which documents there are.

A replicate draws the documents of every corpus anew (the Poisson bootstrap, `Corpus.resampled`),
builds the trees and takes coverage and slopes at l = 0, with the k of the corpora. A resample has
fewer distinct documents than its corpus, so fewer distinct leaves and a lower coverage: the
replicates lie to one side of the estimate, by an amount that says nothing of its error. Their
spread does. So an interval is the middle 95% of the replicates, moved by as much as brings their
median to the estimate.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from elastic_core._core import InvalidArgumentError, JointSpectrum, TokenTree
from elastic_core.common.progress import Progress, Step
from elastic_core.corpora.trees import SourceTree
from elastic_core.elastic_law.result import (
    DepthLaw,
    ElasticityConfig,
    Interval,
    PerturbationResult,
)
from elastic_core.elastic_law.volumes import Array, Triple

_DRAWN = ("coverage", "slope_pretrain_bits", "slope_align_bits")
_FEWEST = 20


def intervals(
    found: Sequence[PerturbationResult],
    planted: Sequence[SourceTree],
    config: ElasticityConfig,
    *,
    memory: int | None,
    threads: int | None,
    keep: Path | None,
    progress: Progress | None,
) -> list[PerturbationResult]:
    """The results with intervals for coverage, slopes and ratio at each depth.

    Args:
        found: The results without.
        planted: D_p, D_a and the perturbations, with their corpora.
        config: What was asked for; `config.bootstrap` replicates are drawn.
        memory: Bytes that each tree may take.
        threads: Threads to work on.
        keep: A file of JSON lines that keeps the replicates; those of the same job are taken
            from it.
        progress: Called with `resample`, the replicates done and those in all.

    Raises:
        InvalidArgumentError: A corpus has too few documents to resample.
        OSError: A file cannot be read or written.
    """
    for each in planted:
        if each.tree.documents < _FEWEST:
            raise InvalidArgumentError(
                f"{each.name}: {each.tree.documents} documents are too few to resample; split "
                f"them into more, at least {_FEWEST}, or leave the bootstrap out"
            )
    job = _identity(planted, config)
    kept = _read(keep, job) if keep else {}
    for number in range(config.bootstrap):
        if progress:
            progress(Step("resample", "", number, config.bootstrap, "resamples"))
        if number not in kept:
            kept[number] = _replicate(number, planted, config, found[0].k, memory, threads)
            if keep:
                _append(keep, job, number, kept[number])
    drawn = [kept[number] for number in range(config.bootstrap)]
    stacked = {name: np.array([each[name] for each in drawn], np.float64) for name in _DRAWN}
    with np.errstate(divide="ignore", invalid="ignore"):
        stacked["ratio"] = stacked["slope_align_bits"] / stacked["slope_pretrain_bits"]
    return [
        replace(
            result,
            law=tuple(
                _with_intervals(
                    row, {name: each[:, at, row.depth - 1] for name, each in stacked.items()}
                )
                for row in result.law
            ),
        )
        for at, result in enumerate(found)
    ]


def _replicate(
    number: int,
    planted: Sequence[SourceTree],
    config: ElasticityConfig,
    k: float,
    memory: int | None,
    threads: int | None,
) -> dict[str, Any]:
    """Coverage and slopes of one resample, each a list by perturbation and depth."""
    trees = []
    for place, each in enumerate(planted):
        assert each.corpus is not None  # `open_or_build` has refused saved trees
        draws = np.random.SeedSequence([config.reading.seed, number, place])
        corpus = each.corpus.resampled(int(draws.generate_state(1, np.uint64)[0]))
        alphabet = config.tree.alphabet or each.tree.alphabet
        trees.append(
            TokenTree.build(
                corpus,
                depth=each.tree.depth,
                segment=each.tree.segment,
                alphabet=alphabet,
                memory=memory,
                threads=threads,
            )
        )
    joint = JointSpectrum.of(trees, memory=memory, threads=threads)
    row: dict[str, list[Any]] = {name: [] for name in _DRAWN}
    for place in range(2, len(trees)):
        rates = Triple(joint, place, threads).rates(k, 0.0)
        row["coverage"].append(rates.coverage[:, 0].tolist())
        row["slope_pretrain_bits"].append(rates.slope_bits[:, 0, 0].tolist())
        row["slope_align_bits"].append(rates.slope_bits[:, 0, 1].tolist())
    return row


def _with_intervals(law: DepthLaw, drawn: dict[str, Array]) -> DepthLaw:
    """The law with an interval for each figure that has one."""
    found = {}
    for name, values in drawn.items():
        estimate = getattr(law, name)
        if estimate is not None and np.isfinite(values).all():
            found[name] = interval(estimate, values)
    coverage, slope = found["coverage"], found["slope_pretrain_bits"]
    found["coverage"] = replace(coverage, low=max(coverage.low, 0.0), high=min(coverage.high, 1.0))
    # A ratio whose denominator may be 0 may be anything: by the interval or by the replicates.
    ends = np.array([slope.low, slope.high])
    if len(set(np.sign([*ends, *(ends + slope.bias)]))) > 1:
        found.pop("ratio", None)
    return replace(law, intervals=found)


def interval(estimate: float, replicates: Array) -> Interval:
    """The middle 95% of the replicates, moved so that their median is the estimate.

    Args:
        estimate: The figure of the corpora themselves.
        replicates: The figures of the resamples, shape (replicates,).
    """
    low, median, high = np.quantile(replicates, [0.025, 0.5, 0.975])
    return Interval(
        low=float(estimate + low - median),
        high=float(estimate + high - median),
        bias=float(median - estimate),
    )


def _identity(planted: Sequence[SourceTree], config: ElasticityConfig) -> str:
    """A hash of all that a replicate depends on."""
    files = [
        (path, stat.st_size, stat.st_mtime_ns)
        for each in planted
        if each.corpus
        for path in each.corpus.files
        for stat in [Path(path).stat()]
    ]
    asked = {"tree": asdict(config.tree), "k": config.k, "reading": asdict(config.reading)}
    text = json.dumps([asked, [each.paths for each in planted], files])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _read(keep: Path, job: str) -> dict[int, dict[str, Any]]:
    """The replicates of this job in a file; a line that was cut off is left out."""
    found = {}
    if keep.exists():
        for line in keep.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if row["job"] == job:
                found[row["replicate"]] = row["figures"]
    return found


def _append(keep: Path, job: str, number: int, figures: dict[str, Any]) -> None:
    row = json.dumps({"job": job, "replicate": number, "figures": figures})
    keep.parent.mkdir(parents=True, exist_ok=True)
    with keep.open("a", encoding="utf-8") as file:
        # A line that was cut off must not take this one with it.
        file.write(("\n" if file.tell() else "") + row)
