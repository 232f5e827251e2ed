"""The progress of a long job on standard error: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from elastic_core.common.printable import printable
from elastic_core.common.progress import Progress, Step
from elastic_core.common.units import format_count, format_size

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 5.0
_LONGEST_TITLE = 24


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """Shows the progress of a job while the block runs.

    Yields:
        The callback for the steps of the job.
    """
    if sys.stderr.isatty():
        with _bars() as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    """One bar at a time, for the current phase."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._clock = _Clock()

    def __call__(self, step: Step) -> None:
        if self._clock.restart_if_new(step) or self._task is None:
            if self._task is not None:
                self._bars.remove_task(self._task)
            title = printable(step.title)
            if len(title) > _LONGEST_TITLE:
                title = f"{title[: _LONGEST_TITLE - 3]}..."
            self._task = self._bars.add_task(title, total=step.total or None, figures="")
        figures = self._clock.figures(step)
        self._bars.update(
            self._task, completed=step.done, total=step.total or None, figures=figures
        )


class _Lines:
    """A line every few seconds, where standard error is not a terminal."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __call__(self, step: Step) -> None:
        self._clock.restart_if_new(step)
        figures = self._clock.figures(step)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            click.echo(printable(f"{step.title}: {figures}"), err=True)


class _Clock:
    """Measures the speed of a phase since it began."""

    def __init__(self) -> None:
        self._title: str | None = None
        self._start = time.monotonic()
        self._done = 0

    def restart_if_new(self, step: Step) -> bool:
        """Restarts if the phase or the subject changed, or the count decreased."""
        is_new = step.title != self._title or step.done < self._done
        if is_new:
            self._title, self._start = step.title, time.monotonic()
        self._done = step.done
        return is_new

    def figures(self, step: Step) -> str:
        """The amount done, the note or the speed, and the time left."""
        is_size = step.unit == "bytes"
        scaled = format_size if is_size else format_count
        unit = "" if is_size else f" {step.unit}"
        amount = f"{scaled(step.done)}{unit}"
        if step.total:
            amount = f"{scaled(step.done)} of {scaled(step.total)}{unit}"
        if step.total and step.done >= step.total:
            return amount
        speed = step.done / max(time.monotonic() - self._start, 1e-9)
        parts = [amount]
        if step.note or speed >= 1:
            parts.append(step.note or f"{scaled(speed)}{unit}/s")
        left = step.left
        if left is None and step.total and speed:
            left = (step.total - step.done) / speed
        if left is not None:
            parts.append(f"{_duration(left)} left")
        return ", ".join(parts)


def _bars() -> "Bars":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
