"""`measure`: corpora in, a token tree for each, code lengths and rates out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_core._core import Corpus, InvalidArgumentError, Statistics, TokenTree
from elastic_core.common.arguments import listed
from elastic_core.common.files import require_new
from elastic_core.common.notebook import shows_progress
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
    file_kinds,
    left_out_of,
    open_corpora,
    own_reading,
    paths_of,
    read_summary,
)
from elastic_core.corpora.trees import (
    DEFAULT_SHAPE,
    SourceTree,
    TreeOptions,
    is_saved_tree,
    open_or_build,
    require_documents,
    share_memory,
)
from elastic_core.measuring.compare import check_compressors, reads_again
from elastic_core.measuring.compare import compare as compare_sizes
from elastic_core.measuring.rates import Rates, rates_of
from elastic_core.measuring.records import Comparison, CorpusResult
from elastic_core.measuring.result import MeasureConfig, MeasureResult


@shows_progress
@accepts_data
def measure(
    *corpora: Source,
    depth: int | None = None,
    segment: str | None = None,
    alphabet: str | None = None,
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
            `Corpus`, a saved tree, or in memory: `Texts`, a table or rows, as `Texts` takes them.
        depth: Depth d of the tree in symbols, 1 to 64. None: 8, or that of the saved trees.
        segment: How a document is split into segments: `chunk`, `prefix` or `window`. None:
            `chunk`, or that of the saved trees.
        alphabet: `bit`, `byte` or `bpe:PATH` with the path of a `tokenizer.json`. None: `byte`, or
            that of the saved trees.
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
        TreeFileError: A saved tree is damaged or of another version.
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
    compressors, specs = listed(compare), listed(models)
    check_compressors(compressors)
    if again := reads_again(compressors, specs):
        require_documents(corpora, again)
    is_saved = [is_saved_tree(source) for source in corpora]
    texts = [source for source, saved in zip(corpora, is_saved, strict=True) if not saved]
    opened = iter(open_corpora(texts, reading) if texts else [])
    share = share_memory(memory, len(corpora))
    options = _specified(model_options or {})
    with rates_of(
        specs,
        options,
        alphabet=DEFAULT_SHAPE[2] if alphabet is None else alphabet,
        per_document=per_document,
        overwrite=overwrite,
        progress=progress,
    ) as rates:
        sources = open_or_build(
            [
                source if saved else next(opened)
                for source, saved in zip(corpora, is_saved, strict=True)
            ],
            TreeOptions(depth, segment, alphabet),
            ReadOptions() if texts else reading,
            again=again,
            memory=share,
            threads=threads,
            progress=progress,
        )
        shape = sources[0].tree
        job = _Job(
            rates,
            tuple(compressors),
            shape.alphabet if alphabet is None else alphabet,
            threads,
            progress,
        )
        names = distinct_names([source.name for source in sources], joint=len(sources) > 1)
        results = [job.result(name, source) for name, source in zip(names, sources, strict=True)]
        if len(results) > 1:
            first, *others = (source.tree for source in sources)
            tree = first.merge(
                *others, memory=share, threads=threads, progress=with_subject(progress, JOINT)
            )
            results.append(job.joint(tree, sources))
    config = MeasureConfig(
        paths=tuple(paths_of(source) for source in corpora),
        depth=shape.depth,
        segment=shape.segment,
        alphabet=job.alphabet,
        memory=memory,
        compare=job.compressors,
        models=tuple(specs),
        model_options=options,
        reading=reading if texts else None,
        own_reading=own_reading(corpora),
    )
    read = [source.corpus for source in sources if source.corpus]
    mixed = tuple(summary for corpus in read if (summary := read_summary(corpus)))
    left_out = tuple(f"{corpus.name}: {files}" for corpus in read if (files := left_out_of(corpus)))
    return MeasureResult(config, tuple(results), mixed, left_out)


@shows_progress
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


@dataclass(frozen=True, slots=True)
class _Job:
    """What is computed for each corpus once its tree is built."""

    rates: Rates
    compressors: tuple[str, ...]
    alphabet: str
    threads: int | None
    progress: Progress | None

    def result(self, name: str, source: SourceTree) -> CorpusResult:
        """The record of one corpus."""
        corpora = [source.corpus] if source.corpus else []
        comparisons, statistics = self._measured(name, source.tree, corpora)
        rates = [self.rates.of(name, corpus, source.tree.bytes) for corpus in corpora]
        files = _regular_files(corpora)
        return CorpusResult.of(
            name, source.tree, statistics, comparisons, rates[0] if rates else (), files
        )

    def joint(self, tree: TokenTree, sources: Sequence[SourceTree]) -> CorpusResult:
        """The record of all corpora together, whose trees were merged into `tree`."""
        corpora = [source.corpus for source in sources if source.corpus]
        comparisons, statistics = self._measured(JOINT, tree, corpora)
        rates = self.rates.joint(corpora, tree.bytes)
        files = _regular_files(corpora)
        return CorpusResult.of(JOINT, tree, statistics, comparisons, rates, files)

    def _measured(
        self, name: str, tree: TokenTree, corpora: Sequence[Corpus]
    ) -> tuple[tuple[Comparison, ...], Statistics]:
        """The reference compressors on the corpora of a tree, and its statistics."""
        progress = with_subject(self.progress, name)
        comparisons = compare_sizes(
            corpora,
            self.compressors,
            size=tree.bytes,
            utf8=self.alphabet.startswith("bpe:"),
            threads=self.threads,
            progress=progress,
        )
        return comparisons, tree.statistics(threads=self.threads, progress=progress)


def _regular_files(corpora: Sequence[Corpus]) -> dict[str, int]:
    """How many files were read of each extension, without standard input and pipes."""
    files = (file for corpus in corpora for file in corpus.files)
    return file_kinds(file for file in files if Path(file).is_file())
