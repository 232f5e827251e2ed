"""Forward passes of a transformers model: over whole texts, step by step, and to generate."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LogitsProcessor, LogitsProcessorList

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.protocol import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Logits held at a time in float32: 256 MiB. All at once, those of 16,384 tokens would take
# 10 GB with a vocabulary of 150,000. On a CPU, 16 MiB stay near it: with 4096 tokens and a
# vocabulary of 4096 that takes 0.07 s, a single chunk takes 0.10 s, and logsumexp 0.14 s.
_LOGITS, _LOGITS_ON_CPU = 1 << 26, 1 << 22


def no_probability(place: str) -> ModelError:
    """The error for a probability that is zero or NaN, at this place."""
    return ModelError(
        f"{place}: the model gives no usable probability; its weights are damaged, or it needs "
        "another dtype, such as float32"
    )


class Forward:
    """Probabilities from a causal language model, for rows of token ids.

    Most of the memory of a forward pass would go to logits. So the body of the model runs over all
    tokens, and its head only over the wanted ones, a chunk at a time. A model that transforms the
    output of its head (by a soft cap, say) runs as a whole.

    Args:
        model: A transformers model in evaluation mode, on its device.

    Raises:
        ModelError: The model is not causal: what follows a token changes its logits.
    """

    def __init__(self, model: "PreTrainedModel") -> None:
        self.vocabulary: int = model.config.get_text_config().vocab_size
        self._model = model
        self._head = model.get_output_embeddings()
        self._probe()

    @torch.inference_mode()
    def log_probs(self, rows: Sequence[Ids], targets: Sequence[Ids]) -> list[NDArray[np.float32]]:
        """The natural logarithm of the probability of each target.

        Args:
            rows: The tokens that the model sees, shape (length,) per row.
            targets: The tokens that follow the last ones of each row, shape (targets,) per row.

        Returns:
            One array of shape (targets,) per row.
        """
        counts = [len(row) for row in targets]
        answers = torch.from_numpy(np.concatenate(targets).astype(np.int64))
        log_probs = torch.empty(len(answers))
        for part, logits in self._logits(rows, counts):
            chosen = answers[part, None].to(logits.device)
            log_probs[part] = logits.log_softmax(1).gather(1, chosen)[:, 0].cpu()
        return [row.numpy() for row in log_probs.split(counts)]

    @torch.enable_grad()
    def nats(self, rows: Sequence[Ids], targets: Sequence[Ids]) -> Tensor:
        """The sum of -ln p of all targets, to differentiate; arguments are those of `log_probs`.

        Returns:
            A scalar with a graph.
        """
        counts = [len(row) for row in targets]
        answers = torch.from_numpy(np.concatenate(targets).astype(np.int64))
        parts = [
            cross_entropy(logits, answers[part].to(logits.device), reduction="sum")
            for part, logits in self._logits(rows, counts)
        ]
        return torch.stack(parts).sum()

    @torch.inference_mode()
    def distributions(self, rows: Sequence[Ids]) -> NDArray[np.float32]:
        """The distributions of the token after each row, shape (rows, vocabulary)."""
        parts = [logits.softmax(1).cpu() for _, logits in self._logits(rows, [1] * len(rows))]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def log_distributions(
        self, rows: Sequence[Ids], counts: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """Log-distributions of the tokens that follow each of the last `counts` tokens of a row.

        Returns:
            One array of shape (count, vocabulary) per row.
        """
        parts = [logits.log_softmax(1).cpu() for _, logits in self._logits(rows, counts)]
        return [row.numpy() for row in torch.cat(parts).split(list(counts))]

    def _logits(self, rows: Sequence[Ids], counts: Sequence[int]) -> Iterator[tuple[slice, Tensor]]:
        """The logits that follow each of the last `counts` tokens of a row.

        Yields:
            A range of these tokens, counted over all rows, and its logits: float32, (tokens,
            vocabulary).
        """
        # Padding is on the right, where a causal model does not look.
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        wanted = torch.zeros_like(ids, dtype=torch.bool)
        for number, (row, count) in enumerate(zip(rows, counts, strict=True)):
            ids[number, : len(row)] = torch.from_numpy(row.astype(np.int64))
            wanted[number, len(row) - count : len(row)] = True
        outputs = self._whole(ids) if self._head is None else self._hidden(ids)
        outputs = outputs[wanted.to(outputs.device)]
        limit = _LOGITS_ON_CPU if outputs.device.type == "cpu" else _LOGITS
        start = 0
        for part in outputs.split(max(1, limit // self.vocabulary)):
            logits = part if self._head is None else self._head(part)
            yield slice(start, start + len(part)), logits.float()
            start += len(part)

    def _whole(self, ids: Tensor) -> Tensor:
        logits: Tensor = self._model(ids.to(self._model.device), use_cache=False).logits
        return logits

    def _hidden(self, ids: Tensor) -> Tensor:
        body = self._model.base_model
        hidden: Tensor = body(ids.to(self._model.device), use_cache=False).last_hidden_state
        return hidden

    @torch.inference_mode()
    def _probe(self) -> None:
        """Checks with two tiny texts that the model is causal, and whether its head is plain."""
        ids = torch.tensor([[0, 0], [0, 1]])
        logits = self._whole(ids)
        one, other = logits[:, 0].float()
        rounding = torch.finfo(logits.dtype).eps ** 0.5 * one.abs().max()
        if (one - other).abs().max() > rounding:
            raise ModelError(
                "this is not a causal language model: a token's logits depend on what follows it"
            )
        if self._head is not None and not torch.equal(self._head(self._hidden(ids)), logits):
            self._head = None


class TransformersSteps:
    """Texts read in lockstep, one token at a time; `TransformersModel.steps` creates one.

    Every call does the same arithmetic on arrays of the same shape, whatever the tokens, so an
    encoder and a decoder get the same bits on the same machine, with the same library versions and
    number of threads. A text that has ended continues with arbitrary tokens.

    Args:
        model: A causal language model in evaluation mode, with a key-value cache.
        texts: Number of texts.
        window: Number of tokens after which a new window starts.
        bos: The token that a window starts with. None: a window starts with the token before its
            own first one, and the first token of a text has a uniform distribution.
        vocabulary: Number of ids that a distribution covers.

    Raises:
        InvalidArgumentError: `texts` is less than 1.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        texts: int,
        window: int,
        bos: int | None,
        vocabulary: int,
    ) -> None:
        if texts < 1:
            raise InvalidArgumentError(f"texts {texts}: must be at least 1")
        self._model = model
        self._texts = texts
        self._window = window
        self._bos = bos
        self._vocabulary = vocabulary
        self._tokens = 0
        self._has_started = False
        self._cache: Any = None

    @torch.inference_mode()
    def next(self, ids: Ids | None) -> NDArray[np.float32]:
        """Appends one token to each text and returns the distributions of the next one.

        Args:
            ids: One token per text, shape (texts,); None in the first call, and only there.

        Returns:
            The probabilities of each text's next token, shape (texts, vocabulary).

        Raises:
            InvalidArgumentError: `ids` has another shape, or an id outside the vocabulary.
            ModelError: A probability is NaN, or the model has no key-value cache.
        """
        self._check(ids)
        if ids is not None:
            self._tokens += 1
        self._has_started = True
        if self._tokens % self._window == 0:
            self._cache = None
            if self._bos is not None:
                ids = np.full(self._texts, self._bos, np.uint32)
        if ids is None:
            return np.full((self._texts, self._vocabulary), 1 / self._vocabulary, np.float32)
        seen = torch.from_numpy(ids.astype(np.int64))[:, None].to(self._model.device)
        answer = self._model(seen, past_key_values=self._cache, use_cache=True)
        self._cache = getattr(answer, "past_key_values", None)
        if self._cache is None:
            raise ModelError("the model has no key-value cache, so it cannot code token by token")
        rows: NDArray[np.float32] = answer.logits[:, -1].float().softmax(1).cpu().numpy()
        if not np.isfinite(rows).all():
            raise no_probability(f"token {self._tokens}")
        return rows

    def _check(self, ids: Ids | None) -> None:
        if (ids is None) == self._has_started:
            raise InvalidArgumentError("the first step takes no ids, and every later one does")
        if ids is not None and ids.shape != (self._texts,):
            raise InvalidArgumentError(
                f"ids of shape {ids.shape}: a step takes one id for each of {self._texts} texts"
            )
        if ids is not None and ids.max() >= self._vocabulary:
            raise InvalidArgumentError(
                f"id {ids.max()}: the model's vocabulary ends at {self._vocabulary - 1}"
            )


def generate(
    model: "PreTrainedModel",
    rows: Sequence[Ids],
    draws: NDArray[np.float32],
    temperature: float,
) -> list[Ids]:
    """Continues each row until the model ends the text or the draws are used up.

    Args:
        model: A causal language model in evaluation mode.
        rows: Token ids of each prompt, shape (length,) per row, at least 1.
        draws: Random numbers in [0, 1), shape (rows, tokens): the k-th token of a row is where the
            k-th number falls in the cumulative probabilities.
        temperature: Divides the logits; 0 takes the most likely token, whatever the numbers.

    Returns:
        The ids that follow each row; an id that ends the text is included, if it was drawn.

    Raises:
        ModelError: A probability is NaN.
    """
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, longest - len(row) :] = torch.from_numpy(row.astype(np.int64))
        mask[number, longest - len(row) :] = 1
    draw = _Draw(torch.from_numpy(draws).to(model.device), longest, temperature)
    texts = model.generate(  # type: ignore[operator]
        ids.to(model.device),
        attention_mask=mask.to(model.device),
        max_new_tokens=draws.shape[1],
        do_sample=False,
        logits_processor=LogitsProcessorList([draw]),
    )
    ends = ends_of(model)
    return [_up_to(row, ends) for row in texts[:, longest:].cpu().numpy().astype(np.uint32)]


def ends_of(model: "PreTrainedModel") -> Ids:
    """The ids that end a text, shape (ids,)."""
    return np.atleast_1d(model.generation_config.eos_token_id or []).astype(np.uint32)


class _Draw(LogitsProcessor):
    """Keeps only the drawn token, so that greedy search has to take it."""

    def __init__(self, draws: Tensor, prompt: int, temperature: float) -> None:
        self._draws = draws
        self._prompt = prompt
        self._temperature = temperature

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        if not logits.amax(1).isfinite().all():
            raise no_probability("generated text")
        if self._temperature == 0:
            return logits
        cumulative = (logits.float() / self._temperature).softmax(1).cumsum(1)
        at = self._draws[:, ids.shape[1] - self._prompt, None] * cumulative[:, -1:]
        # Rounding may bring a number up to the very end, past the last token.
        drawn = torch.searchsorted(cumulative, at, right=True).clamp(max=logits.shape[1] - 1)
        return torch.full_like(logits, -torch.inf).scatter(1, drawn, 0.0)


def _up_to(ids: Ids, ends: Ids) -> Ids:
    at = np.flatnonzero(np.isin(ids, ends))
    return ids[: at[0] + 1] if len(at) else ids
