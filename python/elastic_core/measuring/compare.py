"""Reference compressors, several at once, with a time left that counts the slowest of them."""

import heapq
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from elastic_core._core import Corpus, compressed_sizes
from elastic_core.common.progress import Progress, Step
from elastic_core.measuring.records import Comparison

_SECONDS_BETWEEN_STEPS = 0.1


def reads_again(compressors: Sequence[str], models: Sequence[str]) -> str | None:
    """What reads the documents after the trees are built, in words; None if nothing does."""
    return "a reference compressor" if compressors else "a model" if models else None


def check_compressors(names: Sequence[str]) -> None:
    """Refuses unknown compressors.

    Raises:
        InvalidArgumentError: A compressor or its level is unknown.
    """
    compressed_sizes([], names)


def compare(
    corpora: Sequence[Corpus],
    names: Sequence[str],
    *,
    size: int,
    utf8: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Comparison, ...]:
    """Compresses the documents of the corpora, concatenated, with each of several compressors.

    Args:
        corpora: The corpora; every compressor reads them once.
        names: The compressors with their levels, such as `zstd:19`.
        size: Bytes of text in all corpora.
        utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.
        threads: How many compressors run at once; None: one per core.
        progress: Receives steps of the phase `compress`, in bytes that all compressors have read;
            where some of them still wait for a thread, the same share of the estimated time.

    Returns:
        A comparison for each compressor.

    Raises:
        InvalidArgumentError: A compressor or its level is unknown.
        CorpusError: A corpus is damaged or has a row without usable text.
        OSError: A file cannot be read.
    """
    if not names:
        return ()
    width = min(len(names), threads or os.cpu_count() or 1)
    race = _Race([_Runner() for _ in names], size, width)

    def run(name: str, runner: _Runner) -> int:
        runner.start = time.monotonic()
        on_step = race.watch(runner)
        (compressed,) = compressed_sizes(
            corpora, [name], utf8=utf8, bytes=size, threads=1, progress=on_step
        )
        runner.end = time.monotonic()
        return compressed

    with _pool(width, race) as pool:
        jobs = [pool.submit(run, *pair) for pair in zip(names, race.runners, strict=True)]
        for _ in _ticks(jobs):
            if progress:
                progress(Step("compress", "", race.bytes_done(), size, "bytes"))
        sizes = [job.result() for job in jobs]
    return tuple(Comparison.of(name, each, size) for name, each in zip(names, sizes, strict=True))


class _StoppedError(Exception):
    """Ends a compressor whose result nobody waits for any more."""


@dataclass(slots=True)
class _Runner:
    """How far one compressor has come; `start` and `end` are times, 0 before them."""

    done: int = 0
    start: float = 0.0
    end: float = 0.0


class _Race:
    """Several compressors, of which `width` run at once on `size` bytes of text each."""

    def __init__(self, runners: list[_Runner], size: int, width: int) -> None:
        self.runners = runners
        self.is_stopped = False
        self._size = size
        self._width = width
        self._reported = 0
        self._start = time.monotonic()

    def watch(self, runner: _Runner) -> Progress:
        """The progress callback of one compressor."""

        def on_step(step: Step) -> None:
            if self.is_stopped:
                raise _StoppedError
            runner.done = step.done

        return on_step

    def bytes_done(self) -> int:
        """The share of the time that has passed, in bytes of text; it never decreases."""
        now = time.monotonic()
        left = self._seconds_left(now)
        if left is not None:
            passed = now - self._start
            share = passed / (passed + left) if passed else 0.0
            self._reported = max(self._reported, int(self._size * share))
        return self._reported

    def _seconds_left(self, now: float) -> float | None:
        """The seconds until all compressors end; None while a speed is unknown.

        A compressor that has not started is expected to take as long as the slowest of the others.
        """
        running = [runner for runner in self.runners if runner.start and not runner.end]
        if any(not runner.done for runner in running):
            return None
        ended = [runner.end - runner.start for runner in self.runners if runner.end]
        whole = [(now - runner.start) * self._size / runner.done for runner in running]
        free = [
            runner.start + seconds - now for runner, seconds in zip(running, whole, strict=True)
        ]
        free += [0.0] * (self._width - len(free))
        heapq.heapify(free)
        for _ in range(sum(not runner.start for runner in self.runners)):
            heapq.heappush(free, heapq.heappop(free) + max([*ended, *whole], default=0.0))
        return max(free)


@contextmanager
def _pool(width: int, race: _Race) -> Iterator[ThreadPoolExecutor]:
    """Threads for the compressors; if the block raises, those that run end at their next step."""
    with ThreadPoolExecutor(width, "compressor") as pool:
        try:
            yield pool
        finally:
            race.is_stopped = True
            pool.shutdown(wait=False, cancel_futures=True)


def _ticks(jobs: Sequence[Future[int]]) -> Iterator[None]:
    """Ticks about ten times a second until all jobs have ended; raises the error of the first."""
    running = set(jobs)
    while running:
        ended, running = wait(running, _SECONDS_BETWEEN_STEPS, FIRST_COMPLETED)
        for job in ended:
            job.result()
        yield
