"""The main job: corpora in, a token tree for each, code lengths and rates out."""

import os
from collections.abc import Callable, Sequence

from elastic_core._core import (
    Corpus,
    InvalidArgumentError,
    TokenTree,
    available_memory,
    compressed_sizes,
)
from elastic_core.corpora import (
    JOINT,
    SPLIT,
    TEXT_KEY,
    Source,
    check_reading,
    distinct_names,
    open_corpus,
    paths_of,
)
from elastic_core.result import (
    Comparison,
    CorpusResult,
    MeasureConfig,
    MeasureResult,
    ReadOptions,
)
from elastic_core.units import parse_memory

Progress = Callable[[str, int, int], object]
"""Called now and then with the phase, the units done and the units in all (0: not known)."""

_LEAST_MEMORY = 1 << 20


def measure(
    *corpora: Source,
    depth: int = 8,
    segment: str = "chunk",
    alphabet: str = "byte",
    memory: int | str | None = None,
    threads: int | None = None,
    compare: Sequence[str] = (),
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
        split: What is a document in a plain text file: `document`, `line` or `paragraph`.
        text_key: Dotted paths of the text in a row; several are joined.
        limit: Only the first so many documents of each corpus.
        sample: Keep each document with this probability.
        seed: Seed of the sampling.
        on_bad_row: `error` or `skip`, for rows without usable text.
        progress: Called with the phase and the corpus (`read novels`), the units done and the
            units in all; bytes while reading and compressing, leaves otherwise.

    Returns:
        The measurement; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
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
        reading=reading,
    )
    opened = [open_corpus(each, reading) for each in paths]
    check_reading(opened, reading.split, reading.text_key)
    _check_standard_input(opened, config.compare)
    _compare([], config, 0, threads, None)
    names = distinct_names([corpus.name for corpus in opened], joint=len(opened) > 1)
    share = share_memory(memory, len(opened))
    results = []
    for name, corpus in zip(names, opened, strict=True):
        named = _named(progress, name)
        tree = TokenTree.build(
            corpus,
            depth=depth,
            segment=segment,
            alphabet=alphabet,
            memory=share,
            threads=threads,
            progress=named,
        )
        compared = _compare([corpus], config, tree.bytes, threads, named)
        statistics = tree.statistics(threads=threads, progress=named)
        results.append(CorpusResult.of(name, tree, statistics, compared))
    if len(results) > 1:
        named = _named(progress, JOINT)
        first, *others = (result.tree for result in results)
        tree = first.merge(*others, memory=share, threads=threads, progress=named)
        compared = _compare(opened, config, tree.bytes, threads, named)
        statistics = tree.statistics(threads=threads, progress=named)
        results.append(CorpusResult.of(JOINT, tree, statistics, compared))
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
    named = _named(progress, name)
    tree = TokenTree.open(path, memory=parse_memory(memory), progress=named)
    config = MeasureConfig(
        paths=((name,),),
        depth=tree.depth,
        segment=tree.segment,
        alphabet=tree.alphabet,
        memory=memory,
    )
    statistics = tree.statistics(threads=threads, progress=named)
    return MeasureResult(config, (CorpusResult.of(name, tree, statistics),))


def _check_standard_input(corpora: Sequence[Corpus], compare: Sequence[str]) -> None:
    readers = sum(corpus.reads_stdin for corpus in corpora)
    if readers > 1:
        raise InvalidArgumentError("standard input can be read only once; name `-` once")
    if readers and compare:
        raise InvalidArgumentError(
            "reference compressors read the corpus again, and standard input can be read only "
            "once; save it to a file first"
        )


def share_memory(memory: int | str | None, trees: int) -> int | None:
    """The memory for each tree; a joint tree stands beside those it is merged from.

    Args:
        memory: Memory for all, in bytes or as `1GiB`; None: half of what is free.
        trees: How many trees there are beside the joint one; a single tree has none.

    Returns:
        Bytes for each tree; None: half of what is free.
    """
    total = parse_memory(memory)
    if trees == 1:
        return total
    total = available_memory() // 2 if total is None else total
    return min(total, max(total // (trees + 1), _LEAST_MEMORY))


def _named(progress: Progress | None, name: str) -> Progress | None:
    if progress is None:
        return None
    return lambda phase, done, total: progress(f"{phase} {name}", done, total)


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
