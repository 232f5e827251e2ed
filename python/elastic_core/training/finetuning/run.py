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
from transformers import PrinterCallback

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.progress import Progress, Step
from elastic_core.models.transformers.checkpoint import silence_transformers
from elastic_core.training.finetuning.build import load_for_training, make_job
from elastic_core.training.finetuning.folder import Folder
from elastic_core.training.finetuning.follower import Follower, curve
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.trained import Trained
from elastic_core.training.pretraining.loop import last_state

if TYPE_CHECKING:
    from transformers import Trainer

    from elastic_core.training.finetuning.train import Reward

_ADAPTER = "adapter"


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
    job = make_job(rows, recipe, folder, settings, reward, follower)
    module = import_module(f"elastic_core.training.finetuning.algorithms.{recipe.algorithm}")
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

    merged: Any = PeftModel.from_pretrained(load_for_training(base, recipe), folder / _ADAPTER)
    merged.merge_and_unload().save_pretrained(folder)


def _teller(spec: str, progress: Progress | None) -> Callable[[int, int], object]:
    return lambda done, steps: progress and progress(Step("train", spec, done, steps, "steps"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TRL and datasets from writing too; see `quiet`."""
    logger = logging.getLogger("trl")
    level, bars = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with silence_transformers():
            yield
    finally:
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
