"""The rates of language models on corpora.

Documents are streamed: memory does not grow with the corpus.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from os import PathLike
from typing import Any

from elastic_core._core import Corpus, DocumentBatch, InvalidArgumentError, ScoreWriter
from elastic_core.common.progress import Progress, Step
from elastic_core.corpora.sources import JOINT
from elastic_core.measuring.code_length import CodeLength, Scored
from elastic_core.measuring.records import ModelRate
from elastic_core.models import LanguageModel, ModelKind, ModelSpec, load_model
from elastic_core.models.protocol import as_online

# Bytes of text scored at once: enough to group texts of similar length, and few enough to show
# progress on a slow device.
_BATCH = 1 << 18


@contextmanager
def rates_of(
    specs: Sequence[str],
    options: Mapping[str, Any],
    *,
    alphabet: str,
    per_document: str | PathLike[str] | None = None,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> Iterator["Rates"]:
    """Loads models to score corpora with inside the block.

    Args:
        specs: The models, as `load_model` takes them.
        options: Options of the models that take them.
        alphabet: The symbols of new tree models. Under `bpe:PATH` a document that is not UTF-8 is
            a bad row for every model, otherwise only for models that cannot read it.
        per_document: A Parquet file for the scores of each document, which appears when the block
            ends without an error.
        overwrite: Whether to replace an existing file of scores.
        progress: Receives steps of the phase `score`, in bytes of text, with the rate so far.

    Yields:
        The rates, to compute for one corpus after another.

    Raises:
        InvalidArgumentError: A spec or an option is invalid, options or a file for scores are
            given without a model, or the file exists.
        ModelError: A model cannot be loaded.
        OSError: The file cannot be written.
    """
    unused = [*options, *(["scores of documents"] if per_document is not None else [])]
    if unused and not specs:
        raise InvalidArgumentError(f"{unused[0]}: this needs a model; name one with `models`")
    if len(set(specs)) < len(specs):
        raise InvalidArgumentError(f"{', '.join(specs)}: name each model once")
    with (
        nullcontext()
        if per_document is None
        else ScoreWriter(per_document, overwrite=overwrite) as scores
    ):
        yield Rates(load_models(specs, options, alphabet), alphabet, scores, progress)


class Rates:
    """Scores one corpus after another with the same models.

    Args:
        models: The models.
        alphabet: As in `rates_of`.
        scores: Receives the scores of each document.
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
        """Scores a corpus, which is read once per model.

        A model that learns starts from its initial state each time.

        Args:
            name: Name of the corpus.
            corpus: The corpus.
            size: Bytes of text in it, for the progress.

        Returns:
            One rate per model.

        Raises:
            CorpusError: The corpus is damaged or has a row without usable text.
            ModelError: A model cannot read a document.
            OSError: A file cannot be read or written.
        """
        rates = []
        for number, model in enumerate(self._models):
            score = self._score(model, name, [corpus], size, self._scores)
            self._sums[number] += score
            rates.append(_rate(model, score))
        return tuple(rates)

    def joint(self, corpora: Sequence[Corpus], size: int) -> tuple[ModelRate, ...]:
        """The rates on all corpora together, after `of` has scored each of them.

        A model that learns reads them once more, one after another; for other models the code
        lengths are added. Takes and raises the same as `of`.
        """
        return tuple(
            _rate(model, self._score(model, JOINT, corpora, size, None))
            if model.learns_online
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
        utf8 = self._alphabet.startswith("bpe:") or not model.reads_any_bytes
        if model.learns_online:
            model = as_online(model).copy()
        total = CodeLength()
        for corpus in corpora:
            for batch in corpus.batches(bytes=_BATCH, utf8=utf8):
                progress = self._part_of(f"{name} with {model.spec}", total, batch, size)
                scored = Scored.by(model, batch, progress)
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
        """Maps the progress of a batch to progress over all `size` bytes of text."""
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


def load_models(
    specs: Sequence[str], options: Mapping[str, Any], alphabet: str
) -> list[LanguageModel]:
    """Loads models; takes and raises what `rates_of` does."""
    parsed = [ModelSpec.parse(spec) for spec in specs]
    # Without a model that takes the options, all models get them, and refuse them.
    of_others = {} if any(spec.takes_options for spec in parsed) else options
    models = []
    for spec in parsed:
        own = dict(options if spec.takes_options else of_others)
        if spec.kind is ModelKind.TREE:
            own["alphabet"] = alphabet
        models.append(load_model(spec.text, **own))
    return models


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
            "adaptive": model.learns_online,
            "identity": model.identity,
        },
    )
