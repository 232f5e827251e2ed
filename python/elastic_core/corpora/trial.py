"""How much text a corpus has and what work on it costs, estimated from its first documents."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from elastic_core._core import Corpus, InvalidArgumentError, TokenTree
from elastic_core.common.progress import Step
from elastic_core.common.units import counted, format_size, rough_duration
from elastic_core.corpora.sources import COMPRESSED, ReadOptions, Source, file_kinds, files_by_kind
from elastic_core.corpora.trees import TreeOptions, open_or_build

_FIRST_DOCUMENTS = 256
_FIRST_BYTES = 1 << 16
_GROWTH = 8
_SECONDS_TO_SURVEY = 0.5
_MOST_SECONDS = 4.0
_SECONDS_TO_TRY = 1.0
_LONG_DOCUMENT = 1 << 22
_BYTES_PER_LINE = 60
_PACKED = (*COMPRESSED, ".parquet", ".pq")
_USUAL_EXPANSION = 3
_SPILL = 3.0
"""How many times longer a tree takes that is sorted in temporary files, roughly."""


@dataclass(frozen=True, slots=True)
class Survey:
    """How much text a corpus has.

    Attributes:
        corpus: The corpus.
        documents: Documents in it.
        bytes: Bytes of their text.
        is_exact: Whether all of it was read; if not, the numbers are estimates.
    """

    corpus: Corpus
    documents: int
    bytes: int
    is_exact: bool

    def sample(self, size: int) -> Corpus:
        """The first documents, about `size` bytes of text; long plain texts are cut into lines."""
        options = self.corpus.options
        mean = max(1, self.bytes // max(1, self.documents))
        if mean > _LONG_DOCUMENT and self.corpus.reads_text:
            options |= {"split": "line", "split_on": None}
            mean = _BYTES_PER_LINE
        return _first(self.corpus, options, max(1, size // mean))


def survey(corpus: Corpus) -> Survey:
    """Finds out how much text a corpus has, in a second or two; reads more and more of it.

    Args:
        corpus: The corpus.

    Raises:
        InvalidArgumentError: It comes from standard input or a pipe.
        CorpusError: It is empty or damaged, or a row has no usable text.
        OSError: A file cannot be read.
    """
    if corpus.reads_stdin:
        raise InvalidArgumentError(
            f"{corpus.name}: standard input and pipes can be read only once, and an estimate would "
            "use them up; save the text to a file first"
        )
    own = corpus.options["limit"]
    known = None
    for power in count():
        limit = _FIRST_DOCUMENTS * _GROWTH**power
        reading = _Reading()
        try:
            tree = TokenTree.build(
                _first(corpus, corpus.options, limit), depth=1, segment="prefix", progress=reading
            )
        except _TooLongError:
            break
        if tree.documents < limit or (own is not None and limit >= own):
            return Survey(corpus, tree.documents, tree.bytes, True)
        if reading.seconds > 0 and reading.disk_bytes:
            share = min(1.0, reading.share_read)
            known = Survey(corpus, round(tree.documents / share), round(tree.bytes / share), False)
            if reading.seconds >= _SECONDS_TO_SURVEY:
                break
    return _within(known or _guess(corpus), own)


def seconds_for(work: Callable[[Corpus], int], survey: Survey) -> float:
    """Estimates how long work on a whole corpus takes, from samples that grow until one takes 1 s.

    Args:
        work: Does the work on a sample of the corpus, and returns the bytes of text in it.
        survey: The corpus.

    Returns:
        Seconds, in proportion to the text.

    Raises:
        CorpusError: The corpus is damaged, or a row has no usable text.
        OSError: A file cannot be read.
    """
    for power in count():
        size = _FIRST_BYTES * _GROWTH**power
        start = time.monotonic()
        done = work(survey.sample(size))
        seconds = time.monotonic() - start
        if seconds >= _SECONDS_TO_TRY or size >= survey.bytes:
            break
    return seconds * max(1.0, survey.bytes / max(done, 1))


@dataclass(frozen=True, slots=True)
class TreeTrial:
    """The estimated cost of building a tree and computing its statistics.

    Attributes:
        seconds: Time.
        memory: Bytes of memory, at most the budget.
    """

    seconds: float
    memory: int


def try_tree(
    survey: Survey, options: TreeOptions, budget: int, threads: int | None = None
) -> TreeTrial:
    """Builds the trees of samples of a corpus to estimate the cost of its tree.

    Args:
        survey: The corpus.
        options: The shape of the tree.
        budget: Bytes of memory that the tree may take.
        threads: Worker threads; None: one per core.
    """
    trees: list[TokenTree] = []

    def build(sample: Corpus) -> int:
        (built,) = open_or_build([sample], options, ReadOptions(), threads=threads)
        built.tree.statistics(threads=threads)
        trees.append(built.tree)
        return built.tree.bytes

    seconds = seconds_for(build, survey)
    tree = trees[-1]
    scale = max(1.0, survey.bytes / max(1, tree.bytes))
    leaves = len(tree) * scale ** _growth(trees)
    needed = _tree_memory(scale * tree.segments, tree.depth, _width(tree), leaves)
    return TreeTrial(seconds * (_SPILL if needed > budget else 1), min(needed, budget))


def _growth(trees: Sequence[TokenTree]) -> float:
    """The exponent by which leaves grow with segments, from the last two of growing samples."""
    if len(trees) < 2 or trees[-2].segments == trees[-1].segments:
        return 1.0
    before, after = trees[-2:]
    return math.log(len(after) / len(before)) / math.log(after.segments / before.segments)


def open_tree(source: Source, options: TreeOptions, threads: int | None = None) -> TreeTrial:
    """Opens a saved tree and computes its statistics, which is all that is done with it."""
    start = time.monotonic()
    (opened,) = open_or_build([source], options, ReadOptions(), threads=threads)
    opened.tree.statistics(threads=threads)
    tree = opened.tree
    size = _tree_memory(0, tree.depth, _width(tree), len(tree))
    return TreeTrial(time.monotonic() - start, size)


def describe_survey(survey: Survey) -> str:
    """What a corpus has, in a line."""
    about = "" if survey.is_exact else "about "
    documents = counted(survey.documents, "document", "documents")
    files = file_kinds(survey.corpus.files)
    kinds = f"; {files_by_kind(files)}" if sum(files.values()) > 1 else ""
    return f"{survey.corpus.name}: {about}{documents}, {format_size(survey.bytes)}{kinds}"


def plan_text(
    title: str, surveys: Sequence[Survey], parts: Sequence[tuple[str, float]], memory: int
) -> str:
    """The lines of a plan: what is read, what each part of the work takes, and the estimates.

    Args:
        title: The command and what it is about.
        surveys: The corpora.
        parts: Names of the parts and their seconds.
        memory: Bytes of memory.
    """
    named = parts if len(parts) > 1 else ()
    lines = (
        title,
        *map(describe_survey, surveys),
        *(f"{name}: about {rough_duration(seconds)}" for name, seconds in named),
        f"estimated time: about {rough_duration(sum(seconds for _, seconds in parts))}",
        f"estimated memory: about {format_size(memory)}",
    )
    return "\n".join(lines)


def _width(tree: TokenTree) -> int:
    """Bytes of a symbol of a tree."""
    return 1 if tree.vocabulary <= 1 << 8 else 2 if tree.vocabulary <= 1 << 16 else 4


def _tree_memory(segments: float, depth: int, width: int, leaves: float) -> int:
    """Estimates the bytes that building a tree takes, if its memory is not limited.

    Args:
        segments: Segments of the text.
        depth: Depth of the tree.
        width: Bytes of a symbol.
        leaves: Leaves of the tree.
    """
    key = -(-depth * width // 8) * 8
    return round(1.25 * segments * key + leaves * (key + 8))


def peak_memory() -> int:
    """The most bytes that this process has held in memory so far; 0 where that is not known."""
    try:
        import resource
    except ImportError:  # Windows.
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class _TooLongError(Exception):
    """Ends the reading of documents that are too long to survey."""


class _Reading:
    """Progress callback that measures how fast files are read, and ends what takes too long."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.seconds = 0.0
        self.disk_bytes = 0
        self.share_read = 0.0

    def __call__(self, step: Step) -> None:
        if step.phase == "read" and step.total:
            self.seconds = time.monotonic() - self._start
            self.disk_bytes, self.share_read = step.done, step.done / step.total
        if time.monotonic() - self._start > _MOST_SECONDS:
            raise _TooLongError


def _first(corpus: Corpus, options: dict[str, Any], documents: int) -> Corpus:
    """The first documents of a corpus, read with other options."""
    own = options["limit"]
    limit = documents if own is None else min(documents, own)
    return Corpus(corpus.paths, **{**options, "limit": limit})


def _guess(corpus: Corpus) -> Survey:
    """A guess at the text of a corpus, of which not even the first documents could be read."""
    packed = [file for file in corpus.files if file.endswith(_PACKED)]
    factor = _USUAL_EXPANSION if packed else 1
    return Survey(corpus, len(corpus.files), corpus.size * factor, False)


def _within(survey: Survey, limit: int | None) -> Survey:
    """The survey of a corpus of which at most `limit` documents are read."""
    if limit is None or survey.documents <= limit:
        return survey
    size = round(survey.bytes * limit / survey.documents)
    return Survey(survey.corpus, limit, size, False)
