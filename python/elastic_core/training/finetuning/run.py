"""Fine-tuning with TRL: builds the trainer, trains or resumes, saves the model."""

import gc
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PrinterCallback, TrainerControl, TrainerState, TrainingArguments

from elastic_core._core import ModelError
from elastic_core.common.progress import Progress, Step
from elastic_core.models.spec import ModelSpec
from elastic_core.models.transformers.checkpoint import silence_transformers
from elastic_core.training.callbacks import OnStep, StepCallback, last_state
from elastic_core.training.finetuning.algorithms import ALGORITHMS
from elastic_core.training.finetuning.job import Job, load_for_training, make_job
from elastic_core.training.finetuning.recipe import Recipe, Reward
from elastic_core.training.finetuning.result import Trained
from elastic_core.training.folder import TrainingFolder, checkpoint_folder
from elastic_core.training.saving import name_errors_of_states, saving, write_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer

    from elastic_core.training.finetuning.usable import RowCounts

OnRows: TypeAlias = Callable[[int], object]
"""Called with a number of rows."""

_ADAPTER = "adapter"
_NOT_IN_CURVE = ("epoch", "step_time")

# Signs that a training with a finite loss diverged. Weights far too large often make the logits all
# equal, so that the loss is that of a uniform guess; the loss alone would not show it.
_WORSE_THAN_GUESSING = 1.0
_GROWTH_OF_WEIGHTS = 10.0


def processes() -> int:
    """The number of processes that train together, as set by `accelerate launch`."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def run(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: TrainingFolder,
    settings: dict[str, Any],
    reward: Reward | None,
    progress: Progress | None,
    *,
    require_all: bool,
) -> Trained:
    """Trains, or returns the result if the training is finished; see `train`."""
    if result := folder.result():
        if result.rows:
            result.rows.check(recipe, require_all=require_all)
        return result
    is_first = int(os.environ.get("RANK", "0")) == 0
    if is_first:
        folder.begin()
    start = time.monotonic()
    spec = ModelSpec.parse(settings["model"])

    def on_step(step: int, steps: int) -> None:
        if progress and is_first:
            progress(Step("train", spec.text, step, steps, "steps"))

    callback = _FinetuningCallback(on_step)
    try:
        with _silence_libraries():
            trainer, counts = _within_memory(
                recipe,
                lambda fitting: _train(
                    rows, fitting, folder, settings, reward, callback, require_all=require_all
                ),
            )
            if not callback.diverged:
                with saving(folder.out):
                    _save(trainer, recipe, folder.model, spec)
    finally:
        if is_first and last_state(folder.partial) is None and not folder.model.exists():
            shutil.rmtree(folder.partial, ignore_errors=True)  # There is nothing to resume from.
    curve = _curve(trainer.state)
    tokens = curve.get("num_tokens")
    result = Trained(
        path=None if callback.diverged else str(folder.out),
        steps=trainer.state.global_step,
        first_loss=float(curve["loss"][0]),
        final_loss=float(curve["loss"][-1]),
        curve=curve,
        tokens=None if tokens is None else int(tokens[-1]),
        rows=counts,
        seconds=time.monotonic() - start,
        diverged=callback.diverged,
        settings=settings,
    )
    if is_first:
        folder.finish(result)
    trainer.accelerator.wait_for_everyone()
    return result


class _FinetuningCallback(StepCallback):
    """Completes the token counts of log rows, and ends a training whose loss is not finite.

    Attributes:
        diverged: Whether the training diverged, as `Trained.diverged` defines it.
        on_rows: Called after each step with the number of rows read.
    """

    def __init__(self, on_step: OnStep) -> None:
        super().__init__(on_step)
        self.diverged = False
        self.on_rows: OnRows | None = None
        self._tokens_before = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Restores the token count of an earlier attempt."""
        super().on_train_begin(args, state, control, **more)
        if state.log_history and not state.num_input_tokens_seen:
            self._tokens_before = state.log_history[-1].get("num_tokens", 0.0)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **more: Any,
    ) -> None:
        """Reports the rows read, before a state is saved."""
        super().on_step_end(args, state, control, **more)
        if self.on_rows:
            rows = args.per_device_train_batch_size * args.gradient_accumulation_steps
            self.on_rows(state.global_step * rows)

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,
        **more: Any,
    ) -> None:
        """Completes a log row, and stops the training if its loss is not finite."""
        if "loss" not in more["logs"]:
            return  # The summary at the end.
        row = state.log_history[-1]
        if "num_tokens" in row:
            row["num_tokens"] += self._tokens_before
        if not math.isfinite(row["loss"]):
            self.diverged = True
            control.should_training_stop = True
            control.should_save = False


def _curve(state: TrainerState) -> dict[str, NDArray[np.float64]]:
    """The log rows as one array per name, sorted by name, NaN where a row lacks a value."""
    rows = [row for row in state.log_history if "loss" in row]
    names = {name for row in rows for name in row if name not in _NOT_IN_CURVE}
    return {
        name: np.array([row.get(name, math.nan) for row in rows], np.float64)
        for name in sorted(names)
    }


def _within_memory(
    recipe: Recipe, train: "Callable[[Recipe], tuple[Trainer, RowCounts]]"
) -> "tuple[Trainer, RowCounts]":
    """Trains, reducing the batch until it fits into the device's memory."""
    while True:
        try:
            return train(recipe)
        except torch.OutOfMemoryError as error:
            recipe = _with_smaller_batch(recipe, error)
        gc.collect()
        torch.cuda.empty_cache()


def _train(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: TrainingFolder,
    settings: dict[str, Any],
    reward: Reward | None,
    callback: _FinetuningCallback,
    *,
    require_all: bool,
) -> "tuple[Trainer, RowCounts]":
    job = make_job(
        rows, recipe, folder.partial, settings, reward, callback, require_all=require_all
    )
    spec = ModelSpec.parse(settings["model"])
    trainer = _build(job, spec)
    trainer.remove_callback(PrinterCallback)
    state = last_state(folder.partial)
    size = _size_of_weights(trainer)
    name_errors_of_states(trainer, folder.partial)

    def keep(done: int) -> None:
        if done in settings.get("checkpoints", ()):
            target = checkpoint_folder(folder.partial, done)
            write_checkpoint(target, lambda partial: _save(trainer, recipe, partial, spec))

    callback.on_rows = keep
    trainer.train(resume_from_checkpoint=str(state) if state else None)
    growth = _size_of_weights(trainer) / size
    callback.diverged |= not growth <= _GROWTH_OF_WEIGHTS or _is_worse_than_guessing(
        trainer, recipe
    )
    return trainer, job.counts


def _build(job: Job, spec: ModelSpec) -> Any:
    """The trainer of a job; an adapter is merged once, unchanged, to see that it can be."""
    build = ALGORITHMS[job.recipe.algorithm].build
    if job.adapter is None:
        return build(job)
    try:
        trainer = build(job)
        if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
            trainer.model.merge_adapter()
            trainer.model.unmerge_adapter()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # PEFT raises errors of any type for a family that it cannot adapt.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ModelError(
            f"{spec.text}: a LoRA adapter does not fit a model of this family ({reason}); leave "
            "lora_rank out"
        ) from error
    return trainer


def _size_of_weights(trainer: Any) -> float:
    """The root of the sum of the squares of all weights; 1 if they are spread over processes."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return 1.0
    weights = trainer.accelerator.unwrap_model(trainer.model).parameters()
    return math.hypot(*(float(weight.detach().float().norm()) for weight in weights))


def _is_worse_than_guessing(trainer: Any, recipe: Recipe) -> bool:
    """Whether plain `sft` ended above both its first loss and that of a uniform guess."""
    if recipe.algorithm != "sft" or recipe.beta:
        return False
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    guess = math.log(trainer.model.config.get_text_config().vocab_size)
    worse: bool = losses[-1] > max(losses[0], guess) + _WORSE_THAN_GUESSING
    return worse


def _with_smaller_batch(recipe: Recipe, error: BaseException) -> Recipe:
    """The recipe with the next smaller batch that keeps the rows of a step."""
    smallest = 2 if recipe.algorithm == "kto" else 1
    rows = recipe.batch * recipe.accumulation
    candidates = range(smallest, min(recipe.batch, (recipe.batch + 1) // 2 + 1))
    batches = [batch for batch in candidates if rows % batch == 0]
    if not batches or processes() > 1:
        raise ModelError(
            f"batch {recipe.batch} does not fit into the device's memory; choose a smaller one, a "
            "shorter max_length, gradient_checkpointing or a lora_rank"
        ) from error
    return replace(recipe, batch=batches[-1], accumulation=rows // batches[-1])


def _save(trainer: Any, recipe: Recipe, folder: Path, spec: ModelSpec) -> None:
    """Writes the model, with an adapter merged into it and also beside it; in every process."""
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    if recipe.lora_rank is None:
        trainer.save_model(str(folder))
    else:
        trainer.save_model(str(folder / _ADAPTER))
        if trainer.is_world_process_zero():
            _merge_adapter(folder, recipe, spec)
            trainer.processing_class.save_pretrained(folder)
    if trainer.is_world_process_zero():
        for file in (folder / "training_args.bin", folder / _ADAPTER / "training_args.bin"):
            file.unlink(missing_ok=True)


def _merge_adapter(folder: Path, recipe: Recipe, spec: ModelSpec) -> None:
    from peft import PeftModel

    merged: Any = PeftModel.from_pretrained(load_for_training(spec, recipe), folder / _ADAPTER)
    merged.merge_and_unload().save_pretrained(folder)


@contextmanager
def _silence_libraries() -> Iterator[None]:
    """Silences TRL and datasets besides transformers."""
    logger = logging.getLogger("trl")
    level, bars_disabled = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with silence_transformers():
            yield
    finally:
        logger.setLevel(level)
        if not bars_disabled:
            datasets.enable_progress_bars()
