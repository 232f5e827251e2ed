"""Scorers of texts: their protocol, how one is loaded, and the linear classifier.

The linear classifier needs no download and no GPU.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.common.extras import requires_extra
from elastic_core.common.units import counted
from elastic_core.models.spec import ModelSpec

NAME = "linear"
LEVEL = 0.95
"""Confidence level of the interval of an accuracy."""

# Trained on 4000 reviews, they classify about 77.9% of others cut to 40 words correctly; words
# alone about 76.9%. Two to five characters reach 78.6% and take three times as long.
_WORDS, _CHARACTERS = (1, 2), (4, 4)
# Inverse strength of the L2 penalty. Rows have a norm near 1, which calls for a weak one.
_C = 10.0


class Scorer(Protocol):
    """Gives every text a score: the higher, the more of the scored property it has."""

    @property
    def name(self) -> str:
        """What the scorer is called, such as `linear` or `hf:NAME`."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that a score depends on besides what was learned; ready for JSON."""

    @property
    def identity(self) -> dict[str, str]:
        """Hexadecimal hashes that identify the scorer, by part."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The scores, shape (texts,); the score of a text does not depend on the others.

        Raises:
            ModelError: The scorer cannot read a text, or a score is NaN.
        """


def load_scorer(spec: str, **options: Any) -> Scorer:
    """Loads a classifier or a reward model of transformers.

    Args:
        spec: A folder with a checkpoint, or `hf:` and a folder or a name on the Hugging Face hub.
        **options: Those of `elastic_core.scoring.classifier.load`: label, revision, dtype, device,
            window, batch.

    Raises:
        InvalidArgumentError: The spec is neither, or an option is invalid.
        ModelError: The model cannot be loaded.
    """
    checkpoint = scorer_checkpoint(spec)
    with requires_extra(spec):
        from elastic_core.scoring import classifier
    return classifier.load(spec, checkpoint.name, **options)


def scorer_checkpoint(spec: str) -> ModelSpec:
    """The checkpoint that a scorer's name stands for.

    Raises:
        InvalidArgumentError: The name is neither `hf:NAME` nor a folder.
    """
    checkpoint = ModelSpec.checkpoint(spec)
    if checkpoint is None:
        raise InvalidArgumentError(
            f"unknown scorer {spec!r}: name hf:NAME or a folder with a checkpoint"
        )
    return checkpoint


def score_completions(
    scorer: Scorer, prompts: Sequence[str], completions: Sequence[str]
) -> NDArray[np.float64]:
    """The scores of prompts with their completions, shape (completions,)."""
    return scorer([prompt + text for prompt, text in zip(prompts, completions, strict=True)])


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The accuracy of a classifier on texts that it was not trained on.

    Attributes:
        correct: Share of texts whose more likely label is the right one.
        low: Lower end of the exact binomial interval of level `LEVEL` (Clopper and Pearson, 1934).
        high: Upper end of the interval.
        texts: Number of texts.
    """

    correct: float
    low: float
    high: float
    texts: int

    @classmethod
    def of(cls, correct: int, texts: int) -> Self:
        """The accuracy when `correct` of `texts` texts are classified correctly."""
        from scipy.stats import binomtest

        interval = binomtest(correct, texts).proportion_ci(LEVEL, method="exact")
        return cls(correct / texts, float(interval.low), float(interval.high), texts)

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return asdict(self)


class LinearScorer:
    """Logistic regression on TF-IDF weights of n-grams: the probability of the positive label.

    The n-grams are words and pairs of words, and four characters within a word. N-grams of a
    single text are dropped, counts are damped to 1 + ln(count), and each of the two groups is
    scaled to norm 1. `fit` creates a scorer.

    Attributes:
        name: `linear`.
        accuracy: The accuracy on the texts held out from training.
        settings: The accuracy, and how the scorer was trained.
        identity: SHA-256 of the distinct labelled texts that `fit` received, as `texts`, in
            hexadecimal.
    """

    def __init__(
        self,
        pipeline: Any,
        accuracy: Accuracy,
        settings: dict[str, Any],
        identity: dict[str, str],
    ) -> None:
        self.name = NAME
        self.accuracy = accuracy
        self.settings = {**settings, "accuracy": accuracy.to_dict()}
        self.identity = identity
        self._pipeline = pipeline

    @classmethod
    def fit_sides(cls, sides: Mapping[str, Sequence[str]], *, held_out: float = 0.1) -> Self:
        """Trains on the texts of the sides `positive` and `negative`; see `fit`."""
        texts = [text for some in sides.values() for text in some]
        labels = [side == "positive" for side, some in sides.items() for _ in some]
        return cls.fit(texts, labels, held_out=held_out)

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        labels: Sequence[bool] | Sequence[int],
        *,
        seed: int = 0,
        held_out: float = 0.1,
    ) -> Self:
        """Trains on labelled texts. The same arguments give the same scorer.

        A repeated text is used once, with its last label, so that no text is both trained on and
        held out.

        Args:
            texts: The texts.
            labels: Whether each text is positive, shape (texts,).
            seed: Decides which texts are held out.
            held_out: The share of each label's texts to measure the accuracy on; at least one text
                of each label is held out.

        Raises:
            InvalidArgumentError: There are fewer than two texts of a label, the numbers of labels
                and texts differ, or a label or the share is invalid.
            ModelError: scikit-learn is not installed.
        """
        texts = listed(texts)
        if len(texts) != len(labels):
            raise InvalidArgumentError(
                f"labels: {len(labels)} for {counted(len(texts), 'text', 'texts')}; give one per "
                "text"
            )
        if not 0 < held_out < 1:
            raise InvalidArgumentError(f"held out {held_out}: must be between 0 and 1")
        distinct = dict(zip(texts, labels, strict=True))
        known, answers = list(distinct), np.array(list(distinct.values()))
        test = _held_out(answers, held_out, seed)
        with requires_extra(NAME, "experiments"), _one_thread():
            pipeline = _pipeline()
            try:
                pipeline.fit([known[at] for at in np.flatnonzero(~test)], answers[~test] == 1)
            except ValueError as error:  # No n-gram is left.
                raise InvalidArgumentError(
                    "the training texts share no word; a classifier needs more text"
                ) from error
            chosen = pipeline.predict([known[at] for at in np.flatnonzero(test)])
        accuracy = Accuracy.of(int((chosen == answers[test]).sum()), int(test.sum()))
        settings = {"seed": seed, "held_out": held_out, "trained": int((~test).sum()), "c": _C}
        return cls(pipeline, accuracy, settings, {"texts": _sha256(known, answers)})

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The probability of the positive label, shape (texts,)."""
        texts = listed(texts)
        if not texts:
            return np.empty(0)
        scores: NDArray[np.float64] = self._pipeline.predict_proba(texts)[:, 1]
        return scores


def _held_out(labels: NDArray[Any], share: float, seed: int) -> NDArray[np.bool_]:
    """Which texts to hold out, shape (texts,)."""
    if not np.isin(labels, (0, 1)).all():
        raise InvalidArgumentError("labels must be 1 (or true) for positive and 0 for negative")
    test = np.zeros(len(labels), np.bool_)
    random = np.random.default_rng(seed)
    for label, name in ((1, "positive"), (0, "negative")):
        places = np.flatnonzero(labels == label)
        if len(places) < 2:
            raise InvalidArgumentError(
                f"{counted(len(places), 'distinct text is', 'distinct texts are')} {name}: a "
                "classifier needs at least two of each label"
            )
        count = min(max(1, round(share * len(places))), len(places) - 1)
        test[random.permutation(places)[:count]] = True
    return test


def _sha256(texts: Sequence[str], labels: NDArray[Any]) -> str:
    rows = json.dumps([texts, labels.astype(int).tolist()])
    return hashlib.sha256(rows.encode()).hexdigest()


def _pipeline() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    options = {"sublinear_tf": True, "min_df": 2, "dtype": np.float64}
    return make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=_WORDS, **options),
            TfidfVectorizer(analyzer="char_wb", ngram_range=_CHARACTERS, **options),
        ),
        # With 160,000 n-grams of 4000 reviews liblinear takes 4 s where lbfgs takes 8.
        LogisticRegression(C=_C, solver="liblinear", max_iter=1000),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limits linear algebra to one thread, as sums over several differ in the last digits."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
