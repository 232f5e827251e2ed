"""Supervised fine-tuning: the likelihood of texts, or of completions given their prompts.

With a beta, the loss grows by beta x KL(model || reference) per trained token, of the whole
distributions over the vocabulary, not of sampled tokens.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import kl_div
from trl import SFTConfig, SFTTrainer

from elastic_core.training.finetuning.algorithms.job import Job

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def trainer(job: Job) -> SFTTrainer:
    """The trainer of a job."""
    arguments = job.configure(SFTConfig, max_length=job.max_length)
    if job.reference is None:
        return SFTTrainer(args=arguments, **job.parts)
    return _HeldTrainer(job.reference, job.beta(0.0), args=arguments, **job.parts)


class _HeldTrainer(SFTTrainer):
    """Fine-tuning that a reference holds back; it takes a forward pass more for the logits."""

    def __init__(self, reference: "PreTrainedModel", beta: float, **parts: Any) -> None:
        super().__init__(**parts)
        self._reference: Any = reference.to(self.accelerator.device).eval()
        self._beta = beta

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The loss of TRL, and the penalty."""
        plain: Any = super()
        loss = plain.compute_loss(model, inputs, return_outputs, num_items_in_batch)
        seen = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        trained = inputs["labels"][:, 1:] != -100
        log_probs = _log_probs(model, seen, trained)
        with torch.no_grad():
            expected = _log_probs(self._reference, seen, trained)
        divergence = kl_div(expected, log_probs, reduction="sum", log_target=True)
        if num_items_in_batch is None:
            return loss + self._beta * divergence / trained.sum().clamp(min=1)
        # The items are those of all processes, over which the gradients are averaged.
        share = self.accelerator.num_processes / num_items_in_batch
        return loss + self._beta * divergence * share


def _log_probs(model: Any, seen: dict[str, Tensor], trained: Tensor) -> Tensor:
    """Log-probabilities of what may stand at each trained position, (positions, vocabulary)."""
    logits = model(**seen, use_cache=False).logits[:, :-1]
    found: Tensor = logits[trained].float().log_softmax(-1)
    return found
