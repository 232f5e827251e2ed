"""The training itself, by transformers' Trainer: steps, log rows, states to resume from."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from elastic_core._core import ModelError
from elastic_core.training.pretraining.curve import Curve, Row
from elastic_core.training.pretraining.packing import Blocks
from elastic_core.training.pretraining.result import PretrainConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LOG_ROWS = 200
_SECONDS_BETWEEN_STATES = 30.0
_WARM_UP = 0.02
_LAST_LEARNING_RATE = 0.1
_BETAS = (0.9, 0.95)
_WEIGHT_DECAY = 0.1
# Most logits in a forward pass, 1 GiB of float32; a larger batch is cut, and gradients add up.
_LOGITS = 1 << 28


def train(
    model: "PreTrainedModel",
    blocks: Blocks,
    config: PretrainConfig,
    folder: Path,
    *,
    states: Path,
    keep: Callable[[int], object],
    tell: Callable[[int], object],
) -> float:
    """Trains a model, or goes on with it from the last state that there is.

    AdamW with betas 0.9 and 0.95 and weight decay 0.1, gradients cut to a norm of 1. The learning
    rate rises for 2% of the steps and falls along a cosine to a tenth.

    Args:
        model: The model, which is changed.
        blocks: What it is trained on, in this order.
        config: How.
        folder: Where `metrics.jsonl` goes.
        states: Where states to resume from go; that of an earlier attempt is taken up.
        keep: Called after each step of `config.checkpoints`, with the tokens done.
        tell: Called with the tokens done.

    Returns:
        Tokens per second of this attempt; 0 if nothing was left to do.

    Raises:
        ModelError: The loss is not a number any more.
        OSError: Something cannot be written.
    """
    rows = config.batch // config.context
    steps = config.tokens // config.batch
    at_once = _rows_at_once(rows, config.context * model.config.vocab_size)
    arguments = TrainingArguments(
        output_dir=str(states),
        max_steps=steps,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=rows // at_once,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": _LAST_LEARNING_RATE},
        warmup_steps=math.ceil(_WARM_UP * steps),
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
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # Else the batch would grow with every GPU.
    last = last_state(states)
    step = int(last.name.split("-")[1]) if last else 0
    follower = _Follower(config, Curve(folder, step), step, keep, tell)
    trainer = Trainer(model, arguments, train_dataset=blocks, callbacks=[follower])
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    return follower.tokens_per_second


def last_state(states: Path) -> Path | None:
    """The newest complete state: its `trainer_state.json` is written last."""
    found = sorted(states.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for state in reversed(found):
        try:
            json.loads((state / "trainer_state.json").read_text())
        except (OSError, ValueError):
            continue
        return state
    return None


def _rows_at_once(rows: int, logits: int) -> int:
    """The most rows in a forward pass that divide a batch evenly."""
    most = max(1, _LOGITS // logits)
    return next(count for count in range(min(rows, most), 0, -1) if rows % count == 0)


class _Follower(TrainerCallback):
    """Looks at every step: logs rows, keeps checkpoints and states, tells how far it is."""

    def __init__(
        self,
        config: PretrainConfig,
        curve: Curve,
        step: int,
        keep: Callable[[int], object],
        tell: Callable[[int], object],
    ) -> None:
        self._config = config
        self._curve = curve
        self._first = self._step = step
        self._keep = keep
        self._tell = tell
        self._began = self._saved = self._now = time.monotonic()

    @property
    def tokens_per_second(self) -> float:
        seconds = self._now - self._began
        tokens = (self._step - self._first) * self._config.batch
        return tokens / seconds if seconds else 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._began = self._saved = self._now = time.monotonic()

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        self._step, self._now = state.global_step, time.monotonic()
        tokens = self._step * self._config.batch
        if tokens in self._config.checkpoints:
            self._keep(tokens)
        every = max(1, state.max_steps // _LOG_ROWS)
        control.should_log = self._step % every == 0 or self._step == state.max_steps
        # A state holds no part of a row, so it is kept only where a row ends.
        if control.should_log and self._now - self._saved >= _SECONDS_BETWEEN_STATES:
            control.should_save = True
            self._saved = self._now
        self._tell(tokens)

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **told: Any,
    ) -> None:
        logs: dict[str, float] = told["logs"]
        if "loss" not in logs:
            return  # The summary at the end.
        if not math.isfinite(logs["loss"]):
            raise ModelError(
                f"the loss after step {state.global_step} is {logs['loss']}; lower the learning "
                f"rate, which was {self._config.learning_rate:g}"
            )
        tokens = state.global_step * self._config.batch
        self._curve.add(Row(state.global_step, tokens, logs["loss"], logs["learning_rate"]))
