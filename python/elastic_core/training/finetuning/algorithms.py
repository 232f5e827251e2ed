"""The trainers, one entry per algorithm: configuration, trainer, arguments."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import kl_div
from transformers import TrainingArguments, set_seed
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

from elastic_core.models.transformers.checkpoint import embedded_ids
from elastic_core.training.finetuning.job import Job
from elastic_core.training.finetuning.ppo.policy import Policy
from elastic_core.training.finetuning.ppo.trainer import PPOTrainer, plan
from elastic_core.training.finetuning.usable import RowReader

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
        parts: The arguments of its trainer besides its configuration, with the beta.
        beta: Default of the recipe's beta.
    """

    config: Any
    trainer: Any
    arguments: Callable[[Job, float], Arguments]
    parts: Callable[[Job, float], Arguments]
    beta: float = 0.0

    def build(self, job: Job) -> Any:
        """The trainer of a job."""
        beta = self.beta if job.recipe.beta is None else job.recipe.beta
        arguments = self.config(**{**job.arguments, **self.arguments(job, beta)})
        arguments._n_gpu = min(1, arguments.n_gpu)  # Otherwise the batch would grow with every GPU.
        return self.trainer(args=arguments, **self.parts(job, beta))


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
        # A model that diverged gives no probabilities; the loss is to show it, not the sampling.
        "generation_kwargs": {"remove_invalid_values": True},
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


def _kto_parts(job: Job, _: float) -> Arguments:
    """KTO's trainer takes rows in their order to pair each with another one, so shuffle them."""
    return {
        **job.parts,
        "ref_model": job.reference,
        "train_dataset": job.rows.shuffle(seed=job.arguments["seed"]),
    }


def _online_parts(job: Job, _: float) -> Arguments:
    return {**job.parts, "reward_funcs": [*job.rewards]}


def _ppo_arguments(job: Job, _: float) -> Arguments:  # noqa: ARG001
    """The plan has all epochs in their order."""
    return {
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
    }


def _ppo_parts(job: Job, beta: float) -> Arguments:
    prompts = [row["prompt"] for row in job.rows]
    reader = RowReader(job.tokenizer, embedded_ids(job.model))
    ids = [reader.ids(number, prompt, is_prompt=True) for number, prompt in enumerate(prompts)]
    seed = job.arguments["seed"]
    rollouts, learned = plan(len(prompts), job.recipe, seed)
    set_seed(seed)  # An adapter begins at random.
    policy = Policy(job.model, job.tokenizer, job.adapter, job.recipe.batch)
    if job.adapter is not None and job.recipe.gradient_checkpointing:
        policy.model.enable_input_require_grads()
    return {
        "policy": policy,
        "prompts": prompts,
        "prompt_ids": [np.array(row, np.uint32) for row in ids],
        "rollouts": rollouts,
        "length": job.recipe.completion_length,
        "reward": job.rewards[0],
        "reference": job.reference,
        "beta": beta,
        "train_dataset": learned,
        "processing_class": job.tokenizer,
        "callbacks": job.callbacks,
    }


ALGORITHMS: dict[str, Algorithm] = {
    "sft": Algorithm(
        SFTConfig,
        SFTWithKLTrainer,
        lambda job, _: {"max_length": job.max_length},
        lambda job, beta: {**job.parts, "reference": job.reference, "beta": beta},
    ),
    "dpo": Algorithm(
        DPOConfig,
        DPOTrainer,
        _preference_arguments,
        lambda job, _: {**job.parts, "ref_model": job.reference},
        beta=0.1,
    ),
    "kto": Algorithm(KTOConfig, KTOTrainer, _preference_arguments, _kto_parts, beta=0.1),
    "simpo": Algorithm(CPOConfig, CPOTrainer, _simpo_arguments, lambda job, _: job.parts, beta=2.0),
    "ppo": Algorithm(TrainingArguments, PPOTrainer, _ppo_arguments, _ppo_parts, beta=0.05),
    "rloo": Algorithm(RLOOConfig, RLOOTrainer, _online_arguments, _online_parts, beta=0.05),
    "grpo": Algorithm(GRPOConfig, GRPOTrainer, _online_arguments, _online_parts),
}
"""DPO: arXiv 2305.18290. KTO: 2402.01306. SimPO: 2405.14734. PPO: 1707.06347, 1909.08593.
RLOO: 2402.14740. GRPO: 2402.03300."""
