"""A transformers model's forward pass, with logits only where they are wanted."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elastic_core._core import ModelError
from elastic_core.models.protocol import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Logits held at a time in float32: 256 MiB. All at once, those of 16,384 tokens would take
# 10 GB where the vocabulary has 150,000. On a CPU 16 MiB stay near it: with 4096 tokens and a
# vocabulary of 4096 that takes 0.07 s where one piece takes 0.10 s, and logsumexp 0.14 s.
_LOGITS, _LOGITS_ON_CPU = 1 << 26, 1 << 22


def no_probability(place: str) -> ModelError:
    """The error for a probability that is zero or not a number, at this place."""
    return ModelError(
        f"{place}: the model gives no usable probability; its weights are damaged, or it needs "
        "another dtype, such as float32"
    )


class Forward:
    """Probabilities from a causal language model, without a look at text or windows.

    Most of the memory of a forward pass would go to logits. So the part of the model below them
    runs over all tokens, and its head over the wanted ones alone, a chunk at a time. A model that
    does something of its own to what its head puts out (a soft cap, say) runs as a whole.

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
        """The log-probability of each target.

        Args:
            rows: The tokens that each row of the batch sees, shape (length,) of its own.
            targets: The tokens that follow the last ones of each row, shape (targets,).

        Returns:
            An array of shape (targets,) for each row.
        """
        counts = [len(each) for each in targets]
        answers = torch.from_numpy(np.concatenate(targets).astype(np.int64))
        found = torch.empty(len(answers))
        for part, logits in self._logits(rows, counts):
            chosen = answers[part, None].to(logits.device)
            found[part] = logits.log_softmax(1).gather(1, chosen)[:, 0].cpu()
        return [each.numpy() for each in found.split(counts)]

    @torch.inference_mode()
    def distributions(self, rows: Sequence[Ids]) -> NDArray[np.float32]:
        """The probabilities of what follows each row, shape (rows, vocabulary)."""
        parts = [logits.softmax(1).cpu() for _, logits in self._logits(rows, [1] * len(rows))]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def log_distributions(
        self, rows: Sequence[Ids], counts: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """The log-probabilities of what follows the last tokens of each row, so many of them.

        Returns:
            An array of shape (count, vocabulary) for each row.
        """
        parts = [logits.log_softmax(1).cpu() for _, logits in self._logits(rows, counts)]
        return [each.numpy() for each in torch.cat(parts).split(list(counts))]

    def _logits(self, rows: Sequence[Ids], counts: Sequence[int]) -> Iterator[tuple[slice, Tensor]]:
        """The logits that follow the last tokens of each row, so many of them.

        Yields:
            Which of the tokens, row after row, and their logits: float32, (tokens, vocabulary).
        """
        # What fills a row up stands on its right, where a causal model does not look.
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        wanted = torch.zeros_like(ids, dtype=torch.bool)
        for number, (row, count) in enumerate(zip(rows, counts, strict=True)):
            ids[number, : len(row)] = torch.from_numpy(row.astype(np.int64))
            wanted[number, len(row) - count : len(row)] = True
        found = self._whole(ids) if self._head is None else self._hidden(ids)
        found = found[wanted.to(found.device)]
        most = _LOGITS_ON_CPU if found.device.type == "cpu" else _LOGITS
        start = 0
        for part in found.split(max(1, most // self.vocabulary)):
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
        """Finds out by two tiny texts whether the model is causal, and its head a plain one."""
        ids = torch.tensor([[0, 0], [0, 1]])
        logits = self._whole(ids)
        one, other = logits[:, 0].float()
        rounding = torch.finfo(logits.dtype).eps ** 0.5 * one.abs().max()
        if (one - other).abs().max() > rounding:
            raise ModelError("it is no causal language model: it looks at what follows a token")
        if self._head is not None and not torch.equal(self._head(self._hidden(ids)), logits):
            self._head = None
