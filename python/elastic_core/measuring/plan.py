"""What a measurement would read, and roughly how long it takes and how much memory it needs."""

import os
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from elastic_core._core import Corpus, available_memory
from elastic_core.common.arguments import listed
from elastic_core.common.files import require_new
from elastic_core.common.units import parse_memory
from elastic_core.corpora.sources import (
    ReadOptions,
    Source,
    open_corpora,
    paths_of,
)
from elastic_core.corpora.trees import DEFAULT_SHAPE, TreeOptions, is_saved_tree, require_documents
from elastic_core.corpora.trial import (
    Survey,
    open_tree,
    peak_memory,
    plan_text,
    seconds_for,
    survey,
    try_tree,
)
from elastic_core.measuring.compare import check_compressors, reads_again
from elastic_core.measuring.compare import compare as compare_sizes
from elastic_core.measuring.rates import load_models
from elastic_core.models import LanguageModel
from elastic_core.models.protocol import as_online

_SECONDS_TO_SCORE = 2.0
_FIRST_TEXT, _FACTOR, _LARGEST_TEXT = 1 << 10, 4, 1 << 22
# What the tree of several corpora adds to theirs.
_JOINT = 1.5


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
    if again := reads_again(compressors, specs):
        require_documents(corpora, again)
    tree = TreeOptions(depth, segment, alphabet)
    is_saved = [is_saved_tree(source) for source in corpora]
    texts = [source for source, saved in zip(corpora, is_saved, strict=True) if not saved]
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
    saved_trees = [source for source, saved in zip(corpora, is_saved, strict=True) if saved]
    trials += [open_tree(source, tree, threads) for source in saved_trees]
    trees = sum(trial.seconds for trial in trials) * (_JOINT if is_joint else 1)
    needed = sum(trial.memory for trial in trials) * (_JOINT if is_joint else 1)
    parts.append(("trees", trees))
    title = f"measure: {', '.join(', '.join(paths_of(source)) for source in corpora)}"
    return plan_text(title, surveys, parts, besides + min(budget, round(needed)))


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
