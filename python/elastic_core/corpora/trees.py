"""Token trees of one shape, built from corpora or opened from the files of saved trees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError, TokenTree, available_memory
from elastic_core.common.progress import Progress, with_subject
from elastic_core.common.units import parse_memory
from elastic_core.corpora.in_memory import shown_name
from elastic_core.corpora.sources import (
    ReadOptions,
    Source,
    kept,
    open_corpora,
    paths_of,
)

DEFAULT_SHAPE = (8, "chunk", "byte")
"""Depth, segmentation and alphabet if neither the caller nor a saved tree decides them."""

_LEAST_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A token tree and its origin.

    Attributes:
        paths: The paths of its corpus, or of the saved trees that it was merged from.
        tree: The tree.
        corpus: The corpus that it was built from; None for saved trees.
    """

    paths: tuple[str, ...]
    tree: TokenTree
    corpus: Corpus | None

    @property
    def name(self) -> str:
        """The paths, joined by commas; texts in memory have a name."""
        return ", ".join(map(shown_name, self.paths))


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """The shape of trees; None: that of the saved trees among the sources, or `DEFAULT_SHAPE`.

    Attributes:
        depth: Depth d in symbols, 1 to 64; deeper saved trees are pruned to it, and shallower ones
            refused.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH` with the path of a `tokenizer.json`.
    """

    depth: int | None = None
    segment: str | None = None
    alphabet: str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """The resources of building and opening trees, as in `open_or_build`."""

    memory: int | None
    threads: int | None
    progress: Progress | None


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
    """Builds the tree of each source, or opens it if the source is a saved tree.

    Args:
        sources: Each a corpus, or one or more files of saved trees, which are merged.
        options: The shape of the trees.
        reading: The reading options of corpora named by their paths.
        again: What reads the documents a second time, such as `a bootstrap`; None: nothing.
        memory: Bytes that each tree may take; None: half of what is free.
        threads: Worker threads; None: one per core.
        progress: Receives a step for each source: bytes while reading, leaves otherwise.

    Returns:
        A tree for each source, all of the same shape.

    Raises:
        InvalidArgumentError: An option is invalid, or the trees differ in shape.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    work = _Work(memory, threads, progress)
    # A source that is named twice is read once.
    keys = [source if isinstance(source, Corpus) else paths_of(source) for source in sources]
    unique = list(dict.fromkeys(keys))
    tree_files = [key for key in unique if isinstance(key, tuple) and is_saved_tree(key)]
    texts = [key for key in unique if key not in tree_files]
    if again:
        require_documents(tree_files, again)
    if not texts and replace(reading, seed=0) != ReadOptions():
        raise InvalidArgumentError(
            "reading options are for corpora, but every source here is a saved tree; leave them out"
        )
    corpora = open_corpora(texts, reading) if texts else []
    opened: dict[tuple[str, ...] | Corpus, Corpus] = dict(zip(texts, corpora, strict=True))
    named = [key for key in keys if key in opened]
    opened |= zip(named, kept([opened[key] for key in named], again=bool(again)), strict=True)
    trees: dict[tuple[str, ...] | Corpus, TokenTree] = {}
    for key in tree_files:
        trees[key] = _open(key, options.depth, work)
    shape = _shape(options, list(trees.values()), is_building=bool(texts))
    trees |= {key: _build(corpus, shape, work) for key, corpus in opened.items()}
    return [
        SourceTree(paths_of(source), trees[key], opened.get(key))
        for source, key in zip(sources, keys, strict=True)
    ]


def is_saved_tree(source: Source) -> bool:
    """Whether a source is one or more files of saved trees rather than a corpus.

    Raises:
        InvalidArgumentError: It is both.
        OSError: A file cannot be read.
    """
    if isinstance(source, Corpus):
        return False
    paths = paths_of(source)
    trees = [path for path in paths if Path(path).is_file() and TokenTree.is_file(path)]
    if trees and len(trees) < len(paths):
        raise InvalidArgumentError(
            f"{', '.join(paths)}: {trees[0]} is a saved tree and the rest is text; build a tree of "
            "the text and merge the two"
        )
    return bool(trees)


def require_documents(sources: Sequence[Source], reader: str) -> None:
    """Refuses saved trees where documents are read.

    Args:
        sources: The sources.
        reader: What reads documents, such as `a bootstrap`.

    Raises:
        InvalidArgumentError: A source is a saved tree.
    """
    for source in sources:
        if is_saved_tree(source):
            raise InvalidArgumentError(
                f"{', '.join(paths_of(source))}: {reader} needs documents, which a saved tree does "
                "not have; name the corpus that it was built from"
            )


def _open(paths: tuple[str, ...], depth: int | None, work: _Work) -> TokenTree:
    """The merged tree of the files, pruned to `depth` if it is deeper."""
    memory, threads = work.memory, work.threads
    progress = with_subject(work.progress, ", ".join(paths))
    tree, *others = (TokenTree.open(path, memory=memory, progress=progress) for path in paths)
    if others:
        tree = tree.merge(*others, memory=memory, threads=threads, progress=progress)
    if depth is not None and depth > tree.depth:
        raise InvalidArgumentError(
            f"{', '.join(paths)}: this saved tree has a depth of {tree.depth}, not {depth}; leave "
            "the depth out, or rebuild the tree"
        )
    if depth is not None and depth < tree.depth:
        tree = tree.prune(depth, memory=memory, threads=threads, progress=progress)
    return tree


def _build(corpus: Corpus, shape: tuple[int, str, str], work: _Work) -> TokenTree:
    depth, segment, alphabet = shape
    return TokenTree.build(
        corpus,
        depth=depth,
        segment=segment,
        alphabet=alphabet,
        memory=work.memory,
        threads=work.threads,
        progress=with_subject(work.progress, corpus.name),
    )


def _shape(
    options: TreeOptions, saved: Sequence[TokenTree], *, is_building: bool
) -> tuple[int, str, str]:
    """Depth, segmentation and alphabet of the trees to build.

    Raises:
        InvalidArgumentError: The options contradict a saved tree, or a tokenizer has to be named.
    """
    for tree in saved:
        kind = tree.alphabet.partition(":")[0]
        for name, asked, actual in (
            ("segmentation", options.segment, tree.segment),
            ("alphabet", options.alphabet and options.alphabet.partition(":")[0], kind),
        ):
            if asked not in (None, actual):
                raise InvalidArgumentError(
                    f"a saved tree has the {name} {actual}, not {asked}: leave the option out, or "
                    "rebuild the tree"
                )
        if is_building and options.alphabet is None and kind not in ("bit", "byte"):
            raise InvalidArgumentError(
                f"a saved tree has the alphabet {tree.alphabet}, which does not include the path "
                "of its tokenizer: pass that as the alphabet bpe:PATH"
            )
    usual = (saved[0].depth, saved[0].segment, saved[0].alphabet) if saved else DEFAULT_SHAPE
    return (
        usual[0] if options.depth is None else options.depth,
        usual[1] if options.segment is None else options.segment,
        usual[2] if options.alphabet is None else options.alphabet,
    )


def share_memory(memory: int | str | None, trees: int) -> int | None:
    """The memory for each tree, such that a joint tree fits beside those it is merged from.

    Args:
        memory: Memory for all, in bytes or as `1GiB`; None: half of what is free.
        trees: The number of trees, without the joint one; a single tree has none.

    Returns:
        Bytes for each tree; None: half of what is free.

    Raises:
        InvalidArgumentError: The text is not a size.
    """
    total = parse_memory(memory)
    if trees == 1:
        return total
    total = available_memory() // 2 if total is None else total
    return min(total, max(total // (trees + 1), _LEAST_MEMORY))
