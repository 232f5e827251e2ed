"""The main job: corpora or saved trees in, the elastic law on them out."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError, JointSpectrum
from elastic_core.common.progress import Progress
from elastic_core.corpora.sources import SPLIT, TEXT_KEY, ReadOptions, Source, paths_of
from elastic_core.corpora.trees import SourceTree, TreeOptions, open_or_build, share_memory
from elastic_core.elastic_law.bootstrap import intervals
from elastic_core.elastic_law.law import study
from elastic_core.elastic_law.result import (
    ROLES,
    Dataset,
    ElasticityConfig,
    ElasticityResult,
    Overlap,
    TrainedPair,
)
from elastic_core.elastic_law.trained import TrainedCurve, trained
from elastic_core.elastic_law.trained.plan import check
from elastic_core.elastic_law.volumes import Triple

_DEEPEST_MODEL = 32


def elasticity(
    pretrain: Source,
    align: Source,
    perturb: Source | Sequence[Source],
    *,
    depth: int | None = None,
    segment: str | None = None,
    alphabet: str | None = None,
    k: float | None = None,
    l: float | None = None,
    bootstrap: int = 0,
    replicates: str | Path | None = None,
    order: str = "joint",
    rate: float = 1.0,
    seeds: int = 3,
    memory: int | str | None = None,
    threads: int | None = None,
    split: str = SPLIT,
    text_key: Sequence[str] = TEXT_KEY,
    limit: int | None = None,
    sample: float | None = None,
    seed: int = 0,
    on_bad_row: str = "error",
    progress: Progress | None = None,
) -> ElasticityResult:
    """Computes how the rates of pre-training and alignment give way to a perturbation.

    With P_p, P_a and P_t the leaf distributions of the three token trees, the joint tree of
    volumes k : 1 : l has q = (k P_p + P_a + l P_t) / (k + 1 + l), and each dataset the rate
    gamma_i = -sum P_i log2 q under its ideal code. Thm 4.2 of Ji et al. (2025) says that for small
    l the slopes are d gamma_a / dl = -k d gamma_p / dl. All slopes are in closed form.

    Args:
        pretrain: D_p: a file, folder, glob or list of these, or a tree's file.
        align: D_a, in the same way.
        perturb: D_t; a list of several gives a result for each.
        depth: Depth d of the trees, 1 to 64; every depth up to it is looked at. None: 8, or that
            of the saved trees.
        segment: `chunk`, `prefix` or `window`; None: `chunk`, or that of the saved trees.
        alphabet: `bit`, `byte` or `bpe:PATH`; None: `byte`, or that of the saved trees.
        k: |D_p| / |D_a|; None: that of the corpora.
        l: |D_t| / |D_a|; None: that of the corpora.
        bootstrap: Resamples of all documents for intervals; 0: no intervals.
        replicates: A file that keeps what each resample gave, so that a job that was interrupted
            goes on where it was.
        order: `joint`: the token trees alone, whose order does not matter. `sequential`: beside
            them a tree model of depth d that learns D_p, then D_a, then D_t, and one that learns
            all in one random order; see `docs/trained.md`.
        rate: How many times that model learns D_a and D_t in sequence.
        seeds: How often it is trained on documents in another order, for intervals.
        memory: Memory to stay within, in bytes or as `1GiB`; None: half of what is free.
        threads: Threads to work on; None: one for each core.
        split: What is a document in a plain text file: `document`, `line` or `paragraph`.
        text_key: Dotted paths of the text in a row; several are joined.
        limit: Only the first so many documents of each corpus.
        sample: Keep each document with this probability.
        seed: Seed of the sampling, the bootstrap and the training.
        on_bad_row: `error` or `skip`, for rows without usable text.
        progress: Called with the phase and the corpus, the units done and the units in all.

    Returns:
        The study; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is not what it should be, or the trees are not alike.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    several = [perturb] if isinstance(perturb, str | os.PathLike) else list(perturb)
    config = ElasticityConfig(
        pretrain=paths_of(pretrain),
        align=paths_of(align),
        perturb=tuple(paths_of(each) for each in several),
        tree=TreeOptions(depth, segment, alphabet),
        k=k,
        l=l,
        bootstrap=bootstrap,
        order=order,
        rate=rate,
        seeds=seeds,
        memory=memory,
        reading=ReadOptions(split, tuple(text_key), limit, sample, seed, on_bad_row),
    )
    _check(config)
    share = share_memory(memory, 2 + len(several))
    planted = open_or_build(
        [config.pretrain, config.align, *config.perturb],
        config.tree,
        config.reading,
        again="a bootstrap" if bootstrap else "a tree model" if order == "sequential" else None,
        memory=share,
        threads=threads,
        progress=progress,
    )
    joint = JointSpectrum.of(
        [each.tree for each in planted], memory=share, threads=threads, progress=progress
    )
    segments = [int(count) for count in joint.segments]
    found = [
        study(
            each.name,
            Triple(joint, place, threads, progress),
            segments[0] / segments[1] if k is None else k,
            segments[place] / segments[1] if l is None else l,
        )
        for place, each in enumerate(planted[2:], start=2)
    ]
    if bootstrap:
        found = intervals(
            found,
            planted,
            config,
            memory=share,
            threads=threads,
            keep=None if replicates is None else Path(replicates),
            progress=progress,
        )
    if order == "sequential":
        pairs = _train(planted, config, threads, progress)
        found = [replace(each, trained=pair) for each, pair in zip(found, pairs, strict=True)]
    shape = planted[0].tree
    roles = [*ROLES[:2], *[ROLES[2]] * len(several)]
    return ElasticityResult(
        config=config,
        depth=shape.depth,
        segment=shape.segment,
        alphabet=shape.alphabet,
        datasets=tuple(
            Dataset.of(role, each, joint.leaves[:, place], joint.entropy_bits[:, place])
            for place, (role, each) in enumerate(zip(roles, planted, strict=True))
        ),
        overlaps=tuple(_overlaps(planted)),
        perturbations=tuple(found),
    )


def _check(config: ElasticityConfig) -> None:
    if not config.perturb:
        raise InvalidArgumentError("no perturbation: name a corpus or a saved tree")
    for name, value, least in (("k", config.k, 0), ("l", config.l, -1)):
        if value is not None and not (math.isfinite(value) and value >= 0 and value > least):
            raise InvalidArgumentError(
                f"{name} {value}: a volume relative to that of the alignment, so give "
                + ("more than 0" if least == 0 else "0 or more")
            )
    if config.bootstrap < 0 or config.bootstrap == 1:
        raise InvalidArgumentError(
            f"bootstrap {config.bootstrap}: give 0 for no intervals, or at least 2 replicates"
        )
    check(config.order, config.rate, config.seeds, config.reading.seed, None)


def _train(
    planted: Sequence[SourceTree],
    config: ElasticityConfig,
    threads: int | None,
    progress: Progress | None,
) -> list[TrainedPair]:
    """What a tree model makes of each perturbation, in both orders."""
    pretrain, align, *perturb = (each.corpus for each in planted if each.corpus)

    def curve(each: Corpus, order: str, rate: float) -> TrainedCurve:
        return trained(
            pretrain,
            align,
            each,
            model_depth=min(planted[0].tree.depth, _DEEPEST_MODEL),
            alphabet=config.tree.alphabet or planted[0].tree.alphabet,
            order=order,
            rate=rate,
            seeds=config.seeds,
            seed=config.reading.seed,
            memory=config.memory,
            threads=threads,
            progress=progress,
        )

    return [
        TrainedPair(curve(each, "joint", 1.0), curve(each, "sequential", config.rate))
        for each in perturb
    ]


def _overlaps(planted: Sequence[SourceTree]) -> list[Overlap]:
    """The pairs of corpora that have files in common."""
    files = [
        {Path(file).resolve() for file in each.corpus.files}
        if each.corpus and not each.corpus.reads_stdin
        else {Path(path).resolve() for path in each.paths}
        for each in planted
    ]
    pairs = combinations(zip(planted, files, strict=True), 2)
    return [
        Overlap(one.name, two.name, len(shared))
        for (one, mine), (two, theirs) in pairs
        if (shared := mine & theirs)
    ]
