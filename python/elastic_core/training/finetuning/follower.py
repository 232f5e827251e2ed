"""Looks at every step of TRL's trainers: log rows, states to resume from, an early end."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_LOG_ROWS = 200
_SECONDS_BETWEEN_STATES = 30.0
_STATES_OF_SEVERAL_PROCESSES = 10
_NOT_KEPT = ("epoch", "step_time")


class Follower(TrainerCallback):
    """Follows a training.

    Args:
        tell: Called with the steps done and the steps in all.

    Attributes:
        diverged: Whether the loss became something else than a number.
    """

    def __init__(self, tell: Callable[[int, int], object]) -> None:
        self.diverged = False
        self._tell = tell
        self._saved = 0.0
        self._tokens = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Takes up the count of tokens where an earlier attempt left it."""
        self._saved = time.monotonic()
        if state.log_history and not state.num_input_tokens_seen:
            self._tokens = state.log_history[-1].get("num_tokens", 0.0)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Decides whether a log row and a state are due."""
        step, steps = state.global_step, state.max_steps
        control.should_log = step % max(1, steps // _LOG_ROWS) == 0 or step == steps
        # A state holds no part of a row, so it is kept only where a row ends.
        if control.should_log and step < steps and self._is_due(args.world_size, step, steps):
            control.should_save = True
            self._saved = time.monotonic()
        self._tell(step, steps)

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,
        **told: Any,
    ) -> None:
        """Completes a log row, and ends the training where its loss is not a number."""
        if "loss" not in told["logs"]:
            return  # The summary at the end.
        row = state.log_history[-1]
        if "num_tokens" in row:
            row["num_tokens"] += self._tokens
        if not math.isfinite(row["loss"]):
            self.diverged = True
            control.should_training_stop = True
            control.should_save = False

    def _is_due(self, processes: int, step: int, steps: int) -> bool:
        """Whether to keep a state; several processes have to decide alike, so not by the time."""
        if processes > 1:
            rows = max(1, steps // _LOG_ROWS)
            return step % (rows * max(1, steps // rows // _STATES_OF_SEVERAL_PROCESSES)) == 0
        return time.monotonic() - self._saved >= _SECONDS_BETWEEN_STATES


def curve(state: TrainerState) -> dict[str, NDArray[np.float64]]:
    """The log rows as a column for each name, in the order of the names, NaN where one lacks it."""
    rows = [row for row in state.log_history if "loss" in row]
    names = {name for row in rows for name in row if name not in _NOT_KEPT}
    return {
        name: np.array([row.get(name, math.nan) for row in rows], np.float64)
        for name in sorted(names)
    }
