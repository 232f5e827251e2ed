"""What a language model offers: probabilities of text, and text sampled from them.

Every model satisfies `LanguageModel`. Four properties say what else it can do, and each has a
protocol with the methods that come with it and a function that checks the property:

| property            | protocol        | function      |
|---------------------|-----------------|---------------|
| `learns_online`     | `OnlineModel`   | `as_online`   |
| `has_distributions` | `DrawingModel`  | `as_drawing`  |
| `has_steps`         | `SteppedModel`  | `as_stepped`  |
| `has_weights`       | `WeightedModel` | `as_weighted` |
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.progress import Progress

Document: TypeAlias = bytes | str
"""A text: its bytes, or a string, which stands for its UTF-8 bytes."""

Ids: TypeAlias = NDArray[np.uint32]
"""Symbol ids, shape (symbols,)."""


def decoded(texts: Sequence[bytes]) -> list[str]:
    """Texts as strings; bytes that are not UTF-8 become U+FFFD."""
    return [text.decode("utf-8", "replace") for text in texts]


class LanguageModel(Protocol):
    """A model that assigns a probability to every symbol of a text, given the symbols before it.

    `docs/models.md` says exactly what the probabilities are conditioned on.
    """

    @property
    def spec(self) -> str:
        """The model as it was named to `load_model`, such as `tree:8` or `hf:gpt2`."""

    @property
    def vocabulary(self) -> int:
        """Number of symbols that a distribution covers."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that a rate depends on besides the weights; ready for JSON."""

    @property
    def identity(self) -> dict[str, str]:
        """Hexadecimal hashes that identify the model, by part."""

    @property
    def reads_any_bytes(self) -> bool:
        """Whether documents may contain bytes that are not valid UTF-8."""

    @property
    def learns_online(self) -> bool:
        """Whether the model learns each symbol after predicting it; see `OnlineModel`."""

    @property
    def has_distributions(self) -> bool:
        """Whether the model reports the ids and distributions it samples; see `DrawingModel`."""

    @property
    def has_steps(self) -> bool:
        """Whether the model reads texts one token at a time, for coding; see `SteppedModel`."""

    @property
    def has_weights(self) -> bool:
        """Whether the model has weights to differentiate by and perturb; see `WeightedModel`."""

    def tokens(self, documents: Sequence[Document]) -> list[Ids]:
        """The ids of each document's symbols, as they are scored.

        Returns:
            One array of shape (symbols,) per document.

        Raises:
            ModelError: The model cannot read a document.
        """

    def log_probs(
        self, documents: Sequence[Document], *, progress: Progress | None = None
    ) -> list[NDArray[np.float32]]:
        """The natural logarithm of each symbol's probability. The model does not learn.

        Args:
            documents: The documents.
            progress: Receives the number of symbols scored so far.

        Returns:
            One array of shape (symbols,) per document, with an entry for each id of `tokens`.

        Raises:
            ModelError: The model cannot read a document, or a probability is zero or NaN.
        """

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The probability of every symbol that can follow each context.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1.

        Raises:
            ModelError: The model cannot read a context, or a probability is NaN.
        """

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        """Samples a continuation of each prompt. The same arguments give the same text.

        Args:
            prompts: The texts to continue.
            tokens: Maximum number of symbols per continuation.
            temperature: Divides the log-probabilities before sampling; 0 always takes the most
                likely symbol.
            seed: Seed of the random numbers.

        Returns:
            The continuations, without the prompts, as bytes, as a model may stop within a
            character. The models of this package also take `decode=True`, for strings.

        Raises:
            InvalidArgumentError: `tokens`, `temperature` or `seed` is out of range.
            ModelError: The model cannot read a prompt, or a probability is NaN.
        """


class OnlineModel(LanguageModel, Protocol):
    """A language model that learns as it reads, so that its code lengths are adaptive."""

    def copy(self) -> Self:
        """An independent model that has learned the same."""

    def update(
        self,
        documents: Sequence[Document],
        weight: float = 1.0,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Learns documents in order, predicting each symbol before learning it.

        Args:
            documents: The documents.
            weight: How many times each document counts, more than 0.
            progress: Receives the number of symbols learned so far.

        Returns:
            The code length of each document in bits, shape (documents,).

        Raises:
            InvalidArgumentError: The weight is not above 0, or the model cannot read a document.
        """


class DrawingModel(LanguageModel, Protocol):
    """A language model that reports the ids it samples and the distributions it samples from.

    The text of a continuation does not determine its ids: other ids may spell the same text.
    """

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """Samples the continuations of `generate`, as ids; takes and raises the same.

        Returns:
            The ids that follow each prompt, shape (ids,) each. An id that ends the text is
            included, if it was sampled.
        """

    def spell(self, drawn: Sequence[Ids], prompts: Sequence[Document]) -> list[bytes]:
        """The texts of ids that were sampled after prompts, as `generate` returns them."""

    def log_distributions(
        self, prompts: Sequence[Document], continuations: Sequence[Ids], *, tokens: int
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that continuations were sampled from.

        Args:
            prompts: The prompts.
            continuations: What `draw` returned for them, at least one id each.
            tokens: As passed to `draw`; it decides how much of a long prompt the model sees.

        Returns:
            One array of shape (ids, vocabulary) per prompt: row k is the distribution after the
            prompt and the first k ids.

        Raises:
            InvalidArgumentError: `tokens` is out of range.
            ModelError: The model cannot read a prompt, or a probability is NaN.
        """


class Steps(Protocol):
    """Several texts read in lockstep, one token at a time."""

    def next(self, ids: Ids | None) -> NDArray[np.float32]:
        """Appends one token to each text and returns the distributions of the next one.

        The same sequence of calls gives the same bits, in an encoder and in a decoder.

        Args:
            ids: One token per text, shape (texts,); None in the first call, and only there.

        Returns:
            The probabilities of each text's next token, shape (texts, vocabulary).

        Raises:
            InvalidArgumentError: `ids` has another shape, or an id outside the vocabulary.
            ModelError: A probability is NaN.
        """


class SteppedModel(LanguageModel, Protocol):
    """A language model that can code: it inverts its tokens, and reads texts token by token."""

    def decode(self, ids: Ids) -> bytes:
        """The text of token ids, special tokens spelled out."""

    def steps(self, texts: int) -> Steps:
        """Starts to read `texts` texts in lockstep.

        Raises:
            InvalidArgumentError: `texts` is less than 1.
        """


class WeightedModel(LanguageModel, Protocol):
    """A language model with weights, by which its log-probabilities can be differentiated."""

    def perturbed(self, size: float, seed: int) -> AbstractContextManager[None]:
        """Adds Gaussian noise to every weight matrix while a block runs, then restores them.

        Args:
            size: The standard deviation of the noise of a matrix, as a multiple of the standard
                deviation of its own entries.
            seed: Seed of the noise. The same seed gives the same noise, times `size`.
        """

    def gradients(self, groups: Sequence[Sequence[Document]]) -> NDArray[np.float32]:
        """The gradient of the code length of each group of texts by all weights.

        The code length is that of `log_probs`. The model stays as it is.

        Args:
            groups: The texts of each group.

        Returns:
            Nats per unit of weight, shape (groups, weights).

        Raises:
            ModelError: The model cannot read a text, a gradient is not finite, or a single text
                does not fit into memory.
        """

    def moved(self, change: NDArray[np.float64]) -> Self:
        """A copy whose weights are moved; they are float32 or wider.

        Args:
            change: What is added to each weight, shape (weights,), in the order of `gradients`.
        """


def as_online(model: LanguageModel) -> OnlineModel:
    """The model as one that learns as it reads.

    Raises:
        InvalidArgumentError: It does not.
    """
    if not model.learns_online:
        raise InvalidArgumentError(f"{model.spec}: this model does not learn; use a tree model")
    return cast("OnlineModel", model)


def as_drawing(model: LanguageModel) -> DrawingModel:
    """The model as one that reports what it samples.

    Raises:
        InvalidArgumentError: It does not.
    """
    if not model.has_distributions:
        raise InvalidArgumentError(
            f"{model.spec}: this model does not report the distributions it samples from; use a "
            "tree model or a transformers model"
        )
    return cast("DrawingModel", model)


def as_stepped(model: LanguageModel) -> SteppedModel:
    """The model as one that reads texts token by token.

    Raises:
        InvalidArgumentError: It does not.
    """
    if not model.has_steps:
        raise InvalidArgumentError(
            f"{model.spec}: this model cannot be read step by step; use a tree model or a "
            "transformers model"
        )
    return cast("SteppedModel", model)


def as_weighted(model: LanguageModel) -> WeightedModel:
    """The model as one with weights.

    Raises:
        InvalidArgumentError: It has none.
    """
    if not model.has_weights:
        raise InvalidArgumentError(
            f"{model.spec}: this model has no weights; use a transformers model"
        )
    return cast("WeightedModel", model)
