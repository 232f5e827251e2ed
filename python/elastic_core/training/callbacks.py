"""What pre-training and fine-tuning do at every step of a transformers Trainer."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from elastic_core.common.manifest import MANIFEST, is_intact, write_manifest

OnStep: TypeAlias = Callable[[int, int], object]
"""Called with the optimizer steps done and the steps in all."""

_LOG_ROWS = 200
_STATES_OF_SEVERAL_PROCESSES = 10
SECONDS_BETWEEN_STATES = 30.0
"""How often a state to resume from is saved."""


class StepCallback(TrainerCallback):
    """Schedules about 200 log rows over a training, and a state to resume from every 30 seconds.

    Args:
        on_step: Receives the progress.
    """

    def __init__(self, on_step: OnStep) -> None:
        self._on_step = on_step
        self._saved_at = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Starts the clock for the first state."""
        self._saved_at = time.monotonic()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Requests a log row and a state where they are due."""
        step, steps = state.global_step, state.max_steps
        control.should_log = step % _log_interval(steps) == 0 or step == steps
        # The running mean of the loss is not part of a state, so states are saved at log rows only.
        if control.should_log and step < steps and self._is_state_due(args.world_size, step, steps):
            control.should_save = True
            self._saved_at = time.monotonic()
        self._on_step(step, steps)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Writes the manifest of the state, once every process has saved its part."""
        if args.world_size > 1:
            PartialState().wait_for_everyone()
        if args.process_index == 0:
            write_manifest(state_folder(args, state))

    def _is_state_due(self, processes: int, step: int, steps: int) -> bool:
        """Whether to save a state; several processes must agree, so they do not use the clock."""
        if processes > 1:
            interval = _log_interval(steps)
            return (
                step % (interval * max(1, steps // interval // _STATES_OF_SEVERAL_PROCESSES)) == 0
            )
        return time.monotonic() - self._saved_at >= SECONDS_BETWEEN_STATES


def state_folder(args: TrainingArguments, state: TrainerState) -> Path:
    """The folder that a trainer saves its current state to."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def last_state(folder: Path) -> Path | None:
    """The newest state in a folder that is complete and intact; None if there is none.

    States of earlier versions have no manifests; one is complete if its `trainer_state.json` is,
    which is written last.
    """
    states = sorted(
        (path for path in folder.glob("checkpoint-*") if path.name.split("-")[1].isdigit()),
        key=lambda path: int(path.name.split("-")[1]),
        reverse=True,
    )
    if any((state / MANIFEST).exists() for state in states):
        return next(filter(is_intact, states), None)
    for state in states:
        try:
            json.loads((state / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        return state
    return None


def _log_interval(steps: int) -> int:
    return max(1, steps // _LOG_ROWS)
