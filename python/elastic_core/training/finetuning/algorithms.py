"""The trainers of TRL, one entry per algorithm: configuration, trainer, arguments."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import kl_div
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    KTOConfig,
    KTOTrainer,
    RLOOConfig,
    RLOOTrainer,
    SFTConfig,
    SFTTrainer,
)

from elastic_core.training.finetuning.job import Job

if TYPE_CHECKING:
    from transformers import PreTrainedModel

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "You are importing from 'trl.experimental'")
    from trl.experimental.cpo import CPOConfig, CPOTrainer

_SIMPO_MARGIN = 0.5  # gamma / beta, within the range that Meng et al. (2024) recommend

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How an algorithm is trained.

    Attributes:
        config: Class of its configuration.
        trainer: Class of its trainer.
        arguments: The arguments of its configuration besides those of every algorithm.
        parts: The arguments of its trainer besides, or instead of, those of every algorithm.
        beta: Default of the recipe's beta.
    """

    config: Any
    trainer: Any
    arguments: Callable[[Job, float], Arguments]
    parts: Callable[[Job], Arguments]
    beta: float = 0.0

    def build(self, job: Job) -> Any:
        """The trainer of a job."""
        beta = self.beta if job.recipe.beta is None else job.recipe.beta
        arguments = self.config(**job.arguments, **self.arguments(job, beta))
        arguments._n_gpu = min(1, arguments.n_gpu)  # Otherwise the batch would grow with every GPU.
        return self.trainer(args=arguments, **{**job.parts, **self.parts(job)})


class SFTWithKLTrainer(SFTTrainer):
    """Supervised fine-tuning with an optional penalty for diverging from a reference model.

    The loss grows by beta x KL(model || reference) per trained token, computed from the whole
    distributions over the vocabulary. It takes one more forward pass for the logits.

    Args:
        reference: The reference; None: plain supervised fine-tuning.
        beta: Weight of the penalty, in nats per trained token.
        **parts: Arguments of TRL's `SFTTrainer`.
    """

    def __init__(self, reference: "PreTrainedModel | None", beta: float, **parts: Any) -> None:
        super().__init__(**parts)
        self._reference: Any = reference and reference.to(self.accelerator.device).eval()
        self._beta = beta

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """TRL's loss, plus the penalty if there is a reference."""
        plain: Any = super()
        loss = plain.compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self._reference is None:
            return loss
        seen = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        trained = inputs["labels"][:, 1:] != -100
        log_probs = _log_probs(model, seen, trained)
        with torch.no_grad():
            expected = _log_probs(self._reference, seen, trained)
        divergence = kl_div(expected, log_probs, reduction="sum", log_target=True)
        if num_items_in_batch is None:
            return loss + self._beta * divergence / trained.sum().clamp(min=1)
        # Items are counted over all processes, and gradients are averaged over them.
        share = self.accelerator.num_processes / num_items_in_batch
        return loss + self._beta * divergence * share


def _log_probs(model: Any, seen: dict[str, Tensor], trained: Tensor) -> Tensor:
    """Log-probabilities of all tokens at each trained position, shape (positions, vocabulary)."""
    logits = model(**seen, use_cache=False).logits[:, :-1]
    log_probs: Tensor = logits[trained].float().log_softmax(-1)
    return log_probs


def _preference_arguments(job: Job, beta: float) -> Arguments:
    return {"max_length": job.max_length, "beta": beta}


def _online_arguments(job: Job, beta: float) -> Arguments:
    return {
        "beta": beta,
        "num_generations": job.recipe.generations,
        "max_completion_length": job.recipe.completion_length,
    }


def _simpo_arguments(job: Job, beta: float) -> Arguments:
    """SimPO as TRL has it: CPO without its likelihood term."""
    return {
        "max_length": job.max_length,
        "loss_type": "simpo",
        "cpo_alpha": 0.0,
        "beta": beta,
        "simpo_gamma": _SIMPO_MARGIN * beta,
        "remove_unused_columns": False,
    }


def _kto_parts(job: Job) -> Arguments:
    """KTO's trainer takes rows in their order to pair each with another one, so shuffle them."""
    return {
        "ref_model": job.reference,
        "train_dataset": job.rows.shuffle(seed=job.arguments["seed"]),
    }


ALGORITHMS: dict[str, Algorithm] = {
    "sft": Algorithm(
        SFTConfig,
        SFTWithKLTrainer,
        lambda job, _: {"max_length": job.max_length},
        lambda job: {"reference": job.reference, "beta": job.recipe.beta or 0.0},
    ),
    "dpo": Algorithm(
        DPOConfig,
        DPOTrainer,
        _preference_arguments,
        lambda job: {"ref_model": job.reference},
        beta=0.1,
    ),
    "kto": Algorithm(KTOConfig, KTOTrainer, _preference_arguments, _kto_parts, beta=0.1),
    "simpo": Algorithm(CPOConfig, CPOTrainer, _simpo_arguments, lambda _: {}, beta=2.0),
    "rloo": Algorithm(
        RLOOConfig,
        RLOOTrainer,
        _online_arguments,
        lambda job: {"reward_funcs": [*job.rewards]},
        beta=0.05,
    ),
    "grpo": Algorithm(
        GRPOConfig, GRPOTrainer, _online_arguments, lambda job: {"reward_funcs": [*job.rewards]}
    ),
}
"""DPO: arXiv 2305.18290. KTO: 2402.01306. SimPO: 2405.14734. RLOO: 2402.14740. GRPO: 2402.03300."""
