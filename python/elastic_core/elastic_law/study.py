"""The elastic law on token trees that are open: rates, slopes, intervals, overlaps."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from elastic_core._core import InvalidArgumentError, JointSpectrum
from elastic_core.common.progress import Progress
from elastic_core.corpora.trees import SourceTree
from elastic_core.elastic_law.bootstrap import with_intervals
from elastic_core.elastic_law.law import Triple, study_perturbation
from elastic_core.elastic_law.result import (
    ROLES,
    Dataset,
    ElasticityConfig,
    ElasticityResult,
    Overlap,
)


def check(config: ElasticityConfig) -> None:
    """Rejects bad arguments before anything is read.

    Raises:
        InvalidArgumentError: There is no perturbation, or `k`, `l` or `bootstrap` is out of range.
    """
    if not config.perturb:
        raise InvalidArgumentError("no perturbation: name a corpus or a saved tree")
    if config.k is not None and not (math.isfinite(config.k) and config.k > 0):
        raise InvalidArgumentError(
            f"k {config.k}: a volume relative to that of the alignment, so give more than 0"
        )
    if config.l is not None and not (math.isfinite(config.l) and config.l >= 0):
        raise InvalidArgumentError(
            f"l {config.l}: a volume relative to that of the alignment, so give 0 or more"
        )
    if config.bootstrap < 0 or config.bootstrap == 1:
        raise InvalidArgumentError(
            f"bootstrap {config.bootstrap}: give 0 for no intervals, or at least 2 replicates"
        )


def study_trees(
    trees: Sequence[SourceTree],
    config: ElasticityConfig,
    *,
    replicates: Path | None = None,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ElasticityResult:
    """Computes the elastic law for token trees.

    With P_p, P_a and P_t the leaf distributions of three token trees, the joint tree of volumes
    k : 1 : l has q = (k P_p + P_a + l P_t) / (k + 1 + l), and each dataset the rate
    gamma_i = -sum P_i log2 q under its ideal code. All slopes are in closed form.

    Args:
        trees: D_p, D_a and the perturbations, of one shape.
        config: The arguments of the study; `check` has accepted them.
        replicates: A file that stores each resample, so that an interrupted job can resume.
        memory: Bytes that each tree may take; None: half of what is free.
        threads: Number of threads; None: one for each core.
        progress: Receives the steps of the job.

    Raises:
        InvalidArgumentError: The trees differ in shape, or cannot be resampled.
        OSError: A file cannot be read or written.
    """
    joint = JointSpectrum.of(
        [source.tree for source in trees], memory=memory, threads=threads, progress=progress
    )
    segments = [int(count) for count in joint.segments]
    perturbations = [
        study_perturbation(
            source.name,
            Triple(joint, place, threads, progress),
            segments[0] / segments[1] if config.k is None else config.k,
            segments[place] / segments[1] if config.l is None else config.l,
        )
        for place, source in enumerate(trees[2:], start=2)
    ]
    if config.bootstrap:
        perturbations = with_intervals(
            perturbations,
            trees,
            config,
            memory=memory,
            threads=threads,
            replicates=replicates,
            progress=progress,
        )
    shape = trees[0].tree
    return ElasticityResult(
        config=config,
        depth=shape.depth,
        segment=shape.segment,
        alphabet=shape.alphabet,
        datasets=tuple(_datasets(trees, joint)),
        overlaps=tuple(_overlaps(trees)),
        perturbations=tuple(perturbations),
    )


def _datasets(trees: Sequence[SourceTree], joint: JointSpectrum) -> Iterator[Dataset]:
    """The record of each corpus and its own tree."""
    for place, source in enumerate(trees):
        tree = source.tree
        yield Dataset(
            role=ROLES[min(place, 2)],
            name=source.name,
            documents=tree.documents,
            bytes=tree.bytes,
            symbols=tree.symbols,
            bad_rows=tree.bad_rows,
            segments=tree.segments,
            leaves=tuple(joint.leaves[:, place].tolist()),
            entropy_bits=tuple(joint.entropy_bits[:, place].tolist()),
        )


def _overlaps(trees: Sequence[SourceTree]) -> Iterator[Overlap]:
    """The pairs of corpora that have files in common."""
    files = [
        {Path(file).resolve() for file in source.corpus.files}
        if source.corpus and not source.corpus.reads_stdin
        else {Path(path).resolve() for path in source.paths}
        for source in trees
    ]
    for (one, ours), (other, theirs) in combinations(zip(trees, files, strict=True), 2):
        if common := ours & theirs:
            yield Overlap(one.name, other.name, len(common))
