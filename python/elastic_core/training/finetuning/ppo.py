"""PPO: the model completes prompts, and learns several passes over minibatches of completions.

TRL has no trainer for it any more. Resuming, logging and saving are those of transformers.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, default_data_collator, set_seed
from transformers.trainer_utils import unwrap_peft_model
from trl.trainer.utils import disable_dropout_in_model

from elastic_core._core import ModelError
from elastic_core.models.transformers.forward import generate
from elastic_core.models.transformers.loading import plain_generation
from elastic_core.training.finetuning.ppo_losses import (
    advantages,
    policy_loss,
    token_rewards,
    value_loss,
    whiten,
)
from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

# Four passes over four minibatches are the defaults of OpenAI's baselines; the rest are those of
# Ziegler et al. (2019), which TRL had.
PASSES = 4
MINIBATCHES = 4
_CLIP = 0.2
_DECAY = 0.95
_WEIGHT_OF_VALUES = 0.1

_HEAD = "value_head"
_STATE = "rollout.safetensors"


def plan(prompts: int, recipe: Recipe, seed: int) -> tuple[list[NDArray[np.int64]], Dataset]:
    """What is completed and learned, and when; it depends on nothing but the arguments.

    A rollout has `MINIBATCHES` x batch x accumulation completions, the last one possibly fewer.
    Each is learned in `PASSES` passes, in an order of their own. Prompts are taken in a new order
    in every epoch.

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
    orders = [rng.permutation(prompts) for _ in range(math.ceil(count / prompts))]
    completions = np.repeat(np.concatenate(orders)[:count], recipe.generations)
    size = MINIBATCHES * minibatch
    rollouts = np.split(completions, range(size, len(completions), size))
    order = [rng.permutation(len(rollout)) for rollout in rollouts for _ in range(PASSES)]
    numbers = np.repeat(np.arange(len(rollouts)), [PASSES * len(rollout) for rollout in rollouts])
    return rollouts, Dataset.from_dict({"rollout": numbers, "completion": np.concatenate(order)})


class PPOTrainer(Trainer):
    """Proximal policy optimization with a value head (Schulman et al. 2017, Ziegler et al. 2019).

    The value head reads the last hidden states of the model that is trained; it starts at 0, is
    part of the states to resume from, and is not saved with the model. Penalties for diverging from
    the reference are part of the rewards of the tokens, and advantages are whitened over a rollout.
    Every token of a rollout has the same weight, however minibatches are divided.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        adapter: The adapter to train instead of the weights, if any.
        args: Arguments of transformers' `Trainer`.
        prompts: The prompts, as the reward takes them.
        prompt_ids: The ids of each prompt, at least one.
        rollouts: The prompt of each completion of each rollout, from `plan`.
        learned: The completions in the order in which they are learned, from `plan`.
        length: Maximum tokens of a completion.
        reward: Called with `prompts` and `completions`; returns a finite number for each.
        reference: The reference; None: the model without its adapter.
        beta: Weight of the penalty, per nat.
        **parts: Arguments of transformers' `Trainer`.
    """

    def __init__(
        self,
        *,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        adapter: "PeftConfig | None",
        args: "TrainingArguments",
        prompts: list[Any],
        prompt_ids: list[NDArray[np.uint32]],
        rollouts: list[NDArray[np.int64]],
        learned: Dataset,
        length: int,
        reward: Callable[..., list[float | None]],
        reference: "PreTrainedModel | None",
        beta: float,
        **parts: Any,
    ) -> None:
        width = model.config.get_text_config().hidden_size
        adapted: Any = model
        if adapter is not None:
            from peft import get_peft_model

            set_seed(args.seed)  # Adapters begin at random.
            adapted = get_peft_model(model, adapter)
            if args.gradient_checkpointing:
                adapted.enable_input_require_grads()
        disable_dropout_in_model(adapted)
        head = nn.Linear(width, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        adapted.add_module(_HEAD, head)
        super().__init__(
            model=adapted,
            args=args,
            processing_class=tokenizer,
            train_dataset=learned,
            data_collator=default_data_collator,
            **parts,
        )
        self._reference: Any = reference and reference.to(args.device).eval()
        self._generation = plain_generation(model, tokenizer)
        self._prompts = prompts
        self._prompt_ids = prompt_ids
        self._rollouts = rollouts
        self._length = length
        self._reward = reward
        self._beta = beta
        self._number = -1
        self._rollout: dict[str, Tensor] = {}
        self._tokens = 0
        self._logs: dict[str, list[float]] = defaultdict(list)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The completions that the data loader names, sampled before if they are new."""
        number = int(inputs["rollout"][0])
        if number != self._number:
            self._number = number
            try:
                self._rollout = self._roll_out()
            except ModelError:
                if not self.state.global_step:
                    raise
                self._rollout = {}  # The model diverged, and predicts nothing any more.
        completions = inputs["completion"].to(self.args.device)
        return {name: values[completions] for name, values in self._rollout.items()}

    def _roll_out(self) -> dict[str, Tensor]:
        """Samples completions and scores them: one tensor per name, one row per completion."""
        numbers = self._rollouts[self._number]
        rows = [self._prompt_ids[number] for number in numbers]
        completions = self._sample(rows)
        ends = self._generation.eos_token_id
        texts = self.processing_class.batch_decode(
            [ids[~np.isin(ids, ends)].tolist() for ids in completions], skip_special_tokens=True
        )
        scores = self._reward(prompts=[self._prompts[at] for at in numbers], completions=texts)
        ids = pad_sequence(
            [
                torch.from_numpy(np.concatenate(pair).astype(np.int64))
                for pair in zip(rows, completions, strict=True)
            ],
            batch_first=True,
        )
        begins, counts = (
            torch.tensor([len(row) for row in part])[:, None] for part in (rows, completions)
        )
        at = torch.arange(ids.shape[1])
        is_learned = (at >= begins) & (at < begins + counts)
        rollout = {
            "ids": ids,
            "attention": (at < begins + counts).long(),
            "mask": is_learned[:, 1:],
            "scores": torch.tensor(scores, dtype=torch.float32),
        }
        self._tokens += int(rollout["attention"].sum())
        rollout = {name: values.to(self.args.device) for name, values in rollout.items()}
        return rollout | self._evaluate_rollout(rollout)

    def _sample(self, rows: list[NDArray[np.uint32]]) -> list[NDArray[np.uint32]]:
        """A completion of each row of ids, with random numbers of the rollout's own."""
        rng = np.random.default_rng([self.args.seed, self._number])
        draws = rng.random((len(rows), self._length), np.float32)
        step = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        completions = []
        with self._without_training() as model:
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                completions += generate(model, rows[part], draws[part], temperature=1.0)
        return completions

    def _evaluate_rollout(self, rollout: dict[str, Tensor]) -> dict[str, Tensor]:
        """What was estimated of the tokens when they were sampled, and what is learned of them."""
        mask = rollout["mask"]
        with self._without_training():
            old, values = self._predict_all(self.model, rollout, has_values=True)
            log_ratios = torch.zeros_like(old)
            if self._reference is not None:
                log_ratios = old - self._predict_all(self._reference, rollout)[0]
            elif self._beta:
                with cast("Any", self.model).disable_adapter():
                    log_ratios = old - self._predict_all(self.model, rollout)[0]
        rewards = token_rewards(rollout["scores"], log_ratios, mask, self._beta)
        gains = advantages(rewards, values, mask, _DECAY)
        weight = len(mask) / mask.sum()
        return {
            "old": old,
            "values": values,
            "advantages": whiten(gains, mask),
            "returns": gains + values,
            "log_ratios": log_ratios,
            "weight": weight.expand(len(mask)).contiguous(),
        }

    def _predict_all(
        self, model: Any, rollout: dict[str, Tensor], *, has_values: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities, and values if there are any, of a rollout; 0 outside the mask."""
        columns = [rollout[name] for name in ("ids", "attention", "mask")]
        batches = [part.split(self.args.per_device_train_batch_size) for part in columns]
        parts = [
            self._predict(model, *batch, has_values=has_values)
            for batch in zip(*batches, strict=True)
        ]
        mask = rollout["mask"]
        log_probs, values = (
            torch.zeros(mask.shape, device=mask.device).masked_scatter(mask, torch.cat(part))
            for part in zip(*parts, strict=True)
        )
        return log_probs, values

    def _predict(
        self, model: Any, ids: Tensor, attention: Tensor, mask: Tensor, *, has_values: bool
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities and values of the tokens at the mask, shape (tokens,), in order."""
        output = model(
            input_ids=ids,
            attention_mask=attention,
            use_cache=False,
            output_hidden_states=has_values,
        )
        log_probs = output.logits[:, :-1][mask].float().log_softmax(1)
        log_probs = log_probs.gather(1, ids[:, 1:][mask][:, None])[:, 0]
        if not has_values:
            return log_probs, torch.zeros_like(log_probs)
        hidden = output.hidden_states[-1][:, :-1][mask].float()
        return log_probs, cast("Any", self.model).value_head(hidden)[:, 0]

    @contextmanager
    def _without_training(self) -> Iterator["PreTrainedModel"]:
        """The model as it samples, without gradients."""
        base = unwrap_peft_model(self.model)
        configured = base.generation_config
        base.generation_config = self._generation
        self.model.eval()
        try:
            with torch.no_grad(), self.accelerator.autocast():
                yield base
        finally:
            self.model.train()
            base.generation_config = configured

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002
    ) -> Any:
        """The losses of policy and values; NaN once the model predicts nothing any more."""
        if not inputs:
            return cast("Any", self.model).value_head.bias.sum() * math.nan
        mask = inputs["mask"]
        log_probs, values = self._predict(
            model, inputs["ids"], inputs["attention"], mask, has_values=True
        )
        old = inputs["old"][mask]
        weight = inputs["weight"][0] / len(mask)
        policy = policy_loss(log_probs, old, inputs["advantages"][mask], _CLIP).sum() * weight
        value = value_loss(
            values, inputs["values"][mask], inputs["returns"][mask], _CLIP
        ).sum() * weight
        is_clipped = (log_probs.detach() - old).exp().sub(1).abs() > _CLIP
        for name, metric in (
            ("reward", inputs["scores"].mean()),
            ("kl", inputs["log_ratios"][mask].mean()),
            ("value_loss", value.detach()),
            ("clip_ratio", is_clipped.float().mean()),
            ("completions/mean_length", mask.sum() / len(mask)),
        ):
            self._logs[name].append(float(metric))
        return policy + _WEIGHT_OF_VALUES * value

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the means of all metrics since the previous row."""
        if "loss" in logs:
            logs |= {name: float(np.mean(values)) for name, values in self._logs.items()}
            logs["num_tokens"] = float(self._tokens)
            self._logs.clear()
        super().log(logs, start_time)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        state = cast("nn.Module", self.model).state_dict() if state_dict is None else state_dict
        super()._save(
            output_dir, {name: state[name] for name in state if not name.startswith(_HEAD)}
        )

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        head = {
            f"{_HEAD}.{name}": values
            for name, values in cast("Any", self.model).value_head.state_dict().items()
        }
        state = self._rollout | head | {"number": torch.tensor(self._number)}
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        save_file(state, folder / _STATE)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        state = load_file(Path(resume_from_checkpoint) / _STATE, str(self.args.device))
        self._number = int(state.pop("number"))
        head = {name: state.pop(f"{_HEAD}.{name}") for name in ("weight", "bias")}
        cast("Any", self.model).value_head.load_state_dict(head)
        self._rollout = state
