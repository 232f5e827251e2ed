"""How much text a corpus has and how long work on it takes, estimated from its first documents."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from elastic_core._core import Corpus, InvalidArgumentError, TokenTree
from elastic_core.common.progress import Step

_FIRST_DOCUMENTS = 256
_FIRST_BYTES = 1 << 16
_GROWTH = 8
_SECONDS_TO_SURVEY = 0.5
_MOST_SECONDS = 4.0
_SECONDS_TO_TRY = 1.0
_LONG_DOCUMENT = 1 << 22
_BYTES_PER_LINE = 60
_COMPRESSED = (".gz", ".zst", ".xz", ".bz2", ".parquet", ".pq")
_USUAL_EXPANSION = 3


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


def tree_memory(segments: float, depth: int, width: int, leaves: float) -> int:
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


def _first(corpus: Corpus, options: dict[str, object], documents: int) -> Corpus:
    """The first documents of a corpus, read with other options."""
    own = options["limit"]
    limit = documents if own is None else min(documents, int(str(own)))
    return Corpus(corpus.paths, **{**options, "limit": limit})  # type: ignore[arg-type]


def _guess(corpus: Corpus) -> Survey:
    """A guess at the text of a corpus, of which not even the first documents could be read."""
    packed = [file for file in corpus.files if file.endswith(_COMPRESSED)]
    factor = _USUAL_EXPANSION if packed else 1
    return Survey(corpus, len(corpus.files), corpus.size * factor, False)


def _within(survey: Survey, limit: int | None) -> Survey:
    """The survey of a corpus of which at most `limit` documents are read."""
    if limit is None or survey.documents <= limit:
        return survey
    size = round(survey.bytes * limit / survey.documents)
    return Survey(survey.corpus, limit, size, False)
