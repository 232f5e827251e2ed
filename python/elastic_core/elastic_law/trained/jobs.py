"""Trainings that run at once, and the progress of all of them together."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.progress import Progress, Step

Told = Callable[[int], None]
"""Called with the bytes that were learned since the last call."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training.

    Attributes:
        size: Bytes that it learns.
        run: Learns them and returns the rates.
    """

    size: int
    run: Callable[[Told], NDArray[np.float64]]


def run_all(
    jobs: Sequence[Job], workers: int, subject: str, progress: Progress | None
) -> list[NDArray[np.float64]]:
    """Runs all jobs, `workers` at once; if one fails, the others end with their next batch.

    Args:
        jobs: The jobs.
        workers: How many run at once.
        subject: Subject of the progress steps.
        progress: Receives the bytes learned so far, of all jobs together.

    Returns:
        The rates of each job, in the order of the jobs.
    """
    total = sum(job.size for job in jobs)
    lock, done, stopped = Lock(), 0, False

    def told(size: int) -> None:
        nonlocal done
        with lock:
            if stopped:
                raise CancelledError
            done += size
            if progress:
                progress(Step("learn", subject, done, total, "bytes"))

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(job.run, told) for job in jobs]
        try:
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
        except BaseException:
            stopped = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]
