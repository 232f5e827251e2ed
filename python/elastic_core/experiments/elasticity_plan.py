"""What the elasticity study would read, and roughly how long it takes and how much memory."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from elastic_core._core import Corpus, TreeModel, available_memory
from elastic_core.common.units import parse_memory
from elastic_core.corpora.sources import ReadOptions, Source, open_corpora
from elastic_core.corpora.trees import (
    DEFAULT_SHAPE,
    TreeOptions,
    is_saved_tree,
    open_or_build,
    require_documents,
)
from elastic_core.corpora.trial import (
    Survey,
    open_tree,
    peak_memory,
    plan_text,
    seconds_for,
    survey,
    try_tree,
)
from elastic_core.elastic_law.result import ElasticityConfig
from elastic_core.elastic_law.study import study_trees
from elastic_core.experiments.elasticity import DEEPEST_MODEL, configure, reads_again
from elastic_core.experiments.studies.order_of_learning.training import TABLES

_SAMPLE = 1 << 21
_SECONDS_TO_TRY = 1.0
# Bytes that the models of all volumes learn in the joint order, in units of the corpora: D_p and
# D_a at five volumes; of D_t nothing, all, and a quarter, a sixteenth and a 64th of it.
_VOLUMES, _PERTURBED = 5, 1 + 1 / 4 + 1 / 16 + 1 / 64


def describe_plan(
    pretrain: Source,
    align: Source,
    perturb: Source | Sequence[Source],
    *,
    depth: int | None = None,
    segment: str | None = None,
    alphabet: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> str:
    """Describes what `elasticity` would do with the same arguments; no study is made or written.

    The estimates come from the beginning of each corpus, on which each part of the work is tried,
    and are right within a factor of about two. Takes the arguments of `elasticity`, all reading
    options among them.

    Returns:
        A few lines: what is read, and the estimated time and memory.

    Raises:
        InvalidArgumentError: An argument is invalid, the trees differ in shape, or a corpus comes
            from standard input.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable.
    """
    own = ("k", "l", "bootstrap", "order", "rate", "seeds", "memory")
    study = {name: options.pop(name) for name in own}
    tree, reading = TreeOptions(depth, segment, alphabet), ReadOptions.given(**options)
    sources, config = configure(pretrain, align, perturb, tree=tree, reading=reading, **study)
    if again := reads_again(config):
        require_documents(sources, again)
    texts = [source for source in sources if not is_saved_tree(source)]
    surveys = [survey(corpus) for corpus in (open_corpora(texts, reading) if texts else [])]
    besides = peak_memory()
    budget = parse_memory(config.memory) or available_memory() // 2
    trials = [try_tree(each, tree, budget, threads) for each in surveys]
    trials += [open_tree(source, tree, threads) for source in sources if source not in texts]
    trees = sum(trial.seconds for trial in trials)
    law = _law(sources, texts, surveys, config, threads)
    parts = [("trees", trees), ("law", law)]
    if config.bootstrap:
        parts.append((f"{config.bootstrap:,} resamples", config.bootstrap * (trees + law)))
    memory = min(budget, 2 * sum(trial.memory for trial in trials))
    if config.order == "sequential":
        workers = min(threads or os.cpu_count() or 1, _VOLUMES * config.seeds)
        parts.append(("tree models", _learning(surveys, config) / workers))
        memory = max(memory, workers * TABLES + sum(each.bytes for each in surveys))
    title = f"elasticity: {', '.join(map(', '.join, (config.pretrain, config.align)))}, " + (
        ", ".join(map(", ".join, config.perturb))
    )
    return plan_text(title, surveys, parts, besides + memory)


def _law(
    sources: Sequence[Source],
    texts: Sequence[Source],
    surveys: Sequence[Survey],
    config: ElasticityConfig,
    threads: int | None,
) -> float:
    """Seconds that the law itself takes, from the trees of samples of the corpora."""
    share = min(1.0, _SAMPLE / max([1, *(each.bytes for each in surveys)]))
    samples = iter([each.sample(max(1, round(share * each.bytes))) for each in surveys])
    trees = open_or_build(
        [next(samples) if source in texts else source for source in sources],
        config.tree,
        ReadOptions(),
        threads=threads,
    )
    times: list[float] = []
    while sum(times) < _SECONDS_TO_TRY and len(times) < 2:  # The first call may load libraries.
        start = time.monotonic()
        study_trees(trees, replace(config, bootstrap=0), threads=threads)
        times.append(time.monotonic() - start)
    return min(times) / share


def _learning(surveys: Sequence[Survey], config: ElasticityConfig) -> float:
    """Seconds that one thread takes to train all tree models."""
    pretrain, align, *perturbations = surveys
    shape = config.tree
    depth = min(DEFAULT_SHAPE[0] if shape.depth is None else shape.depth, DEEPEST_MODEL)
    alphabet = DEFAULT_SHAPE[2] if shape.alphabet is None else shape.alphabet

    def learn(sample: Corpus) -> int:
        texts = [text for batch in sample.batches() for text in batch.texts]
        TreeModel(depth, alphabet=alphabet, memory=TABLES).update(texts)
        return sum(map(len, texts))

    per_byte = seconds_for(learn, pretrain) / max(1, pretrain.bytes)
    passes = math.ceil(config.rate)
    learned = sum(
        _VOLUMES * (pretrain.bytes + align.bytes)
        + _PERTURBED * perturb.bytes
        + pretrain.bytes
        + passes * (align.bytes + perturb.bytes)
        for perturb in perturbations
    )
    return config.seeds * learned * per_byte
