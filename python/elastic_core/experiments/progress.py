"""The progress of a run: finished cells, the step of the current one, and the time left."""

import time

from elastic_core.common.progress import Progress, Step
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.estimate.schedule import Schedule
from elastic_core.experiments.runner import Task

_PRIOR = 0.05
"""The weight of the estimate in the pace of a run, as a share of the run."""


class RunProgress:
    """Combines the progress of a runner and of its cells into steps of the run.

    Args:
        study: The name of the study.
        total: Number of cells.
        progress: Receives the steps; None: nobody does.
    """

    def __init__(self, study: str, total: int, progress: Progress | None) -> None:
        self._study = study
        self._total = total
        self._progress = progress
        self._done = 0
        self._note = ""
        self._left: TimeLeft | None = None

    def begin(self, schedule: Schedule | None) -> None:
        """Notes that the first cells are about to start, and how long they are expected to take."""
        self._left = TimeLeft(schedule) if schedule else None

    def on_trial(self, done: int) -> None:
        """Reports that the time is being estimated, with so many cells finished."""
        self._done = done
        self._report("estimating the time")

    def on_start(self, task: Task) -> None:
        """Notes that a task was started."""
        self._note = task.cell.name
        if self._left:
            self._left.on_start(task.cell)

    def on_finish(self, task: Task) -> None:
        """Notes that a task was finished."""
        if self._left:
            self._left.on_finish(task.cell, is_measured=task.is_measured)

    def on_count(self, done: int, requested: int) -> None:
        """Reports the number of finished cells."""
        self._done, self._total = done, max(self._total, requested)
        self._report(self._note)

    def on_step(self, step: Step) -> None:
        """Reports a step of the current cell."""
        share = f", {step.phase} {step.done / step.total:.0%}" if step.total else ""
        self._report(f"{self._note}{share}")

    def _report(self, note: str) -> None:
        if self._progress:
            left = self._left.seconds() if self._left else None
            self._progress(Step("run", self._study, self._done, self._total, "cells", note, left))


class TimeLeft:
    """The time that a run still takes, from its schedule and its pace so far.

    Args:
        schedule: The schedule; the run begins now.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._start = time.monotonic()
        self._total = sum(schedule.seconds.values())
        self._done = 0.0
        self._running: dict[str, float] = {}

    def on_start(self, cell: Cell) -> None:
        """Notes that a cell was started."""
        self._running[cell.name] = time.monotonic()

    def on_finish(self, cell: Cell, *, is_measured: bool) -> None:
        """Notes that a cell was finished."""
        self._running.pop(cell.name, None)
        seconds = self._schedule.seconds.get(cell.name)
        if seconds is None:
            seconds = self._schedule.costs.seconds(cell, is_measured=is_measured)
            if ("stage", "calibrate") in cell.labels:  # One more trial than planned.
                self._total += seconds
        self._done += seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._start

    def seconds(self) -> float:
        """Seconds left."""
        now, planned = time.monotonic(), self._schedule.seconds
        under_way = sum(
            min(now - since, planned.get(name, 0.0)) for name, since in self._running.items()
        )
        done = min(self._done + under_way, self._total)
        pace = (self.elapsed + _PRIOR * self._schedule.duration) / (
            done + _PRIOR * self._total or 1.0
        )
        return pace * (self._total - done)
