"""Text from a transformers model, drawn by random numbers that are given from outside."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from elastic_core.models.forward import no_probability

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def generate(
    model: "PreTrainedModel",
    rows: Sequence[NDArray[np.uint32]],
    draws: NDArray[np.float32],
    temperature: float,
) -> list[NDArray[np.uint32]]:
    """Goes on from each row until the model ends the text or the draws are used up.

    Args:
        model: A causal language model in evaluation mode.
        rows: Token ids of each prompt, shape (length,) of its own, at least 1.
        draws: Numbers from 0 up to 1, shape (rows, tokens): the k-th token of a row is where the
            k-th number falls in the cumulated probabilities.
        temperature: Divides the logits; 0: the likeliest token, whatever the numbers.

    Returns:
        For each row the ids that follow it; one that ends the text stands last, if it was drawn.

    Raises:
        ModelError: A probability is not a number.
    """
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, longest - len(row) :] = torch.from_numpy(row.astype(np.int64))
        mask[number, longest - len(row) :] = 1
    draw = _Draw(torch.from_numpy(draws).to(model.device), longest, temperature)
    found = model.generate(  # type: ignore[operator]
        ids.to(model.device),
        attention_mask=mask.to(model.device),
        max_new_tokens=draws.shape[1],
        do_sample=False,
        logits_processor=LogitsProcessorList([draw]),
    )
    ends = ends_of(model)
    return [_up_to(row, ends) for row in found[:, longest:].cpu().numpy().astype(np.uint32)]


def ends_of(model: "PreTrainedModel") -> NDArray[np.uint32]:
    """The ids that end a text, shape (ids,)."""
    return np.atleast_1d(model.generation_config.eos_token_id or []).astype(np.uint32)


class _Draw(LogitsProcessor):
    """Leaves only the drawn token, which the greedy search then has to take."""

    def __init__(self, draws: Tensor, prompt: int, temperature: float) -> None:
        self._draws = draws
        self._prompt = prompt
        self._temperature = temperature

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        if not logits.amax(1).isfinite().all():
            raise no_probability("generated text")
        if self._temperature == 0:
            return logits
        cumulated = (logits.float() / self._temperature).softmax(1).cumsum(1)
        at = self._draws[:, ids.shape[1] - self._prompt, None] * cumulated[:, -1:]
        # Rounding may bring a number up to the very end, where no token is left.
        drawn = torch.searchsorted(cumulated, at, right=True).clamp(max=logits.shape[1] - 1)
        return torch.full_like(logits, -torch.inf).scatter(1, drawn, 0.0)


def _up_to(ids: NDArray[np.uint32], ends: NDArray[np.uint32]) -> NDArray[np.uint32]:
    found = np.flatnonzero(np.isin(ids, ends))
    return ids[: found[0] + 1] if len(found) else ids
