"""`measure`: corpora in, a token tree for each, code lengths and rates out."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from elastic_core._core import (
    Corpus,
    InvalidArgumentError,
    TokenTree,
    compressed_sizes,
)
from elastic_core.common.arguments import listed
from elastic_core.common.calls import api
from elastic_core.common.files import require_new
from elastic_core.common.progress import Progress, with_subject
from elastic_core.common.units import parse_memory
from elastic_core.corpora.in_memory import accepts_data
from elastic_core.corpora.sources import (
    JOINT,
    SPLIT,
    TEXT_KEY,
    ReadOptions,
    Source,
    distinct_names,
    kept,
    open_corpora,
    own_reading,
    paths_of,
    read_summary,
)
from elastic_core.corpora.trees import share_memory
from elastic_core.measuring.rates import rates_of
from elastic_core.measuring.result import (
    Comparison,
    CorpusResult,
    MeasureConfig,
    MeasureResult,
    ModelRate,
)


@api
@accepts_data
def measure(
    *corpora: Source,
    depth: int = 8,
    segment: str = "chunk",
    alphabet: str = "byte",
    memory: int | str | None = None,
    threads: int | None = None,
    compare: Sequence[str] = (),
    models: Sequence[str] = (),
    model_options: Mapping[str, Any] | None = None,
    per_document: str | os.PathLike[str] | None = None,
    overwrite: bool = True,
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
) -> MeasureResult:
    """Measures the token tree of each corpus, and of all corpora together if there are several.

    The statistics are those of the tree pruned to every depth from 1 to `depth`: its leaves, their
    entropy, the Huffman code and Thm 3.4 of Ji et al. (2025) as printed. In the joint corpus each
    corpus weighs as much as its volume, as in the paper's joint distribution.

    Args:
        *corpora: One corpus per argument: a file, folder, glob or `-`, a list of these, a
            `Corpus`, or in memory: `Texts`, a table or rows, as `Texts` takes them.
        depth: Depth d of the tree in symbols, 1 to 64.
        segment: How a document is split into segments: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH` with the path of a `tokenizer.json`.
        memory: Memory limit in bytes or as `1GiB`; None: half of what is free.
        threads: Worker threads; None: one per core.
        compare: Reference compressors with their level, such as `zstd:19` and `xz:9`.
        models: Language models to score the text with, as in `load_model`: `tree:8`, `hf:gpt2`.
        model_options: Options of `load_model` for all models but tree models.
        per_document: A Parquet file to write each model's score of each document to.
        overwrite: Whether to replace an existing file of `per_document`.
        split: A reading option of corpora named by their paths; see `ReadOptions`.
        text_key: Likewise.
        limit: Likewise.
        sample: Likewise.
        seed: Likewise.
        on_bad_row: Likewise.
        split_on: Likewise.
        include: Likewise.
        exclude: Likewise.
        progress: Receives the steps: bytes while reading, compressing and scoring, leaves
            otherwise. While scoring, `note` is the rate so far, such as `1.832 bits/byte`.

    Returns:
        The measurement; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is invalid, or the file of `per_document` exists.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        ModelError: A model cannot be loaded or cannot score a document.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    if not corpora:
        raise InvalidArgumentError("no corpus to measure; name a file or a folder")
    if per_document is not None:
        require_new(per_document, overwrite=overwrite)
    reading = ReadOptions.given(
        split, text_key, limit, sample, seed, on_bad_row, split_on, include, exclude
    )
    config = MeasureConfig(
        paths=tuple(paths_of(source) for source in corpora),
        depth=depth,
        segment=segment,
        alphabet=alphabet,
        memory=memory,
        compare=tuple(listed(compare)),
        models=tuple(listed(models)),
        model_options=_specified(model_options or {}),
        reading=reading,
        own_reading=own_reading(corpora),
    )
    again = bool(config.compare or config.models)
    opened = kept(open_corpora(corpora, reading), again=again)
    _compare([], 0, config, threads, None)  # An unknown compressor fails before the work begins.
    names = distinct_names([corpus.name for corpus in opened], joint=len(opened) > 1)
    share = share_memory(memory, len(opened))
    results = []
    with rates_of(
        config.models,
        config.model_options,
        alphabet=alphabet,
        per_document=per_document,
        overwrite=overwrite,
        progress=progress,
    ) as rates:
        for name, corpus in zip(names, opened, strict=True):
            tree = TokenTree.build(
                corpus,
                depth=depth,
                segment=segment,
                alphabet=alphabet,
                memory=share,
                threads=threads,
                progress=with_subject(progress, name),
            )
            score = partial(rates.of, name, corpus, tree.bytes)
            results.append(_result(name, tree, [corpus], score, config, threads, progress))
        if len(results) > 1:
            first, *others = (result.tree for result in results)
            tree = first.merge(
                *others, memory=share, threads=threads, progress=with_subject(progress, JOINT)
            )
            score = partial(rates.joint, opened, tree.bytes)
            results.append(_result(JOINT, tree, opened, score, config, threads, progress))
    mixed = tuple(summary for corpus in opened if (summary := read_summary(corpus)))
    return MeasureResult(config, tuple(results), mixed)


@api
def measure_tree(
    path: str | os.PathLike[str],
    *,
    memory: int | str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> MeasureResult:
    """Measures a saved token tree.

    Args:
        path: The tree's file.
        memory: Memory limit in bytes or as `1GiB`; None: half of what is free.
        threads: Worker threads; None: one per core.
        progress: Receives the steps, as in `measure`.

    Returns:
        The measurement of one corpus. Its config has None for the reading options, which a tree
        file does not record.

    Raises:
        TreeFileError: The file is damaged, of another version or not a token tree.
        OSError: The file is missing or unreadable.
    """
    name = os.fspath(path)
    progress = with_subject(progress, name)
    tree = TokenTree.open(path, memory=parse_memory(memory), progress=progress)
    config = MeasureConfig(
        paths=((name,),),
        depth=tree.depth,
        segment=tree.segment,
        alphabet=tree.alphabet,
        memory=memory,
    )
    statistics = tree.statistics(threads=threads, progress=progress)
    return MeasureResult(config, (CorpusResult.of(name, tree, statistics),))


def _specified(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of models that are not left to their defaults."""
    return {name: value for name, value in options.items() if value not in (None, "auto")}


def _result(
    name: str,
    tree: TokenTree,
    corpora: Sequence[Corpus],
    score: Callable[[], tuple[ModelRate, ...]],
    config: MeasureConfig,
    threads: int | None,
    progress: Progress | None,
) -> CorpusResult:
    """The record of one corpus, or of several that were merged into one tree."""
    progress = with_subject(progress, name)
    comparisons = _compare(corpora, tree.bytes, config, threads, progress)
    statistics = tree.statistics(threads=threads, progress=progress)
    return CorpusResult.of(name, tree, statistics, comparisons, score())


def _compare(
    corpora: Sequence[Corpus],
    raw: int,
    config: MeasureConfig,
    threads: int | None,
    progress: Progress | None,
) -> tuple[Comparison, ...]:
    """The reference compressors on `raw` bytes of text."""
    if not config.compare:
        return ()
    sizes = compressed_sizes(
        corpora,
        config.compare,
        utf8=config.alphabet.startswith("bpe:"),
        bytes=raw,
        threads=threads,
        progress=progress,
    )
    return tuple(
        Comparison.of(name, size, raw) for name, size in zip(config.compare, sizes, strict=True)
    )
