"""What a measurement would read, and roughly how long it takes and how much memory it needs."""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from elastic_core._core import Corpus, TokenTree, available_memory
from elastic_core.common.arguments import listed
from elastic_core.common.files import require_new
from elastic_core.common.units import counted, format_size, parse_memory, rough_duration
from elastic_core.corpora.sources import (
    ReadOptions,
    Source,
    file_kinds,
    files_by_kind,
    open_corpora,
    paths_of,
)
from elastic_core.corpora.trees import (
    DEFAULT_SHAPE,
    TreeOptions,
    is_saved_tree,
    open_or_build,
    require_documents,
)
from elastic_core.corpora.trial import Survey, peak_memory, seconds_for, survey, tree_memory
from elastic_core.measuring.compare import check_compressors
from elastic_core.measuring.compare import compare as compare_sizes
from elastic_core.measuring.rates import load_models
from elastic_core.models import LanguageModel
from elastic_core.models.protocol import as_online

_SECONDS_TO_SCORE = 1.0
_FIRST_TEXT, _FACTOR, _LARGEST_TEXT = 1 << 10, 4, 1 << 22
# How many times longer a tree takes that is sorted in temporary files, and what the tree of several
# corpora adds to theirs.
_SPILL, _JOINT = 3.0, 1.5


def describe_plan(
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
    **reading: Any,
) -> str:
    """Describes what `measure` would do with the same arguments; nothing is measured or written.

    The estimates come from the beginning of each corpus, on which each part of the work is tried.
    Models are loaded for that. They are right within a factor of about two.

    Takes the arguments of `measure`, all reading options among them.

    Returns:
        A few lines: what is read, and the estimated time and memory.

    Raises:
        InvalidArgumentError: An argument is invalid, or a corpus comes from standard input.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        ModelError: A model cannot be loaded or cannot score the text.
        OSError: A file is missing or unreadable.
    """
    compressors, specs = listed(compare), listed(models)
    check_compressors(compressors)
    if per_document is not None:
        require_new(per_document, overwrite=overwrite)
    if compressors or specs:
        require_documents(corpora, "a reference compressor" if compressors else "a model")
    tree = TreeOptions(depth, segment, alphabet)
    texts = [source for source in corpora if not is_saved_tree(source)]
    found = open_corpora(texts, ReadOptions.given(**reading)) if texts else []
    surveys = [survey(corpus) for corpus in found]
    is_joint = len(corpora) > 1
    parts = []
    symbols = DEFAULT_SHAPE[2] if alphabet is None else alphabet
    for model in load_models(specs, model_options or {}, symbols):
        seconds = sum(_scoring(model, each) for each in surveys)
        parts.append((model.spec, seconds * (2 if is_joint and model.learns_online else 1)))
    if compressors:
        seconds = _compressing(surveys, compressors, symbols.startswith("bpe:"), threads)
        parts.append((", ".join(compressors), seconds * (2 if is_joint else 1)))
    besides = peak_memory()
    budget = parse_memory(memory) or available_memory() // 2
    trials = [try_tree(each, tree, budget, threads) for each in surveys]
    trials += [open_tree(source, tree, threads) for source in corpora if source not in texts]
    trees = sum(trial.seconds for trial in trials) * (_JOINT if is_joint else 1)
    needed = sum(trial.memory for trial in trials) * (_JOINT if is_joint else 1)
    parts.append(("trees", trees))
    lines = (
        f"measure: {', '.join(', '.join(paths_of(source)) for source in corpora)}",
        *map(describe_survey, surveys),
        *(f"{name}: about {rough_duration(time)}" for name, time in parts if len(parts) > 1),
        *estimates(sum(time for _, time in parts), besides + min(budget, round(needed))),
    )
    return "\n".join(lines)


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
    needed = tree_memory(scale * tree.segments, tree.depth, _width(tree), leaves)
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
    size = tree_memory(0, tree.depth, _width(tree), len(tree))
    return TreeTrial(time.monotonic() - start, size)


def describe_survey(survey: Survey) -> str:
    """What a corpus has, in a line."""
    about = "" if survey.is_exact else "about "
    documents = counted(survey.documents, "document", "documents")
    files = file_kinds(survey.corpus.files)
    kinds = f"; {files_by_kind(files)}" if sum(files.values()) > 1 else ""
    return f"{survey.corpus.name}: {about}{documents}, {format_size(survey.bytes)}{kinds}"


def estimates(seconds: float | None, memory: int) -> Iterator[str]:
    """The last two lines of a plan: estimated time, None if it is unknown, and memory in bytes."""
    yield f"estimated time: {'unknown' if seconds is None else f'about {rough_duration(seconds)}'}"
    yield f"estimated memory: about {format_size(memory)}"


def _width(tree: TokenTree) -> int:
    """Bytes of a symbol of a tree."""
    return 1 if tree.vocabulary < 1 << 8 else 2 if tree.vocabulary < 1 << 16 else 4


def _compressing(
    surveys: Sequence[Survey], names: Sequence[str], utf8: bool, threads: int | None
) -> float:
    """Seconds that all compressors take, several at once."""
    width = min(len(names), threads or os.cpu_count() or 1)

    def one(name: str, survey: Survey) -> float:
        def work(sample: Corpus) -> int:
            size = sum(len(text) for batch in sample.batches() for text in batch.texts)
            compare_sizes([sample], [name], size=size, utf8=utf8)
            return size

        return seconds_for(work, survey)

    alone = [sum(one(name, survey) for survey in surveys) for name in names]
    return max(*alone, sum(alone) / width) if len(alone) > 1 else alone[0]


def _scoring(model: LanguageModel, survey: Survey) -> float:
    """Seconds that a model takes to score a corpus, from the first documents."""
    _score(model, _texts(model, survey, _FIRST_TEXT))  # The first call is slow, whatever the text.
    for power in count(1):
        size = _FIRST_TEXT * _FACTOR**power
        texts = _texts(model, survey, size)
        start = time.monotonic()
        _score(model, texts)
        seconds = time.monotonic() - start
        if seconds >= _SECONDS_TO_SCORE or size >= min(survey.bytes, _LARGEST_TEXT):
            break
    return seconds * survey.bytes / max(1, sum(map(len, texts)))


def _texts(model: LanguageModel, survey: Survey, size: int) -> list[bytes]:
    """The first documents of a corpus, at most `size` bytes of text."""
    utf8 = not model.reads_any_bytes
    first, *others = next(survey.sample(size).batches(bytes=size, utf8=utf8)).texts
    cut = first[:size].decode(errors="ignore").encode() if utf8 else first[:size]
    return [cut, *others]


def _score(model: LanguageModel, texts: Sequence[bytes]) -> None:
    if model.learns_online:
        as_online(model).copy().update(texts)
    else:
        model.log_probs(texts)
