"""A recipe, a model and rows become what TRL's trainers take."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from transformers import AutoConfig, AutoModelForCausalLM

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.transformers.checkpoint import (
    load_tokenizer,
    load_weights,
    wrap_load_errors,
)
from elastic_core.training.finetuning.algorithms.job import Job
from elastic_core.training.finetuning.folder import Folder
from elastic_core.training.finetuning.follower import Follower
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.rows import begin_with, is_conversation

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

    from elastic_core.training.finetuning.train import Reward

_SOURCE = {"revision": None, "trust_remote_code": False}


def make_job(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    reward: "Reward | None",
    follower: Follower,
) -> Job:
    """Loads the model, its tokenizer and its reference, and makes ready what the trainer takes.

    Raises:
        ModelError: A model cannot be loaded, or its tokenizer has no token to end a text, or no
            chat template for conversations.
    """
    spec, reference = settings["model"], settings["reference"]
    if recipe.algorithm == "sft" and recipe.beta:
        reference = reference or spec
    name = spec.removeprefix("hf:")
    with wrap_load_errors(spec):
        model = load_for_training(name, recipe)
        tokenizer = load_tokenizer(name, _SOURCE)
    if is_conversation(rows[0]) and tokenizer.chat_template is None:
        raise ModelError(
            f"{spec}: its tokenizer has no chat template, which conversations need; "
            "give prompt and completion as plain text"
        )
    if tokenizer.eos_token is None:
        raise ModelError(f"{spec}: its tokenizer has no eos token, which has to end a text")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    bos = tokenizer.bos_token or ""
    if bos and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        bos = ""  # The tokenizer sets it itself.
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return Job(
        recipe=recipe,
        model=model,
        tokenizer=tokenizer,
        rows=datasets.Dataset.from_list(begin_with(bos, rows)),
        max_length=min(recipe.max_length, positions or recipe.max_length),
        arguments=_arguments(recipe, folder.partial, settings["seed"]),
        callbacks=[follower],
        adapter=_adapter(recipe),
        reference=None if reference is None else _load_reference(reference, recipe),
        rewards=[] if reward is None else [_called_by_trl(reward, bos)],
    )


def load_for_training(name: str, recipe: Recipe) -> "PreTrainedModel":
    """The weights in float32; under an adapter, which alone is trained, in the recipe's dtype."""
    dtype = recipe.dtype if recipe.lora_rank else "float32"
    config = AutoConfig.from_pretrained(name, **_SOURCE)
    return load_weights(AutoModelForCausalLM, name, config, None, dtype, _SOURCE)


def _load_reference(spec: str, recipe: Recipe) -> "PreTrainedModel":
    with wrap_load_errors(spec):
        return load_for_training(spec.removeprefix("hf:"), recipe)


def _arguments(recipe: Recipe, states: Path, seed: int) -> dict[str, Any]:
    """The arguments of transformers' `TrainingArguments`."""
    schedule = recipe.schedule
    if schedule == "constant" and recipe.warm_up:
        schedule = "constant_with_warmup"
    return {
        "output_dir": str(states),
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.steps or -1,
        "per_device_train_batch_size": recipe.batch,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": recipe.warm_up,
        "weight_decay": recipe.weight_decay,
        "bf16": recipe.dtype == "bfloat16",
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "use_cpu": recipe.device == "cpu",
        "dataloader_pin_memory": recipe.device == "cuda",
        "seed": seed % 2**32,
        "logging_strategy": "no",
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "ddp_find_unused_parameters": False,
        "disable_tqdm": True,
        "report_to": recipe.report_to,
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


def _called_by_trl(reward: "Reward", bos: str) -> Callable[..., list[float | None]]:
    """A reward as TRL calls it: with more that is not looked at, or with conversations."""

    def score(prompts: list[Any], completions: list[Any], **_: Any) -> list[float | None]:
        asked = [_text(prompt).removeprefix(bos) for prompt in prompts]
        found = [float(each) for each in reward(asked, [_text(each) for each in completions])]
        if len(found) != len(asked):
            raise InvalidArgumentError(
                f"the reward gave {len(found)} numbers for {len(asked)} texts; it has to give one "
                "for each"
            )
        return [*found]

    return score


def _text(told: str | list[dict[str, str]]) -> str:
    return told if isinstance(told, str) else "\n".join(each["content"] for each in told)
