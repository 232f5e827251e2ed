"""Corpora and saved trees become token trees of one shape."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError, TokenTree, available_memory
from elastic_core.common.progress import Progress, with_subject
from elastic_core.common.units import parse_memory
from elastic_core.corpora.sources import (
    ReadOptions,
    Source,
    check_reading,
    check_standard_input,
    open_corpus,
    paths_of,
)

DEFAULT_SHAPE = (8, "chunk", "byte")
"""Depth, segmentation and alphabet, unless somebody or a saved tree says otherwise."""

_LEAST_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A token tree and where it came from.

    Attributes:
        paths: The paths of its corpus, or those of the saved trees that it was merged from.
        tree: The tree.
        corpus: What it was built from; None for saved trees.
    """

    paths: tuple[str, ...]
    tree: TokenTree
    corpus: Corpus | None

    @property
    def name(self) -> str:
        """The paths, joined by commas."""
        return ", ".join(self.paths)


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """The shape of trees; None: that of the saved trees among the sources, or the usual one.

    Attributes:
        depth: Depth d in symbols; saved trees that are deeper are pruned to it.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH`.
    """

    depth: int | None = None
    segment: str | None = None
    alphabet: str | None = None


def open_or_build(
    sources: Sequence[Source],
    options: TreeOptions,
    reading: ReadOptions,
    *,
    again: str | None = None,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[SourceTree]:
    """Builds the tree of each source, or opens it where the source is a saved tree.

    Args:
        sources: Each a corpus, or one or more saved trees, which are merged.
        options: The shape of the trees.
        reading: How documents are cut out of the files of corpora.
        again: Who needs the documents once more, such as `a bootstrap`; None: nobody.
        memory: Bytes that each tree may take; None: half of what is free.
        threads: Threads to work on; None: one for each core.
        progress: Called with the phase and the source's name, the units done and those in all.

    Returns:
        A tree for each source, all of one shape.

    Raises:
        InvalidArgumentError: An option is not what it should be, or the trees are not alike.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    paths = [paths_of(source) for source in sources]
    kept = [each for each in paths if _kept(each)]
    opened = {each: open_corpus(each, reading) for each in paths if each not in kept}
    if kept and again:
        raise InvalidArgumentError(
            f"{', '.join(kept[0])}: {again} needs documents, which a saved tree does not have; "
            "name the corpus that it was built from"
        )
    if opened:
        check_reading([*opened.values()], reading.split, reading.text_key)
    elif replace(reading, seed=0) != ReadOptions():
        raise InvalidArgumentError(
            "options of reading are for corpora, but every source here is a saved tree; leave "
            "them out"
        )
    corpora = [opened[each] for each in paths if each in opened]
    check_standard_input(corpora, f"{again} reads" if again else None)
    saved = {each: _open(each, options, memory, threads, progress) for each in kept}
    depth, segment, alphabet = _shape(options, [*saved.values()], bool(opened))
    built = {
        each: TokenTree.build(
            corpus,
            depth=depth,
            segment=segment,
            alphabet=alphabet,
            memory=memory,
            threads=threads,
            progress=with_subject(progress, corpus.name),
        )
        for each, corpus in opened.items()
    }
    return [SourceTree(each, (saved | built)[each], opened.get(each)) for each in paths]


def _kept(paths: tuple[str, ...]) -> bool:
    """Whether the paths are those of saved trees, and not of a corpus."""
    kept = [path for path in paths if Path(path).is_file() and TokenTree.is_file(path)]
    if kept and len(kept) < len(paths):
        raise InvalidArgumentError(
            f"{', '.join(paths)}: {kept[0]} is a saved tree and the rest is text; build a tree of "
            "the text and merge the two"
        )
    return bool(kept)


def _open(
    paths: tuple[str, ...],
    options: TreeOptions,
    memory: int | None,
    threads: int | None,
    progress: Progress | None,
) -> TokenTree:
    told = with_subject(progress, ", ".join(paths))
    tree, *others = (TokenTree.open(path, memory=memory, progress=told) for path in paths)
    if others:
        tree = tree.merge(*others, memory=memory, threads=threads, progress=told)
    if options.depth is not None and options.depth < tree.depth:
        tree = tree.prune(options.depth, memory=memory, threads=threads, progress=told)
    return tree


def _shape(
    options: TreeOptions, saved: Sequence[TokenTree], building: bool
) -> tuple[int, str, str]:
    """Depth, segmentation and alphabet of the trees that are to be built."""
    for tree in saved:
        kind = tree.alphabet.partition(":")[0]
        for what, asked, found in (
            ("segmentation", options.segment, tree.segment),
            ("alphabet", options.alphabet and options.alphabet.partition(":")[0], kind),
        ):
            if asked not in (None, found):
                raise InvalidArgumentError(
                    f"a saved tree has the {what} {found}, not {asked}: leave the option out, or "
                    "build the tree anew"
                )
        if building and options.alphabet is None and kind not in ("bit", "byte"):
            raise InvalidArgumentError(
                f"a saved tree has the alphabet {tree.alphabet}, which says not where its "
                "tokenizer is: give that of the corpora as bpe:PATH"
            )
    usual = (saved[0].depth, saved[0].segment, saved[0].alphabet) if saved else DEFAULT_SHAPE
    return options.depth or usual[0], options.segment or usual[1], options.alphabet or usual[2]


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
