"""The trainer of PPO: what is sampled and learned when, and the loss.

Resuming, logging and saving are those of transformers.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, default_data_collator

from elastic_core._core import ModelError
from elastic_core.training.finetuning.ppo.losses import (
    advantages,
    policy_loss,
    token_rewards,
    value_loss,
    whiten,
)
from elastic_core.training.finetuning.ppo.policy import Ids, Policy
from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainingArguments

PASSES = 4
"""Passes over the completions of a rollout."""

MINIBATCHES = 2
"""Optimizer steps that a pass takes."""

# Passes, clipping and weight are those of Ziegler et al. (2019), which TRL had. With their decay of
# 0.95, trainings of 200 steps ended at a reward lower by a seventh to a quarter, because the values
# begin at 0; at 1, advantages are unbiased whatever the values.
_CLIP = 0.2
_DECAY = 1.0
_WEIGHT_OF_VALUES = 0.1

_STATE = "rollout.safetensors"
_COLUMNS = ("ids", "attention", "mask")


def plan(prompts: int, recipe: Recipe, seed: int) -> tuple[list[NDArray[np.int64]], Dataset]:
    """What is sampled and learned, and when; it depends on nothing but the arguments.

    A rollout has `MINIBATCHES` x batch x accumulation completions, the last one possibly fewer.
    They are learned in `PASSES` passes, each in an order of its own. Every epoch takes the prompts
    in a new order.

    Args:
        prompts: Number of prompts.
        recipe: The recipe; its `epochs` count passes over the prompts.
        seed: The seed of all orders.

    Returns:
        The prompt of each completion of each rollout; and the completions in the order in which
        they are learned, as a data set of columns `rollout` and `completion`.
    """
    rng = np.random.default_rng(seed)
    minibatch = recipe.batch * recipe.accumulation
    if recipe.steps is None:
        minibatches = math.ceil(prompts * recipe.generations * recipe.epochs / minibatch)
    else:
        minibatches = math.ceil(recipe.steps / PASSES)
    count = minibatches * minibatch // recipe.generations
    epochs = [rng.permutation(prompts) for _ in range(math.ceil(count / prompts))]
    completions = np.repeat(np.concatenate(epochs)[:count], recipe.generations)
    size = MINIBATCHES * minibatch
    rollouts = np.split(completions, range(size, len(completions), size))
    order = [rng.permutation(len(rollout)) for rollout in rollouts for _ in range(PASSES)]
    numbers = np.repeat(np.arange(len(rollouts)), [PASSES * len(rollout) for rollout in rollouts])
    return rollouts, Dataset.from_dict({"rollout": numbers, "completion": np.concatenate(order)})


class PPOTrainer(Trainer):
    """Proximal policy optimization of a policy with values (arXiv 1707.06347, 1909.08593).

    Penalties for diverging from the reference are part of the rewards of the tokens, and advantages
    are whitened over a rollout. Every token of a rollout has the same weight, however its
    minibatches are divided. A state to resume from holds the value head and the last rollout, too.

    Args:
        policy: The model that is trained, with its value head.
        prompts: The prompts, as the reward takes them.
        prompt_ids: The ids of each prompt, at least one.
        rollouts: The prompt of each completion of each rollout, from `plan`.
        length: Maximum tokens of a completion.
        reward: Called with `prompts` and `completions`; returns a finite number for each.
        reference: The reference; None: the model without its adapter.
        beta: Weight of the penalty, per nat.
        args: Arguments of transformers' `Trainer`.
        **parts: Other arguments of it; the data set is the one from `plan`.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        prompts: list[Any],
        prompt_ids: list[Ids],
        rollouts: list[NDArray[np.int64]],
        length: int,
        reward: Callable[..., list[float | None]],
        reference: "PreTrainedModel | None",
        beta: float,
        args: "TrainingArguments",
        **parts: Any,
    ) -> None:
        super().__init__(policy.model, args, default_data_collator, **parts)
        frozen: Any = reference
        self._reference: Any = frozen and frozen.to(args.device).eval()
        self._policy = policy
        self._prompts = prompts
        self._prompt_ids = prompt_ids
        self._rollouts = rollouts
        self._length = length
        self._reward = reward
        self._beta = beta
        self._number = -1
        self._rollout: dict[str, Tensor] = {}
        self._tokens = 0
        self._metrics: dict[str, list[float]] = defaultdict(list)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The completions that the data loader names, sampled before if they are new."""
        number = int(inputs["rollout"][0])
        if number != self._number:
            self._number = number
            try:
                with self.accelerator.autocast():
                    self._rollout = self._evaluated(self._sampled())
            except ModelError:
                if not self.state.global_step:
                    raise
                self._rollout = {}  # The model diverged and predicts nothing any more.
        chosen = inputs["completion"].to(self.args.device)
        return {name: values[chosen] for name, values in self._rollout.items()}

    def _sampled(self) -> dict[str, Tensor]:
        """New completions with their scores: tensors with a row for each.

        `ids` and `attention` have shape (completions, length). `mask`, one position shorter, says
        which of `ids[:, 1:]` are tokens of completions.
        """
        numbers = self._rollouts[self._number]
        prompts = [self._prompt_ids[number] for number in numbers]
        rng = np.random.default_rng([self.args.seed, self._number])
        draws = rng.random((len(prompts), self._length), np.float32)
        minibatch = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        completions = self._policy.sample(prompts, draws, minibatch)
        scores = self._reward(
            prompts=[self._prompts[number] for number in numbers],
            completions=self._policy.spell(completions),
        )
        pairs = zip(prompts, completions, strict=True)
        rows = [torch.from_numpy(np.concatenate(pair).astype(np.int64)) for pair in pairs]
        ids = pad_sequence(rows, batch_first=True)
        starts, ends = (
            torch.tensor([len(row) for row in part])[:, None] for part in (prompts, rows)
        )
        positions = torch.arange(ids.shape[1])
        rollout = {
            "ids": ids,
            "attention": (positions < ends).long(),
            "mask": ((positions >= starts) & (positions < ends))[:, 1:].contiguous(),
            "scores": torch.tensor(scores, dtype=torch.float32),
        }
        self._tokens += int(ends.sum())
        return {name: values.to(self.args.device) for name, values in rollout.items()}

    def _evaluated(self, rollout: dict[str, Tensor]) -> dict[str, Tensor]:
        """The rollout with what is to be learned of it, each of the mask's shape.

        `share`, one number per completion, makes the losses of all tokens a mean.
        """
        ids, attention, mask = (rollout[name] for name in _COLUMNS)
        log_probs, values = self._policy.predict_all(ids, attention, mask)
        ratios = torch.zeros_like(log_probs)
        if self._beta:
            ratios = log_probs - self._policy.reference_log_probs(
                self._reference, ids, attention, mask
            )
        rewards = token_rewards(rollout["scores"], ratios, mask, self._beta)
        gains = advantages(rewards, values, mask, _DECAY)
        return rollout | {
            "log_probs": log_probs,
            "log_ratios": ratios,
            "values": values,
            "returns": gains + values,
            "advantages": whiten(gains, mask),
            "share": (len(mask) / mask.sum()).repeat(len(mask)),
        }

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002
    ) -> Any:
        """The losses of policy and values; NaN once the model predicts nothing any more."""
        if not inputs:
            return self._policy.head.bias.sum() * math.nan
        ids, attention, mask = (inputs[name] for name in _COLUMNS)
        old, old_values, returns, gains, log_ratios = (
            inputs[name][mask]
            for name in ("log_probs", "values", "returns", "advantages", "log_ratios")
        )
        log_probs, values = self._policy.predict(model, ids, attention, mask)
        share = inputs["share"][0] / len(mask)
        policy = policy_loss(log_probs, old, gains, _CLIP).sum() * share
        value = value_loss(values, old_values, returns, _CLIP).sum() * share
        is_clipped = (log_probs.detach() - old).exp().sub(1).abs() > _CLIP
        for name, metric in (
            ("reward", inputs["scores"].mean()),
            ("kl", log_ratios.mean()),
            ("value_loss", value.detach()),
            ("clip_ratio", is_clipped.float().mean()),
            ("completions/mean_length", mask.sum() / len(mask)),
        ):
            self._metrics[name].append(float(metric))
        return policy + _WEIGHT_OF_VALUES * value

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the tokens sampled, and the means of all metrics since the previous row."""
        if "loss" in logs:
            logs |= {name: float(np.mean(values)) for name, values in self._metrics.items()}
            logs["num_tokens"] = float(self._tokens)
            self._metrics.clear()
        super().log(logs, start_time)

    def _save(
        self,
        output_dir: str | None = None,
        state_dict: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> None:
        super()._save(output_dir, self._policy.weights)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        number = {"number": torch.tensor(self._number)}
        save_file(self._rollout | self._policy.head.state_dict() | number, folder / _STATE)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        state = load_file(Path(resume_from_checkpoint) / _STATE, str(self.args.device))
        self._number = int(state.pop("number"))
        self._policy.head.load_state_dict({name: state.pop(name) for name in ("weight", "bias")})
        self._rollout = state
