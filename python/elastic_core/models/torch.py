"""Language models of the transformers library: probabilities of text, and text by them."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.batches import Batches
from elastic_core.models.forward import Forward, no_probability
from elastic_core.models.generation import ends_of, generate
from elastic_core.models.identity import weights_sha256
from elastic_core.models.protocol import Document, Ids
from elastic_core.models.steps import TorchSteps
from elastic_core.models.tokenizer import Tokenizer
from elastic_core.models.windows import tile

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TorchModel:
    """A causal language model of transformers; `load_model` makes one.

    A forward pass sees a window of at most `window` tokens, `bos` the first of them;
    `docs/models.md` draws how windows tile a document.

    Args:
        spec: What the model is called.
        model: The model in evaluation mode, on its device.
        tokenizer: The model's tokenizer.
        window: Most tokens in a forward pass of one text.
        stride: New tokens in each further window, 1 to `window`.
        bos: Id of the token that every window begins with. None: a window begins with the token
            before its own first one; the first token of a document, with nothing before it, is
            charged log2(vocabulary) bits.
        batch: Most tokens in a forward pass of several texts.
        settings: What else the rates depend on.

    Raises:
        ModelError: The model is not causal.
    """

    def __init__(
        self,
        spec: str,
        model: "PreTrainedModel",
        tokenizer: Tokenizer,
        *,
        window: int,
        stride: int,
        bos: int | None,
        batch: int,
        settings: dict[str, Any],
    ) -> None:
        self.spec = spec
        self.settings = {"window": window, "stride": stride, **settings}
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._stride = stride
        self._bos = bos
        self._forward = Forward(model)
        self._batches = Batches(batch)

    @property
    def vocabulary(self) -> int:
        """Ids that a distribution runs over; some may be no token of the tokenizer's."""
        return self._forward.vocabulary

    @cached_property
    def identity(self) -> dict[str, str]:
        """SHA-256 of the `weights`, by `weights_sha256`, and of the `tokenizer`."""
        return {"weights": weights_sha256(self._model), "tokenizer": self._tokenizer.sha256}

    def tokens(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        """The token ids of each document, shape (tokens,); no special token is among them.

        Raises:
            ModelError: A document is not UTF-8, or has an id outside the vocabulary.
        """
        return self._tokenizer.encode(documents)

    def log_probs(self, documents: Sequence[Document]) -> list[NDArray[np.float32]]:
        """The natural logarithm of the probability of each token.

        Windows of all documents are put together to batches of similar length. With another
        `batch` or on another device the last digits may differ.

        Returns:
            For each document an array of shape (tokens,), an entry for each id of `tokens`.

        Raises:
            ModelError: A document is not UTF-8, has an id outside the vocabulary or a probability
                of zero or not-a-number; or a single window does not fit into memory.
        """
        ids = self.tokens(documents)
        found = [np.empty(len(each), np.float32) for each in ids]
        first = 0
        if self._bos is None:
            first = 1
            for each in found:
                each[:1] = -math.log(self.vocabulary)
        windows = [
            window
            for number, each in enumerate(ids)
            for window in tile(number, len(each), self._window, self._stride, first)
        ]

        def score(batch: list[int]) -> None:
            chosen = [windows[number] for number in batch]
            rows = [self._row(ids[each.document], each.start, each.end - 1) for each in chosen]
            targets = [ids[each.document][each.scored : each.end] for each in chosen]
            for each, log_probs in zip(chosen, self._forward.log_probs(rows, targets), strict=True):
                found[each.document][each.scored : each.end] = log_probs

        self._batches.run([each.end - each.start for each in windows], score)
        for number, each in enumerate(found):
            if not np.isfinite(each).all():
                raise no_probability(f"document {number}")
        return found

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The probabilities of the token after each context, of which the last window is seen.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1. With nothing to be seen (no `bos`
            and an empty context) all tokens are alike.

        Raises:
            ModelError: As for `log_probs`, of a context.
        """
        rows = self._rows(contexts, self._window)
        found = np.full((len(rows), self.vocabulary), 1 / self.vocabulary, np.float32)
        seeing = [number for number, row in enumerate(rows) if len(row)]

        def predict(batch: list[int]) -> None:
            chosen = [seeing[number] for number in batch]
            found[chosen] = self._forward.distributions([rows[number] for number in chosen])

        self._batches.run([len(rows[number]) for number in seeing], predict)
        for number, row in enumerate(found):
            if not np.isfinite(row).all():
                raise no_probability(f"context {number}")
        return found

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        """Goes on from each prompt, until the model ends the text or `tokens` are there.

        The draws for a prompt depend on the seed and on its number alone; torch's own random
        state is neither used nor changed. Of a prompt that does not fit into the window beside
        `tokens`, the end is seen.

        Args:
            prompts: The texts to go on from.
            tokens: Most tokens to add to each, 1 to the window.
            temperature: Divides the logits before a token is drawn; 0: always the likeliest one.
            seed: Seed of the draws.

        Returns:
            What follows each prompt, without special tokens, in UTF-8; bytes that are none become
            U+FFFD.

        Raises:
            InvalidArgumentError: Tokens, temperature or seed are not what they should be.
            ModelError: As for `log_probs`, of a prompt; or a prompt is empty and there is no `bos`.
        """
        return self.spell(self.draw(prompts, tokens=tokens, temperature=temperature, seed=seed))

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """What `generate` does, as ids; takes and raises the same.

        Returns:
            For each prompt the ids that follow it; one that ends the text stands last, if it was
            drawn.
        """
        if not (temperature >= 0 and math.isfinite(temperature)):
            raise InvalidArgumentError(f"temperature {temperature}: must be 0 or more")
        if seed < 0:
            raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
        rows = self._prompts(prompts, tokens)
        draws = np.random.default_rng(seed).random((len(rows), tokens), np.float32)
        found = [np.empty(0, np.uint32)] * len(rows)

        def go_on(batch: list[int]) -> None:
            chosen = [rows[number] for number in batch]
            drawn = generate(self._model, chosen, draws[batch], temperature)
            for number, ids in zip(batch, drawn, strict=True):
                found[number] = ids

        self._batches.run([len(row) + tokens for row in rows], go_on)
        return found

    def spell(self, drawn: Sequence[Ids]) -> list[bytes]:
        """The texts of drawn ids, without special tokens; bytes that are no UTF-8 as U+FFFD."""
        ends = ends_of(self._model)
        return [self._tokenizer.decode(ids[~np.isin(ids, ends)], special=False) for ids in drawn]

    def log_distributions(
        self, prompts: Sequence[Document], continuations: Sequence[Ids], *, tokens: int
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that ids were drawn by.

        Args:
            prompts: The texts that were gone on from.
            continuations: What `draw` made of them, at least one id each.
            tokens: As in `draw`: of a prompt that does not fit into the window beside so many,
                the end is seen.

        Returns:
            For each prompt an array of shape (ids, vocabulary): row k is of what can follow the
            prompt and the first k ids.

        Raises:
            InvalidArgumentError: Tokens are not what they should be.
            ModelError: As for `generate`.
        """
        starts = self._prompts(prompts, tokens)
        rows = [
            np.concatenate([start, ids[:-1]])
            for start, ids in zip(starts, continuations, strict=True)
        ]
        found = [np.empty((0, self.vocabulary), np.float32)] * len(rows)

        def predict(batch: list[int]) -> None:
            counts = [len(continuations[number]) for number in batch]
            parts = self._forward.log_distributions([rows[number] for number in batch], counts)
            for number, part in zip(batch, parts, strict=True):
                found[number] = part

        self._batches.run([len(row) for row in rows], predict)
        for number, each in enumerate(found):
            if np.isnan(each).any():
                raise no_probability(f"prompt {number}")
        return found

    def encode(self, text: str) -> NDArray[np.uint32]:
        """The token ids of a text, shape (tokens,).

        Raises:
            ModelError: The text has no UTF-8, or an id is outside the vocabulary.
        """
        return self.tokens([text])[0]

    def decode(self, ids: NDArray[np.uint32]) -> bytes:
        """The text of token ids, special tokens spelled out; bytes that are no UTF-8 as U+FFFD.

        It undoes `encode` wherever the tokenizer loses nothing of a text, as those of byte-level
        BPE do not.
        """
        return self._tokenizer.decode(ids)

    def steps(self, lanes: int) -> TorchSteps:
        """Begins so many texts abreast, to be coded one token at a time.

        The texts are seen through windows that do not overlap: after every `window` tokens the
        next ones begin anew with `bos`. `log_probs` does the same where the stride is the window.

        Raises:
            InvalidArgumentError: There is no lane.
        """
        return TorchSteps(self._model, lanes, self._window, self._bos, self.vocabulary)

    def _rows(self, documents: Sequence[Document], most: int) -> list[NDArray[np.uint32]]:
        """What is seen of documents' ends: at most so many tokens, `bos` among them."""
        least = 0 if self._bos is None else 1
        return [
            self._row(each, max(0, len(each) - most + least), len(each))
            for each in self.tokens(documents)
        ]

    def _prompts(self, prompts: Sequence[Document], tokens: int) -> list[Ids]:
        """What is seen of prompts that so many tokens are to follow, at least one token of each."""
        if not 1 <= tokens <= self._window:
            raise InvalidArgumentError(
                f"tokens {tokens}: must be from 1 to the model's window, {self._window}"
            )
        rows = self._rows(prompts, self._window + 1 - tokens)
        for number, row in enumerate(rows):
            if not len(row):
                raise ModelError(
                    f"prompt {number} is empty, and the model has no token to begin a text with"
                )
        return rows

    def _row(self, ids: NDArray[np.uint32], start: int, end: int) -> NDArray[np.uint32]:
        """What a forward pass sees of a window's tokens: one before them, then start to end."""
        if self._bos is None:
            return ids[max(0, start - 1) : end]
        return np.concatenate([np.array([self._bos], np.uint32), ids[start:end]])
