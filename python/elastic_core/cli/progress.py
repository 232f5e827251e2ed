"""Progress of a long job on standard error: a bar on a terminal, plain lines elsewhere."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from elastic_core.progress import Progress
from elastic_core.units import format_count, format_size

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 5.0
_PHASES_IN_BYTES = ("read", "compress", "decompress", "tokenize", "score", "learn")
_UNITS = {
    "sort": " segments",
    "train": " tokens",
    "rate": " classes",
    "resample": " resamples",
    "bootstrap": " replicates",
    "run": " cells",
}
_LONGEST_PHASE = 24
_RATE = re.compile(r", ([\d.]+ bits/byte)$")
_PLACE = re.compile(r"(run \S+) at (.+)")


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """Shows progress while the block runs.

    Yields:
        What a job calls with the phase (`read novels`: what is done, then to what), the units
        done and the units in all (0: not known).
    """
    if sys.stderr.isatty():
        with _bars() as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    """A bar for each phase; a finished phase leaves the screen."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._phase: str | None = None
        self._task: TaskID | None = None
        self._clock = _Clock()

    def __call__(self, phase: str, done: int, total: int) -> None:
        phase, rate = _parted(phase)
        if self._task is None or phase != self._phase or self._clock.is_behind(done):
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._phase, self._clock = phase, _Clock()
            shown = phase if len(phase) <= _LONGEST_PHASE else f"{phase[: _LONGEST_PHASE - 3]}..."
            self._task = self._bars.add_task(shown, total=total or None, figures="")
        figures = self._clock.figures(phase, done, total, rate)
        self._bars.update(self._task, completed=done, total=total or None, figures=figures)


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._phase: str | None = None
        self._clock = _Clock()
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __call__(self, phase: str, done: int, total: int) -> None:
        phase, rate = _parted(phase)
        if phase != self._phase or self._clock.is_behind(done):
            self._phase, self._clock = phase, _Clock()
        figures = self._clock.figures(phase, done, total, rate)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            click.echo(f"{phase}: {figures}", err=True)


class _Clock:
    """The rate of one phase since it began."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._done = 0

    def is_behind(self, done: int) -> bool:
        """Whether so little done means that the phase has begun anew."""
        return done < self._done

    def figures(self, phase: str, done: int, total: int, rate: str | None) -> str:
        """What is done, of how much, a model's rate or else how fast, and the time left."""
        self._done = done
        kind = phase.split(" ", 1)[0]
        in_bytes = kind in _PHASES_IN_BYTES
        scaled = format_size if in_bytes else format_count
        unit = "" if in_bytes else _UNITS.get(kind, " leaves")
        amount = f"{scaled(done)} of {scaled(total)}{unit}" if total else f"{scaled(done)}{unit}"
        if total and done >= total:
            return amount
        speed = done / max(time.monotonic() - self._start, 1e-9)
        parts = [amount]
        if rate or speed >= 1:
            parts.append(rate or f"{scaled(speed)}{unit}/s")
        if total and speed:
            parts.append(f"{_duration((total - done) / speed)} left")
        return ", ".join(parts)


def _parted(phase: str) -> tuple[str, str | None]:
    """A phase without the rate so far, or the place it is at; and that."""
    if place := _PLACE.fullmatch(phase):
        return place[1], place[2]
    found = _RATE.search(phase)
    return (phase[: found.start()], found[1]) if found else (phase, None)


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
