"""What a long job tells whoever waits for it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], object]
"""Called now and then with the phase, the units done and the units in all (0: not known).

The phase says what is done, then to what, such as `read novels`. Where a model scores text, the
rate of the documents that are done follows: `score novels with tree:8, 1.832 bits/byte`.
"""


def named(progress: Progress | None, name: str) -> Progress | None:
    """A progress that says of each phase what it is done to; None stays None."""
    if progress is None:
        return None
    return lambda phase, done, total: progress(f"{phase} {name}", done, total)
