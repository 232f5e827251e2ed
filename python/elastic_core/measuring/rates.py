"""The rates of language models: corpora in, a rate of each model out.

Documents are streamed: memory does not grow with the corpus.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

from elastic_core._core import Corpus, DocumentBatch, InvalidArgumentError, ScoreWriter
from elastic_core.common.progress import Progress, Step
from elastic_core.corpora.sources import JOINT
from elastic_core.measuring.code_length import CodeLength, Scored
from elastic_core.measuring.result import ModelRate
from elastic_core.models import LanguageModel, load_model
from elastic_core.models.tree import TreeLanguageModel

# Bytes of text scored at once: enough to put texts of like length together, little enough for
# the progress to be seen on a slow device.
_BATCH = 1 << 18


@contextmanager
def rates_of(
    specs: Sequence[str],
    options: Mapping[str, Any],
    *,
    alphabet: str,
    per_document: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Iterator["Rates"]:
    """Loads models, to score corpora with them in the block.

    Args:
        specs: The models, as `load_model` names them.
        options: Options of those that are no tree models.
        alphabet: The symbols of new tree models. Under `bpe:PATH` a document that is not UTF-8 is
            a bad row to every model, else only to those that read nothing but UTF-8.
        per_document: A Parquet file for the scores of each document, there when the block has
            ended without an error.
        progress: Called with `score NAME with MODEL` and the rate so far; in bytes of text.

    Yields:
        What scores the corpora.

    Raises:
        InvalidArgumentError: A spec or an option is not what it should be, or there is no model
            for the options or the scores.
        ModelError: A model cannot be loaded.
        OSError: The file cannot be written.
    """
    needless = [*options, *(["scores of documents"] if per_document is not None else [])]
    if needless and not specs:
        raise InvalidArgumentError(
            f"{needless[0]}: there is no model for it; name one with --model"
        )
    if len(set(specs)) < len(specs):
        raise InvalidArgumentError(f"{', '.join(specs)}: name each model once")
    with nullcontext() if per_document is None else ScoreWriter(per_document) as scores:
        yield Rates(_load(specs, options, alphabet), alphabet, scores, progress)


class Rates:
    """Scores one corpus after another with the same models.

    Args:
        models: The models.
        alphabet: As in `rates_of`.
        scores: Where the scores of each document go.
        progress: As in `rates_of`.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        alphabet: str,
        scores: ScoreWriter | None,
        progress: Progress | None,
    ) -> None:
        self._models = models
        self._alphabet = alphabet
        self._scores = scores
        self._progress = progress
        self._sums = [CodeLength() for _ in models]

    def of(self, name: str, corpus: Corpus, size: int) -> tuple[ModelRate, ...]:
        """Scores a corpus, which is read once for each model; one that learns begins anew.

        Args:
            name: The corpus's name.
            corpus: The corpus.
            size: Bytes of text in it; only the progress uses it.

        Returns:
            The rate of each model.

        Raises:
            CorpusError: The corpus is damaged or has a row without usable text.
            ModelError: A model can make nothing of a document.
            OSError: A file cannot be read or written.
        """
        found = []
        for number, model in enumerate(self._models):
            score = self._score(model, name, [corpus], size, self._scores)
            self._sums[number] += score
            found.append(_rate(model, score))
        return tuple(found)

    def joint(self, corpora: Sequence[Corpus], size: int) -> tuple[ModelRate, ...]:
        """The rates on all corpora together, each of which was scored before.

        A model that learns reads them once more, one after another; of the others the code
        lengths add up. Takes and raises what `of` does.
        """
        return tuple(
            _rate(model, self._score(model, JOINT, corpora, size, None))
            if isinstance(model, TreeLanguageModel)
            else _rate(model, score)
            for model, score in zip(self._models, self._sums, strict=True)
        )

    def _score(
        self,
        model: LanguageModel,
        name: str,
        corpora: Sequence[Corpus],
        size: int,
        scores: ScoreWriter | None,
    ) -> CodeLength:
        utf8 = self._alphabet.startswith("bpe:")
        if isinstance(model, TreeLanguageModel):
            model = model.copy()
            utf8 = utf8 or not model.reads_any_bytes
        else:
            utf8 = True
        total = CodeLength()
        for corpus in corpora:
            for batch in corpus.batches(bytes=_BATCH, utf8=utf8):
                told = self._part_of(f"{name} with {model.spec}", total, batch, size)
                scored = Scored.by(model, batch, told)
                total += scored.sum()
                if scores:
                    scores.write(
                        batch.sources,
                        batch.indices,
                        name,
                        model.spec,
                        scored.tokens,
                        scored.bytes,
                        scored.characters,
                        scored.bits,
                    )
        return total

    def _part_of(
        self, subject: str, before: CodeLength, batch: DocumentBatch, size: int
    ) -> Progress | None:
        """Progress over a batch as progress over all `size` bytes of text."""
        progress = self._progress
        if progress is None:
            return None
        part = sum(map(len, batch.texts))
        rate = before.per(before.bytes)
        note = "" if rate is None else f"{rate:.3f} bits/byte"

        def show(step: Step) -> None:
            done = before.bytes + part * step.done // max(step.total, 1)
            progress(Step("score", subject, done, size, "bytes", note))

        show(Step("score", subject, 0, 1, "bytes"))
        return show


def _load(specs: Sequence[str], options: Mapping[str, Any], alphabet: str) -> list[LanguageModel]:
    def is_tree(spec: str) -> bool:
        return spec.startswith("tree:") or Path(spec).is_file()

    # The options are the other models'. If there are none, tree models get them, and refuse them.
    spare = options if all(map(is_tree, specs)) else {}

    def load(spec: str) -> LanguageModel:
        if spec.startswith("tree:"):
            return load_model(spec, alphabet=alphabet, **spare)
        return load_model(spec, **(spare if is_tree(spec) else options))

    return [load(spec) for spec in specs]


def _rate(model: LanguageModel, score: CodeLength) -> ModelRate:
    bits_per_byte = score.per(score.bytes)
    return ModelRate(
        model=model.spec,
        bits_per_token=score.per(score.tokens),
        bits_per_character=score.per(score.characters),
        bits_per_byte=bits_per_byte,
        ratio=None if bits_per_byte is None else bits_per_byte / 8,
        documents=score.documents,
        tokens=score.tokens,
        settings={
            **model.settings,
            "adaptive": isinstance(model, TreeLanguageModel),
            "identity": model.identity,
        },
    )
