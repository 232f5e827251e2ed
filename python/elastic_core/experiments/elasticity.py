"""The elasticity study: the law of the token trees and, on request, of tree models."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.extras import check_extra
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress
from elastic_core.corpora.in_memory import accepts_data
from elastic_core.corpora.sources import (
    SPLIT,
    TEXT_KEY,
    ReadOptions,
    Source,
    own_reading,
    paths_of,
)
from elastic_core.corpora.trees import SourceTree, TreeOptions, open_or_build, share_memory
from elastic_core.elastic_law.result import ElasticityConfig, ElasticityResult
from elastic_core.elastic_law.study import check, study_trees
from elastic_core.experiments.studies.order_of_learning import (
    OrderComparison,
    TreeCurve,
    check_training,
    learn_in_order,
)

DEEPEST_MODEL = 32
"""The largest depth of a tree model."""


@shows_progress
@accepts_data
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
    split_on: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> ElasticityResult:
    """Computes how the rates of pre-training and alignment react to a perturbation.

    With P_p, P_a and P_t the leaf distributions of the three token trees, the joint tree of
    volumes k : 1 : l has q = (k P_p + P_a + l P_t) / (k + 1 + l), and each dataset the rate
    gamma_i = -sum P_i log2 q under its ideal code. Thm 4.2 of Ji et al. (2025) says that for small
    l the slopes are d gamma_a / dl = -k d gamma_p / dl. All slopes are in closed form.

    Args:
        pretrain: D_p: a file, folder, glob or list of these, a `Corpus`, or a saved tree.
        align: D_a, in the same form.
        perturb: D_t, in the same form; in a list, each is a perturbation of its own.
        depth: Depth d of the trees, 1 to 64; every depth up to it is reported. None: 8, or that
            of the saved trees.
        segment: `chunk`, `prefix` or `window`; None: `chunk`, or that of the saved trees.
        alphabet: `bit`, `byte` or `bpe:PATH`; None: `byte`, or that of the saved trees.
        k: |D_p| / |D_a|; None: that of the corpora.
        l: |D_t| / |D_a|; None: that of the corpora.
        bootstrap: Number of resamples of all documents for intervals; 0: no intervals.
        replicates: A file that stores each resample, so that an interrupted job can resume.
        order: `joint`: the token trees only, whose order does not matter. `sequential`: in addition
            a tree model of depth d that learns D_p, then D_a, then D_t, and one that learns all in
            one random order; see `docs/trained.md`.
        rate: How many times that model learns D_a and D_t in the sequential order.
        seeds: Number of seeds for training it, which order the documents differently.
        memory: Memory budget, in bytes or as `1GiB`; None: half of what is free.
        threads: Number of threads; None: one for each core.
        split: What is a document in a plain text file: `document`, `line` or `paragraph`.
        text_key: Dotted paths of the text in a row; several are joined.
        limit: Read only the first so many documents of each corpus.
        sample: Keep each document with this probability.
        seed: Seed of the sampling, the bootstrap and the training.
        on_bad_row: `error` or `skip`, for rows without usable text.
        split_on: A text to split plain text at; see `ReadOptions`.
        include: Globs of the files to read in folders; none: all.
        exclude: Globs of the files not to read in folders.
        progress: Receives the steps of the job.

    Returns:
        The study; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is invalid, or the trees differ in shape.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or was written by another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    sources, config = configure(
        pretrain,
        align,
        perturb,
        tree=TreeOptions(depth, segment, alphabet),
        reading=ReadOptions.given(
            split, text_key, limit, sample, seed, on_bad_row, split_on, include, exclude
        ),
        k=k,
        l=l,
        bootstrap=bootstrap,
        order=order,
        rate=rate,
        seeds=seeds,
        memory=memory,
    )
    if order == "sequential":
        check_extra("order sequential", ("scipy",), "experiments", InvalidArgumentError)
    share = share_memory(memory, len(sources))
    trees = open_or_build(
        sources,
        config.tree,
        config.reading,
        again=reads_again(config),
        memory=share,
        threads=threads,
        progress=progress,
    )
    result = study_trees(
        trees,
        config,
        replicates=None if replicates is None else Path(replicates),
        memory=share,
        threads=threads,
        progress=progress,
    )
    if order == "joint":
        return result
    comparisons = _compare_orders(trees, config, threads, progress)
    return replace(
        result,
        perturbations=tuple(
            replace(perturbation, trained=comparison)
            for perturbation, comparison in zip(result.perturbations, comparisons, strict=True)
        ),
    )


def configure(
    pretrain: Source,
    align: Source,
    perturb: Source | Sequence[Source],
    *,
    tree: TreeOptions,
    reading: ReadOptions,
    k: float | None,
    l: float | None,
    bootstrap: int,
    order: str,
    rate: float,
    seeds: int,
    memory: int | str | None,
) -> tuple[list[Source], ElasticityConfig]:
    """The sources and the checked configuration of a study; takes what `elasticity` does.

    Raises:
        InvalidArgumentError: An argument is invalid.
    """
    if isinstance(perturb, str | os.PathLike | Corpus):
        perturb = [perturb]
    sources: list[Source] = [pretrain, align, *cast("Sequence[Source]", perturb)]
    config = ElasticityConfig(
        pretrain=paths_of(pretrain),
        align=paths_of(align),
        perturb=tuple(map(paths_of, sources[2:])),
        tree=tree,
        k=k,
        l=l,
        bootstrap=bootstrap,
        order=order,
        rate=rate,
        seeds=seeds,
        memory=memory,
        reading=reading,
        own_reading=own_reading(sources),
    )
    check(config)
    check_training(order, rate, seeds, reading.seed)
    return sources, config


def reads_again(config: ElasticityConfig) -> str | None:
    """What reads the documents after the trees are built, if anything does."""
    if config.bootstrap:
        return "a bootstrap"
    return "a tree model" if config.order == "sequential" else None


def _compare_orders(
    trees: Sequence[SourceTree],
    config: ElasticityConfig,
    threads: int | None,
    progress: Progress | None,
) -> list[OrderComparison]:
    """Trains tree models on each perturbation in both orders."""
    pretrain, align, *perturbations = (tree.corpus for tree in trees if tree.corpus)

    def learn(perturb: Corpus, order: str, rate: float) -> TreeCurve:
        return learn_in_order(
            pretrain,
            align,
            perturb,
            model_depth=min(trees[0].tree.depth, DEEPEST_MODEL),
            alphabet=config.tree.alphabet or trees[0].tree.alphabet,
            order=order,
            rate=rate,
            seeds=config.seeds,
            seed=config.reading.seed,
            memory=config.memory,
            threads=threads,
            progress=progress,
        )

    return [
        OrderComparison(learn(perturb, "joint", 1.0), learn(perturb, "sequential", config.rate))
        for perturb in perturbations
    ]
