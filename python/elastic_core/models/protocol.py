"""What every language model offers: probabilities of text, and text by those probabilities."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Document: TypeAlias = bytes | str
"""A text: its bytes, or a string that stands for its bytes in UTF-8."""

Ids: TypeAlias = NDArray[np.uint32]
"""The ids of symbols, shape (symbols,)."""


class LanguageModel(Protocol):
    """A model that gives every next symbol of a text a probability.

    The tree model and transformers models have it in common, so that every experiment runs on
    either. `docs/models.md` says what the probabilities are conditioned on.
    """

    @property
    def spec(self) -> str:
        """The model as it was named to `load_model`, such as `tree:8` or `hf:gpt2`."""

    @property
    def vocabulary(self) -> int:
        """How many symbols a distribution runs over."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that a rate depends on besides the weights; ready for JSON."""

    @property
    def identity(self) -> dict[str, str]:
        """Hashes in hexadecimal that say which model this is."""

    def tokens(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        """The ids of each document's symbols, as they are scored.

        Returns:
            For each document an array of shape (symbols,).

        Raises:
            ModelError: A document is not what the model can read.
        """

    def log_probs(self, documents: Sequence[Document]) -> list[NDArray[np.float32]]:
        """The natural logarithm of each symbol's probability; the model does not learn.

        Returns:
            For each document an array of shape (symbols,), an entry for each id of `tokens`.

        Raises:
            ModelError: A document is not what the model can read, or a probability is none.
        """

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The probability of every symbol that can follow each context.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1.

        Raises:
            ModelError: A context is not what the model can read, or a probability is none.
        """

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        """Goes on from each prompt; the same arguments give the same text.

        Args:
            prompts: The texts to go on from.
            tokens: Most symbols to add to each.
            temperature: Divides the log-probabilities before a symbol is drawn; 0: always the
                likeliest symbol.
            seed: Seed of the draws.

        Returns:
            What follows each prompt, without the prompt.

        Raises:
            InvalidArgumentError: Tokens or temperature are not what they should be.
            ModelError: A prompt is not what the model can read, or a probability is none.
        """


class DrawingModel(LanguageModel, Protocol):
    """A language model that tells what it drew, and by which probabilities.

    Text alone does not tell it: other tokens may spell the same text.
    """

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """What `generate` does, as ids.

        Takes and raises what `generate` does.

        Returns:
            For each prompt the ids that follow it; one that ends the text stands last, if it was
            drawn.
        """

    def spell(self, drawn: Sequence[Ids]) -> list[bytes]:
        """The texts of drawn ids, as `generate` gives them."""

    def log_distributions(
        self, prompts: Sequence[Document], continuations: Sequence[Ids], *, tokens: int
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that ids were drawn by.

        Args:
            prompts: The texts that were gone on from.
            continuations: What `draw` made of them, at least one id each.
            tokens: As in `draw`; it decides how much of a long prompt is seen.

        Returns:
            For each prompt an array of shape (ids, vocabulary): row k is of what can follow the
            prompt and the first k ids.

        Raises:
            InvalidArgumentError: Tokens are not what they should be.
            ModelError: A prompt is not what the model can read, or a probability is none.
        """


class Steps(Protocol):
    """Probabilities of several texts abreast, one token at a time, for coding."""

    def next(self, ids: NDArray[np.uint32] | None) -> NDArray[np.float32]:
        """Appends a token to each text and tells what may follow.

        The same calls give the same bits, whoever makes them.

        Args:
            ids: The token of each text, shape (lanes,); None at the start, and only there.

        Returns:
            Each text's probabilities of its next token, shape (lanes, vocabulary).

        Raises:
            InvalidArgumentError: `ids` has another shape, or an id outside the vocabulary.
            ModelError: A probability is none.
        """
