"""A training by TRL: loads the model, builds the trainer, goes on after what stops it."""

import gc
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
from transformers import AutoConfig, PrinterCallback

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.faults import explained, quiet
from elastic_core.models.loading import load_tokenizer, load_weights
from elastic_core.progress import Progress
from elastic_core.training.algorithms.job import Job
from elastic_core.training.loop import last_state
from elastic_core.training.tuning.folder import Folder
from elastic_core.training.tuning.follower import Follower, curve
from elastic_core.training.tuning.recipe import Recipe
from elastic_core.training.tuning.rows import begin_with, is_conversation
from elastic_core.training.tuning.trained import Trained

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, Trainer

    from elastic_core.training.tuning.train import Reward

_ADAPTER = "adapter"
_SOURCE = {"revision": None, "trust_remote_code": False}


def processes() -> int:
    """How many processes train together, by what `accelerate launch` says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def run(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    reward: "Reward | None",
    progress: Progress | None,
) -> Trained:
    """Does what is not done yet; see `train` for arguments and errors."""
    if done := folder.result():
        return done
    is_first = int(os.environ.get("RANK", "0")) == 0
    if is_first:
        folder.begin()
    began = time.monotonic()
    follower = Follower(_teller(settings["model"], progress if is_first else None))
    try:
        with _quiet():
            trainer = _fitted(rows, recipe, folder, settings, reward, follower)
            if not follower.diverged:
                _save(trainer, recipe, folder.model, settings["model"])
    finally:
        if is_first and last_state(folder.partial) is None and not folder.model.exists():
            shutil.rmtree(folder.partial, ignore_errors=True)  # There is nothing to go on from.
    columns = curve(trainer.state)
    tokens = columns.get("num_tokens")
    result = Trained(
        path=None if follower.diverged else str(folder.out),
        steps=trainer.state.global_step,
        first_loss=float(columns["loss"][0]),
        final_loss=float(columns["loss"][-1]),
        curve=columns,
        tokens=None if tokens is None else int(tokens[-1]),
        seconds=time.monotonic() - began,
        diverged=follower.diverged,
        settings=settings,
    )
    if is_first:
        folder.finish(result)
    trainer.accelerator.wait_for_everyone()
    return result


def _fitted(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    reward: "Reward | None",
    follower: Follower,
) -> "Trainer":
    """Trains, with ever smaller batches until one fits into memory."""
    while True:
        try:
            return _train(rows, recipe, folder, settings, reward, follower)
        except torch.OutOfMemoryError as error:
            recipe = _smaller(recipe, error)
        gc.collect()
        torch.cuda.empty_cache()


def _train(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    reward: "Reward | None",
    follower: Follower,
) -> "Trainer":
    """Builds the trainer and lets it run; the trainer, when it has ended."""
    job = _job(rows, recipe, folder, settings, reward, follower)
    if is_conversation(rows[0]) and job.tokenizer.chat_template is None:
        raise ModelError(
            f"{settings['model']}: its tokenizer has no chat template, which conversations need; "
            "give prompt and completion as plain text"
        )
    module = import_module(f"elastic_core.training.algorithms.{recipe.algorithm}")
    trainer: Any = module.trainer(job)
    if not len(trainer.train_dataset):
        raise InvalidArgumentError(
            f"no row has anything to learn within {job.max_length} tokens; choose a longer "
            "max_length"
        )
    trainer.remove_callback(PrinterCallback)
    last = last_state(folder.partial)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    made: Trainer = trainer
    return made


def _job(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    reward: "Reward | None",
    follower: Follower,
) -> Job:
    spec, reference = settings["model"], settings["reference"]
    if recipe.algorithm == "sft" and recipe.beta:
        reference = reference or spec
    name = spec.removeprefix("hf:")
    with explained(spec):
        model = _load(name, recipe)
        tokenizer = load_tokenizer(name, _SOURCE)
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


def _load(name: str, recipe: Recipe) -> "PreTrainedModel":
    """The weights in float32; under an adapter, which alone is trained, in the recipe's dtype."""
    dtype = recipe.dtype if recipe.lora_rank else "float32"
    config = AutoConfig.from_pretrained(name, **_SOURCE)
    return load_weights(name, config, None, dtype, _SOURCE)


def _load_reference(spec: str, recipe: Recipe) -> "PreTrainedModel":
    with explained(spec):
        return _load(spec.removeprefix("hf:"), recipe)


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


def _smaller(recipe: Recipe, error: BaseException) -> Recipe:
    """The recipe with the next smaller batch that makes the same steps."""
    least = 2 if recipe.algorithm == "kto" else 1
    rows = recipe.batch * recipe.accumulation
    half = range(least, min(recipe.batch, (recipe.batch + 1) // 2 + 1))
    smaller = [batch for batch in half if rows % batch == 0]
    if not smaller or processes() > 1:
        raise ModelError(
            f"batch {recipe.batch} does not fit into the device's memory; choose a smaller one, a "
            "shorter max_length, gradient_checkpointing or a lora_rank"
        ) from error
    return replace(recipe, batch=smaller[-1], accumulation=rows // smaller[-1])


def _save(trainer: Any, recipe: Recipe, folder: Path, spec: str) -> None:
    """Writes the model, an adapter merged into it and beside it too; in every process."""
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    if recipe.lora_rank is None:
        trainer.save_model(str(folder))
    else:
        trainer.save_model(str(folder / _ADAPTER))
        if trainer.is_world_process_zero():
            _merge(folder, recipe, spec.removeprefix("hf:"))
            trainer.processing_class.save_pretrained(folder)
    if trainer.is_world_process_zero():
        for file in (folder / "training_args.bin", folder / _ADAPTER / "training_args.bin"):
            file.unlink(missing_ok=True)


def _merge(folder: Path, recipe: Recipe, base: str) -> None:
    from peft import PeftModel

    merged: Any = PeftModel.from_pretrained(_load(base, recipe), folder / _ADAPTER)
    merged.merge_and_unload().save_pretrained(folder)


def _teller(spec: str, progress: Progress | None) -> Callable[[int, int], object]:
    return lambda done, steps: progress and progress(f"train {spec}", done, steps)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TRL and datasets from writing too; see `quiet`."""
    logger = logging.getLogger("trl")
    level, bars = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with quiet():
            yield
    finally:
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
