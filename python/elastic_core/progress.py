"""What a long job tells whoever waits for it."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then while a job runs; what it raises ends the job."""

    def __call__(
        self, phase: str, done: int, total: int, bits_per_byte: float | None = None, /
    ) -> object:
        """Tells how far a phase is.

        Args:
            phase: What is done, then to what, such as `read novels`.
            done: Units done.
            total: Units in all; 0: not known.
            bits_per_byte: Where a model scores text, the rate of the documents that are done;
                other phases leave it out.
        """


def named(progress: Progress | None, name: str) -> Progress | None:
    """A progress that says of each phase what it is done to; None stays None."""
    if progress is None:
        return None
    return lambda phase, done, total, *rate: progress(f"{phase} {name}", done, total, *rate)
