"""How long a run was expected to take and took, in `times.jsonl` of its folder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elastic_core.common.files import append_json_line, read_json_lines

_FILE = "times.jsonl"


@contextmanager
def timed(folder: Path, estimated: float | None) -> Iterator[None]:
    """Notes how long the block took beside an estimate, once it is done.

    Args:
        folder: The folder of the run.
        estimated: The estimate in seconds; None: there is none, and nothing is noted.

    Raises:
        OSError: The file cannot be written.
    """
    start = time.monotonic()
    yield
    if estimated is not None:
        took = time.monotonic() - start
        append_json_line(folder / _FILE, {"estimated": estimated, "took": took})


def read_times(folder: Path) -> list[tuple[float, float]]:
    """The estimated and the actual seconds of each time that a run went to its end.

    Raises:
        OSError: The file cannot be read.
    """
    rows = read_json_lines(folder / _FILE, skip_damaged=True)
    times = ((row.get("estimated"), row.get("took")) for row in rows)
    return [
        (estimated, took)
        for estimated, took in times
        if isinstance(estimated, float) and isinstance(took, float)
    ]
