"""The main job: corpora in, a token tree for each, code lengths and rates out."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from elastic_core._core import (
    Corpus,
    InvalidArgumentError,
    TokenTree,
    compressed_sizes,
)
from elastic_core.common.progress import Progress, with_subject
from elastic_core.common.units import parse_memory
from elastic_core.corpora.sources import (
    JOINT,
    SPLIT,
    TEXT_KEY,
    ReadOptions,
    Source,
    check_reading,
    check_standard_input,
    distinct_names,
    open_corpus,
    paths_of,
)
from elastic_core.corpora.trees import share_memory
from elastic_core.measuring.rates import rates_of
from elastic_core.measuring.result import (
    Comparison,
    CorpusResult,
    MeasureConfig,
    MeasureResult,
)


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
    split: str = SPLIT,
    text_key: Sequence[str] = TEXT_KEY,
    limit: int | None = None,
    sample: float | None = None,
    seed: int = 0,
    on_bad_row: str = "error",
    progress: Progress | None = None,
) -> MeasureResult:
    """Measures the token tree of each corpus, and of all together when there are several.

    The statistics are those of the tree pruned to every depth from 1 to `depth`: its leaves,
    their entropy, the Huffman code and the bound of Thm 3.4 of Ji et al. (2025). The joint
    corpus weighs each corpus by its volume, as the paper's joint weights do.

    Args:
        *corpora: One corpus an argument: a file, folder, glob or `-`, or a list of these.
        depth: Depth d of the tree in symbols, 1 to 64.
        segment: How a document becomes segments: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH` with the path of a `tokenizer.json`.
        memory: Memory to stay within, in bytes or as `1GiB`; None: half of what is free.
        threads: Threads to work on; None: one for each core.
        compare: Reference compressors with their level, such as `zstd:19` and `xz:9`.
        models: Language models as `load_model` names them, such as `tree:8` and `hf:gpt2`.
        model_options: Options of `load_model` for all models but tree models.
        per_document: A Parquet file to write, with what each model makes of each document.
        split: What is a document in a plain text file: `document`, `line` or `paragraph`.
        text_key: Dotted paths of the text in a row; several are joined.
        limit: Only the first so many documents of each corpus.
        sample: Keep each document with this probability.
        seed: Seed of the sampling.
        on_bad_row: `error` or `skip`, for rows without usable text.
        progress: Called with the phase and the corpus (`read novels`), the units done and the
            units in all; bytes while reading, compressing and scoring, leaves otherwise. The
            rate so far stands behind the phase: `score novels with tree:8, 1.832 bits/byte`.

    Returns:
        The measurement; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        ModelError: A model cannot be loaded, or can make nothing of a document.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    if not corpora:
        raise InvalidArgumentError("no corpus to measure; name a file or a folder")
    paths = tuple(paths_of(source) for source in corpora)
    reading = ReadOptions(split, tuple(text_key), limit, sample, seed, on_bad_row)
    config = MeasureConfig(
        paths=paths,
        depth=depth,
        segment=segment,
        alphabet=alphabet,
        memory=memory,
        compare=tuple(compare),
        models=tuple(models),
        model_options=_given(model_options or {}),
        reading=reading,
    )
    opened = [open_corpus(each, reading) for each in paths]
    check_reading(opened, reading.split, reading.text_key)
    who = "reference compressors" if config.compare else "language models"
    check_standard_input(opened, f"{who} read" if config.compare or config.models else None)
    _compare([], config, 0, threads, None)
    names = distinct_names([corpus.name for corpus in opened], joint=len(opened) > 1)
    share = share_memory(memory, len(opened))
    results = []
    with rates_of(
        config.models,
        config.model_options,
        alphabet=alphabet,
        per_document=per_document,
        progress=progress,
    ) as rates:
        for name, corpus in zip(names, opened, strict=True):
            told = with_subject(progress, name)
            tree = TokenTree.build(
                corpus,
                depth=depth,
                segment=segment,
                alphabet=alphabet,
                memory=share,
                threads=threads,
                progress=told,
            )
            compared = _compare([corpus], config, tree.bytes, threads, told)
            statistics = tree.statistics(threads=threads, progress=told)
            scored = rates.of(name, corpus, tree.bytes)
            results.append(CorpusResult.of(name, tree, statistics, compared, scored))
        if len(results) > 1:
            told = with_subject(progress, JOINT)
            first, *others = (result.tree for result in results)
            tree = first.merge(*others, memory=share, threads=threads, progress=told)
            compared = _compare(opened, config, tree.bytes, threads, told)
            statistics = tree.statistics(threads=threads, progress=told)
            scored = rates.joint(opened, tree.bytes)
            results.append(CorpusResult.of(JOINT, tree, statistics, compared, scored))
    return MeasureResult(config, tuple(results))


def measure_tree(
    path: str | os.PathLike[str],
    *,
    memory: int | str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> MeasureResult:
    """Measures a token tree that was saved before.

    Args:
        path: The tree's file.
        memory: Memory to stay within, in bytes or as `1GiB`; None: half of what is free.
        threads: Threads to work on; None: one for each core.
        progress: Called as in `measure`.

    Returns:
        The measurement of one corpus. Its config has None for the options of reading, which
        the tree's file does not know.

    Raises:
        TreeFileError: The file is damaged, of another version or not a token tree.
        OSError: The file is missing or unreadable.
    """
    name = os.fspath(path)
    told = with_subject(progress, name)
    tree = TokenTree.open(path, memory=parse_memory(memory), progress=told)
    config = MeasureConfig(
        paths=((name,),),
        depth=tree.depth,
        segment=tree.segment,
        alphabet=tree.alphabet,
        memory=memory,
    )
    statistics = tree.statistics(threads=threads, progress=told)
    return MeasureResult(config, (CorpusResult.of(name, tree, statistics),))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a model's options that say something."""
    return {name: value for name, value in options.items() if value not in (None, "auto")}


def _compare(
    corpora: Sequence[Corpus],
    config: MeasureConfig,
    raw: int,
    threads: int | None,
    progress: Progress | None,
) -> tuple[Comparison, ...]:
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
    named = zip(config.compare, sizes, strict=True)
    return tuple(Comparison.of(name, size, raw) for name, size in named)
