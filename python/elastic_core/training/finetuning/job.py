"""A recipe, a model and rows, prepared for the trainers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from transformers import AutoConfig, AutoModelForCausalLM

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.spec import ModelSpec
from elastic_core.models.transformers.attention import widen_heads
from elastic_core.models.transformers.checkpoint import (
    PLAIN_SOURCE,
    check_ids,
    embedded_ids,
    load_tokenizer,
    load_weights,
    pick_device,
    wrap_load_errors,
)
from elastic_core.models.transformers.inputs import spell_completions
from elastic_core.training.finetuning.recipe import Recipe, Reward
from elastic_core.training.finetuning.rows import check_labels, is_conversation, prepend_bos
from elastic_core.training.finetuning.usable import RowCounts, RowReader, row_limit, select_usable

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tuning, ready for the trainer of an algorithm.

    Attributes:
        recipe: The recipe.
        model: The model, loaded from a path from which TRL loads the reference again.
        tokenizer: Its tokenizer, with a padding token.
        rows: The rows that have a token to learn.
        counts: What became of the rows that were passed.
        max_length: Maximum tokens of a row.
        arguments: Arguments of transformers' `TrainingArguments`.
        callbacks: Callbacks of transformers' `Trainer`.
        adapter: The adapter to train instead of the weights, if any.
        reference: The reference model; None: the model before training.
        rewards: Rewards as TRL calls them.
    """

    recipe: Recipe
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    rows: "Dataset"
    counts: RowCounts
    max_length: int
    arguments: dict[str, Any]
    callbacks: "list[TrainerCallback]"
    adapter: "PeftConfig | None"
    reference: "PreTrainedModel | None"
    rewards: list[Callable[..., list[float | None]]]

    @property
    def parts(self) -> dict[str, Any]:
        """The arguments that all of TRL's trainers take."""
        return {
            "model": self.model,
            "train_dataset": self.rows,
            "processing_class": self.tokenizer,
            "callbacks": self.callbacks,
            "peft_config": self.adapter,
        }


def make_job(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    states: Path,
    settings: dict[str, Any],
    reward: Reward | None,
    callback: "TrainerCallback",
    *,
    require_all: bool,
) -> Job:
    """Loads the model, its tokenizer and its reference, and prepares the rows.

    Args:
        rows: The rows.
        recipe: The recipe.
        states: Folder for states to resume from.
        settings: The settings of the training: model, reference and seed.
        reward: The reward of `ppo`, `rloo` and `grpo`.
        callback: The callback of the trainer.
        require_all: Whether to refuse rows with nothing to learn; if not, they are left out.

    Raises:
        InvalidArgumentError: No row has a token to learn, or a required one has none, or the chat
            template refuses a row.
        ModelError: A model cannot be loaded, or its tokenizer lacks an eos token, or a chat
            template for conversations.
    """
    spec, reference = ModelSpec.parse(settings["model"]), settings["reference"]
    if _needs_reference(recipe):
        reference = reference or spec.text
    model = load_for_training(spec, recipe)
    with wrap_load_errors(spec.text):
        tokenizer = load_tokenizer(spec.name, PLAIN_SOURCE)
    _check_tokenizer(spec, tokenizer, is_conversation(rows[0]))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    bos = tokenizer.bos_token or ""
    if bos and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        bos = ""  # The tokenizer adds it itself.
    with wrap_load_errors(spec.text):
        begin = tokenizer.bos_token_id if bos else None
        special = (begin, tokenizer.eos_token_id, tokenizer.pad_token_id)
        check_ids(model, tokenizer, [token for token in special if token is not None])
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    read = RowReader(tokenizer, embedded_ids(model))
    usable, counts = select_usable(prepend_bos(bos, rows), recipe, read, positions)
    counts.check(recipe, require_all=require_all)
    check_labels(usable, recipe.algorithm)
    return Job(
        recipe=recipe,
        model=model,
        tokenizer=tokenizer,
        rows=datasets.Dataset.from_list(usable),
        counts=counts,
        max_length=row_limit(recipe, positions),
        arguments=_training_arguments(recipe, states, settings),
        callbacks=[callback],
        adapter=_adapter(recipe),
        reference=reference and load_for_training(ModelSpec.parse(reference), recipe),
        rewards=[_trl_reward(reward, bos, tokenizer)] if reward else [],
    )


def _needs_reference(recipe: Recipe) -> bool:
    """Whether to load a reference that is not named; TRL's trainers load their own."""
    if recipe.algorithm == "ppo":
        return recipe.beta != 0 and recipe.lora_rank is None
    return recipe.algorithm == "sft" and bool(recipe.beta)


def load_for_training(spec: ModelSpec, recipe: Recipe) -> "PreTrainedModel":
    """The weights in float32; under an adapter, which is trained instead, in the recipe's dtype.

    Raises:
        ModelError: The model cannot be loaded.
    """
    dtype = recipe.dtype if recipe.lora_rank else "float32"
    with wrap_load_errors(spec.text):
        config = AutoConfig.from_pretrained(spec.name, **PLAIN_SOURCE)
        model = load_weights(AutoModelForCausalLM, spec.name, config, None, dtype, PLAIN_SOURCE)
    if pick_device(recipe.device).type == "cpu":
        widen_heads(model)
    return model


def _check_tokenizer(
    spec: ModelSpec, tokenizer: "PreTrainedTokenizerBase", has_conversations: bool
) -> None:
    if has_conversations and tokenizer.chat_template is None:
        raise ModelError(
            f"{spec.text}: its tokenizer has no chat template, which conversations need; "
            "give prompt and completion as plain text"
        )
    if tokenizer.eos_token is None:
        raise ModelError(
            f"{spec.text}: its tokenizer has no eos token to end a text with; add one to its "
            "tokenizer_config.json"
        )


def _training_arguments(recipe: Recipe, states: Path, settings: dict[str, Any]) -> dict[str, Any]:
    schedule = recipe.schedule
    if schedule == "constant" and recipe.warm_up:
        schedule = "constant_with_warmup"
    others: dict[str, Any] = {}
    if recipe.optimizer == "sgd":
        others["optim"] = "sgd"
    if "checkpoints" in settings:
        others["train_sampling_strategy"] = "sequential"
    return {
        "output_dir": str(states),
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.steps or -1,
        "per_device_train_batch_size": recipe.batch,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": int(recipe.warm_up) if recipe.warm_up >= 1 else recipe.warm_up,
        "weight_decay": recipe.weight_decay,
        "bf16": recipe.dtype == "bfloat16",
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "use_cpu": recipe.device == "cpu",
        "dataloader_pin_memory": recipe.device == "cuda",
        "seed": settings["seed"] % 2**32,
        "logging_strategy": "no",
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "ddp_find_unused_parameters": False,
        "disable_tqdm": True,
        "report_to": recipe.report_to,
        **others,
    }


def _adapter(recipe: Recipe) -> "PeftConfig | None":
    if recipe.lora_rank is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=2 * recipe.lora_rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _trl_reward(
    reward: Reward, bos: str, tokenizer: "PreTrainedTokenizerBase"
) -> Callable[..., list[float | None]]:
    """A reward as TRL calls it: with arguments that are ignored, and with conversations."""

    def score(
        prompts: list[Any],
        completions: list[Any],
        completion_ids: list[list[int]] | None = None,
        **_: Any,
    ) -> list[float | None]:
        plain = [_content(prompt).removeprefix(bos) for prompt in prompts]
        if completion_ids and all(isinstance(completion, str) for completion in completions):
            completions = spell_completions(tokenizer, completion_ids)
        scores = reward.score(plain, [_content(completion) for completion in completions])
        if len(scores) != len(plain):
            raise InvalidArgumentError(
                f"the reward gave {len(scores)} numbers for {len(plain)} texts; it must give one "
                "for each"
            )
        for completion, value in zip(completions, scores, strict=True):
            if not _is_finite(value):
                raise InvalidArgumentError(
                    f"the reward of the completion {_content(completion)[:_LONGEST_SHOWN]!r} is "
                    f"{value}; a reward must be a finite number"
                )
        return [float(value) for value in scores]

    return score


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def _content(text: str | list[dict[str, str]]) -> str:
    return text if isinstance(text, str) else "\n".join(message["content"] for message in text)
