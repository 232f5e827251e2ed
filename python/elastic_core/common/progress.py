"""Progress of a long job, as data: the caller decides how to show it."""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job has come.

    Attributes:
        phase: What is being done, a verb such as `read` or `train`.
        subject: What it is done to, such as the name of a corpus; empty if nothing is named.
        done: Units done in this phase.
        total: Units in all; 0: unknown.
        unit: What is counted, in the plural: `bytes`, `leaves`, `tokens`, `cells`.
        note: More to show, such as the rate so far; empty if there is nothing.
        left: Seconds left in this phase; None: as the speed so far suggests.
    """

    phase: str
    subject: str
    done: int
    total: int
    unit: str
    note: str = ""
    left: float | None = None

    @property
    def title(self) -> str:
        """Phase and subject, such as `read novels`."""
        return f"{self.phase} {self.subject}".rstrip()


Progress = Callable[[Step], object]
"""Receives the steps of a job. An exception that it raises ends the job."""


def with_subject(progress: Progress | None, subject: str) -> Progress | None:
    """A progress whose steps all have the given subject; None stays None."""
    if progress is None:
        return None
    return lambda step: progress(replace(step, subject=subject))
