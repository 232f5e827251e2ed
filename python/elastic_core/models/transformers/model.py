"""Causal language models of the transformers library behind the protocols of `LanguageModel`."""

import copy
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.arguments import listed
from elastic_core.common.progress import Progress, Step
from elastic_core.models.generation import Generation
from elastic_core.models.protocol import Document, Ids
from elastic_core.models.transformers.checkpoint import weights_sha256
from elastic_core.models.transformers.forward import (
    Forward,
    TransformersSteps,
    ends_of,
    generate,
    no_probability,
)
from elastic_core.models.transformers.inputs import Batches, Tokenizer, Window, tile
from elastic_core.models.transformers.noise import perturbed
from elastic_core.models.transformers.weights import gradient, moved, weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TransformersModel(Generation):
    """A causal language model of transformers; `load_model` creates one.

    A forward pass sees a window of at most `window` tokens, starting with `bos`; `docs/models.md`
    shows how windows tile a document.

    Args:
        spec: The model as it was named to `load_model`.
        model: The model in evaluation mode, on its device.
        tokenizer: The model's tokenizer.
        window: Maximum number of tokens of one text in a forward pass.
        stride: New tokens in each further window, 1 to `window`.
        bos: Id of the token that every window starts with. None: a window starts with the token
            before its own first one; the first token of a document, with nothing before it, costs
            log2(vocabulary) bits.
        batch: Maximum number of tokens in a forward pass of several texts.
        settings: What else the rates depend on.
        config: SHA-256 of `config.json`, as by `config_sha256`.

    Raises:
        ModelError: The model is not causal.
    """

    learns_online = False
    """Its weights stay as they are."""

    reads_any_bytes = False
    """Its tokenizer reads only valid UTF-8."""

    has_distributions = True
    has_steps = True
    has_weights = True

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
        config: str,
    ) -> None:
        self.spec = spec
        self.settings = {"window": window, "stride": stride, **settings}
        self._config = config
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._stride = stride
        self._bos = bos
        self._forward = Forward(model)
        self._batches = Batches(batch)

    def __repr__(self) -> str:
        return (
            f"TransformersModel({self.spec!r}, {self.vocabulary:,} tokens, window {self._window})"
        )

    @property
    def vocabulary(self) -> int:
        """Number of ids that a distribution covers; some may be unused by the tokenizer."""
        return self._forward.vocabulary

    @cached_property
    def identity(self) -> dict[str, str]:
        """SHA-256 of the `weights`, as by `weights_sha256`, the `tokenizer` and the `config`."""
        return {
            "weights": weights_sha256(self._model),
            "tokenizer": self._tokenizer.sha256,
            "config": self._config,
        }

    def tokens(self, documents: Sequence[Document]) -> list[Ids]:
        """The token ids of each document, shape (tokens,) each, without special tokens.

        Raises:
            ModelError: A document is not UTF-8, or has an id outside the vocabulary.
        """
        return self._tokenizer.encode(documents)

    def log_probs(
        self, documents: Sequence[Document], *, progress: Progress | None = None
    ) -> list[NDArray[np.float32]]:
        """The natural logarithm of the probability of each token.

        Windows of all documents share batches of similar length. With another `batch` or on
        another device the last digits may differ.

        Args:
            documents: The documents.
            progress: Receives the number of tokens scored so far, after each forward pass.

        Returns:
            One array of shape (tokens,) per document, with an entry for each id of `tokens`.

        Raises:
            ModelError: A document is not UTF-8, has an id outside the vocabulary, or a probability
                of zero or NaN; or a single window does not fit into memory.
        """
        ids = self.tokens(documents)
        log_probs = [np.empty(len(row), np.float32) for row in ids]
        if self._bos is None:
            for row in log_probs:
                row[:1] = -math.log(self.vocabulary)
        windows = self._tiled(ids)
        total = sum(map(len, ids))
        done = total - sum(w.end - w.scored for w in windows)

        def score(batch: list[int]) -> None:
            nonlocal done
            chosen = [windows[number] for number in batch]
            parts = self._forward.log_probs(*self._seen_and_scored(ids, chosen))
            for w, part in zip(chosen, parts, strict=True):
                log_probs[w.document][w.scored : w.end] = part
            done += sum(map(len, parts))
            if progress:
                progress(Step("score", self.spec, done, total, "tokens"))

        self._batches.run([w.end - w.start for w in windows], score)
        for number, row in enumerate(log_probs):
            if not np.isfinite(row).all():
                raise no_probability(f"document {number}")
        return log_probs

    def gradients(self, groups: Sequence[Sequence[Document]]) -> NDArray[np.float32]:
        """The gradient of the code length of each group of texts by all weights.

        The windows are those of `log_probs`. Tied weights count once. The gradients of all groups
        are held in memory, 4 bytes for each weight and group.

        Args:
            groups: The texts of each group.

        Returns:
            Nats per unit of weight, shape (groups, weights).

        Raises:
            ModelError: As for `log_probs`, or a gradient is not finite.
        """
        size = sum(weight.numel() for weight in weights_of(self._model))
        gradients = np.zeros((len(groups), size), np.float32)
        for number, documents in enumerate(groups):
            ids = self.tokens(documents)
            windows = self._tiled(ids)

            def add(
                batch: list[int], number: int = number, ids: list[Ids] = ids,
                windows: list[Window] = windows,
            ) -> None:  # fmt: skip
                chosen = [windows[at] for at in batch]
                nats = self._forward.nats(*self._seen_and_scored(ids, chosen))
                gradients[number] += gradient(nats, self._model)

            self._batches.run([w.end - w.start for w in windows], add)
        if not np.isfinite(gradients).all():
            raise no_probability("gradients")
        return gradients

    def moved(self, change: NDArray[np.float64]) -> "TransformersModel":
        """A copy whose weights are moved; they are float32 or wider.

        Args:
            change: What is added to each weight, shape (weights,), in the order of `gradients`.
        """
        other = copy.copy(self)
        other.__dict__.pop("identity", None)
        other._model = moved(self._model, change)
        other._forward = Forward(other._model)
        return other

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The distribution of the token after each context, of which the last window is seen.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1. Without `bos`, the distribution after
            an empty context is uniform.

        Raises:
            ModelError: As for `log_probs`, of a context.
        """
        rows = self._rows(contexts, self._window)
        distributions = np.full((len(rows), self.vocabulary), 1 / self.vocabulary, np.float32)
        seeing = [number for number, row in enumerate(rows) if len(row)]

        def predict(batch: list[int]) -> None:
            chosen = [seeing[number] for number in batch]
            distributions[chosen] = self._forward.distributions([rows[number] for number in chosen])

        self._batches.run([len(rows[number]) for number in seeing], predict)
        for number, row in enumerate(distributions):
            if not np.isfinite(row).all():
                raise no_probability(f"context {number}")
        return distributions

    def _sampled(
        self, prompts: Sequence[Document], tokens: int, temperature: float, seed: int
    ) -> list[bytes]:
        drawn = self.draw(prompts, tokens=tokens, temperature=temperature, seed=seed)
        return self.spell(drawn, prompts)

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """Samples the continuations of `generate`, as ids; takes and raises the same.

        Returns:
            The ids that follow each prompt, shape (ids,) each. An id that ends the text is
            included, if it was sampled.
        """
        if not (temperature >= 0 and math.isfinite(temperature)):
            raise InvalidArgumentError(f"temperature {temperature}: must be 0 or more")
        if seed < 0:
            raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
        rows = self._prompts(prompts, tokens)
        draws = np.random.default_rng(seed).random((len(rows), tokens), np.float32)
        continuations = [np.empty(0, np.uint32)] * len(rows)

        def sample(batch: list[int]) -> None:
            chosen = [rows[number] for number in batch]
            drawn = generate(self._model, chosen, draws[batch], temperature)
            for number, ids in zip(batch, drawn, strict=True):
                continuations[number] = ids

        self._batches.run([len(row) + tokens for row in rows], sample)
        return continuations

    def spell(self, drawn: Sequence[Ids], prompts: Sequence[Document]) -> list[bytes]:
        """The texts of ids sampled after prompts, without special tokens.

        Invalid UTF-8 becomes U+FFFD. A prompt and its text make the whole text.
        """
        ends = ends_of(self._model)
        return [
            self._tokenizer.decode(
                ids[~np.isin(ids, ends)], special=False, is_continuation=bool(prompt)
            )
            for ids, prompt in zip(drawn, listed(prompts), strict=True)
        ]

    def log_distributions(
        self, prompts: Sequence[Document], continuations: Sequence[Ids], *, tokens: int
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that continuations were sampled from.

        Args:
            prompts: The prompts.
            continuations: What `draw` returned for them, at least one id each.
            tokens: As passed to `draw`: if a prompt and `tokens` do not fit into the window
                together, the end of the prompt is seen.

        Returns:
            One array of shape (ids, vocabulary) per prompt: row k is the distribution after the
            prompt and the first k ids.

        Raises:
            InvalidArgumentError: `tokens` is out of range.
            ModelError: As for `generate`.
        """
        starts = self._prompts(prompts, tokens)
        rows = [
            np.concatenate([start, ids[:-1]])
            for start, ids in zip(starts, continuations, strict=True)
        ]
        distributions = [np.empty((0, self.vocabulary), np.float32)] * len(rows)

        def predict(batch: list[int]) -> None:
            counts = [len(continuations[number]) for number in batch]
            parts = self._forward.log_distributions([rows[number] for number in batch], counts)
            for number, part in zip(batch, parts, strict=True):
                distributions[number] = part

        self._batches.run([len(row) for row in rows], predict)
        for number, part in enumerate(distributions):
            if np.isnan(part).any():
                raise no_probability(f"prompt {number}")
        return distributions

    def encode(self, text: str) -> Ids:
        """The token ids of a text, shape (tokens,).

        Raises:
            ModelError: The text has no UTF-8, or an id is outside the vocabulary.
        """
        return self.tokens([text])[0]

    def decode(self, ids: Ids) -> bytes:
        """The text of token ids, special tokens spelled out; invalid UTF-8 becomes U+FFFD.

        It inverts `encode` if the tokenizer is lossless, as byte-level BPE is.
        """
        return self._tokenizer.decode(ids)

    def steps(self, texts: int) -> TransformersSteps:
        """Starts to read `texts` texts in lockstep, one token at a time.

        The texts are seen through windows that do not overlap: after every `window` tokens a new
        window starts with `bos`. `log_probs` does the same if the stride equals the window.

        Raises:
            InvalidArgumentError: `texts` is less than 1.
        """
        return TransformersSteps(self._model, texts, self._window, self._bos, self.vocabulary)

    def perturbed(self, size: float, seed: int) -> AbstractContextManager[None]:
        """Adds Gaussian noise to every weight matrix while a block runs, then restores them.

        Embeddings are matrices too, and a matrix that layers share is perturbed once.

        Args:
            size: The standard deviation of the noise of a matrix, as a multiple of the standard
                deviation of its own entries.
            seed: Seed of the noise. The same seed gives the same noise, times `size`, on every
                device.
        """
        return perturbed(self._model, size, seed)

    def _tiled(self, ids: Sequence[Ids]) -> list[Window]:
        """The windows of documents; without `bos`, first tokens are not scored."""
        first = 1 if self._bos is None else 0
        return [
            window
            for number, row in enumerate(ids)
            for window in tile(number, len(row), self._window, self._stride, first)
        ]

    def _seen_and_scored(
        self, ids: Sequence[Ids], windows: Sequence[Window]
    ) -> tuple[list[Ids], list[Ids]]:
        """The ids that each window shows to the model, and the ones that it scores."""
        return (
            [self._row(ids[w.document], w.start, w.end - 1) for w in windows],
            [ids[w.document][w.scored : w.end] for w in windows],
        )

    def _rows(self, documents: Sequence[Document], limit: int) -> list[Ids]:
        """The ends of documents, at most `limit` tokens each, `bos` included."""
        start = 0 if self._bos is None else 1
        return [
            self._row(ids, max(0, len(ids) - limit + start), len(ids))
            for ids in self.tokens(documents)
        ]

    def _prompts(self, prompts: Sequence[Document], tokens: int) -> list[Ids]:
        """The ends of prompts that leave room for `tokens` more, at least one token of each."""
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

    def _row(self, ids: Ids, start: int, end: int) -> Ids:
        """The input for tokens `start` to `end` of a document: `bos` or one token before them."""
        if self._bos is None:
            return ids[max(0, start - 1) : end]
        return np.concatenate([np.array([self._bos], np.uint32), ids[start:end]])
