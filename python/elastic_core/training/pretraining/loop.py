"""The training loop of a new transformer, by transformers' Trainer."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import (
    PrinterCallback,
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from elastic_core._core import ModelError
from elastic_core.training.callbacks import OnStep, StepCallback, last_state, state_folder
from elastic_core.training.pretraining.packing import Blocks
from elastic_core.training.pretraining.result import LossCurve, LossRow, PretrainConfig
from elastic_core.training.saving import name_errors_of_states

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BETAS = (0.9, 0.95)
_WEIGHT_DECAY = 0.1
# Logits in a forward pass, 1 GiB of float32; for larger batches, gradients are accumulated.
_LOGITS = 1 << 28


def train(
    model: "PreTrainedModel",
    blocks: Blocks,
    config: PretrainConfig,
    folder: Path,
    *,
    states: Path,
    on_step: OnStep,
    save: Callable[[int], object] | None = None,
    keep: Callable[[int, Path], object] | None = None,
) -> float:
    """Trains a model, or resumes its training from the last saved state.

    AdamW with betas 0.9 and 0.95 and weight decay 0.1, gradients clipped to a norm of 1. The
    learning rate is that of `config.plan`.

    Args:
        model: The model, which is modified.
        blocks: The training data, in the order of training.
        config: The configuration.
        folder: Folder of `metrics.jsonl`.
        states: Folder of states to resume from.
        on_step: Receives the progress.
        save: Called with the tokens done after each step of `config.checkpoints`, and after the
            last one if it ends a branch.
        keep: Called with the steps done and the folder of the state, where branches begin and at
            the end; None for a run without branches.

    Returns:
        Tokens per second of this attempt; 0 if nothing was left to train.

    Raises:
        ModelError: The loss became NaN or infinite.
        OSError: A file cannot be written.
    """
    rows = config.batch // config.context
    steps = config.tokens // config.batch
    at_once = rows_at_once(rows, config.context * model.config.vocab_size)
    arguments = TrainingArguments(
        output_dir=str(states),
        max_steps=steps,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=rows // at_once,
        learning_rate=config.learning_rate,
        adam_beta1=_BETAS[0],
        adam_beta2=_BETAS[1],
        weight_decay=_WEIGHT_DECAY,
        max_grad_norm=1.0,
        bf16=config.dtype == "bfloat16",
        use_cpu=config.device == "cpu",
        seed=config.seed % 2**32,
        train_sampling_strategy="sequential",
        dataloader_pin_memory=config.device == "cuda",
        remove_unused_columns=False,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        save_total_limit=2,
        disable_tqdm=True,
        report_to="none",
        **config.plan.arguments(),
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # Otherwise the batch would grow with every GPU.
    state = last_state(states)
    step = int(state.name.split("-")[1]) if state else 0
    if state and keep:
        keep(step, state)  # The attempt before may have been interrupted in between.
    callback = _PretrainingCallback(config, LossCurve(folder, step), step, on_step, save, keep)
    trainer = Trainer(model, arguments, train_dataset=blocks, callbacks=[callback])
    trainer.remove_callback(PrinterCallback)
    name_errors_of_states(trainer, states)
    trainer.train(resume_from_checkpoint=str(state) if state else None)
    return callback.tokens_per_second


def rows_at_once(rows: int, logits: int) -> int:
    """The largest number of rows in a forward pass that divides a batch evenly."""
    limit = max(1, _LOGITS // logits)
    return next(count for count in range(min(rows, limit), 0, -1) if rows % count == 0)


class _PretrainingCallback(StepCallback):
    """Appends rows to the loss curve, saves checkpoints, and measures the speed."""

    def __init__(
        self,
        config: PretrainConfig,
        curve: LossCurve,
        step: int,
        on_step: OnStep,
        save: Callable[[int], object] | None,
        keep: Callable[[int, Path], object] | None,
    ) -> None:
        super().__init__(on_step)
        self._config = config
        self._curve = curve
        self._first_step = self._step = step
        self._save = save
        self._keep = keep
        plan = config.plan
        self._saved = {*config.checkpoints, *({config.tokens} & {*config.branches})}
        self._kept = (
            {config.tokens // config.batch, *map(plan.stable_steps, config.branches)}
            if keep
            else set[int]()
        )
        self._start = self._now = time.monotonic()

    @property
    def tokens_per_second(self) -> float:
        seconds = self._now - self._start
        tokens = (self._step - self._first_step) * self._config.batch
        return tokens / seconds if seconds else 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        super().on_train_begin(args, state, control, **more)
        self._start = self._now = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        self._step, self._now = state.global_step, time.monotonic()
        tokens = self._step * self._config.batch
        if self._save and tokens in self._saved:
            self._save(tokens)
        super().on_step_end(args, state, control, **more)
        if self._step in self._kept:
            control.should_log = control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        super().on_save(args, state, control, **more)
        if self._keep and state.global_step in self._kept:
            self._keep(state.global_step, state_folder(args, state))

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **more: Any,
    ) -> None:
        logs: dict[str, float] = more["logs"]
        if "loss" not in logs:
            return  # The summary at the end.
        if not math.isfinite(logs["loss"]):
            raise ModelError(
                f"the loss after step {state.global_step} is {logs['loss']}; lower the learning "
                f"rate, which was {self._config.learning_rate:g}"
            )
        tokens = state.global_step * self._config.batch
        self._curve.add(LossRow(state.global_step, tokens, logs["loss"], logs["learning_rate"]))
