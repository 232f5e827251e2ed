"""Where cells are worked on: here, in processes of this machine, or on a Ray cluster."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.progress import Progress, Step
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.store import Store
from elastic_core.experiments.work import Metrics, make, work

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

RAY = "ray"
"""The jobs that run on a Ray cluster."""


class Executor(Protocol):
    """Works on cells."""

    width: int
    """How many cells at once."""

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        """Begins work on a cell whose needs are there; what comes of it, later."""

    def listen(self) -> None:
        """Passes on what cells have told of their progress since the last time."""

    def close(self) -> None:
        """Ends all work at once."""


def default_jobs(model: str) -> int:
    """One for each GPU; for each core for a tree model, or on a machine without GPUs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = 0 if model.startswith("tree:") else _gpus()
    return gpus or cores or 1


def open_executor(
    jobs: int | str | None, context: RunContext, progress: Progress | None
) -> Executor:
    """What works on cells.

    Args:
        jobs: How many cells at once, each in a process of its own; 1: in this process; `ray`: as
            many as a Ray cluster has room for; None: `default_jobs`.
        context: What cells are made with.
        progress: Told what is done of a cell, where it is worked on in this process.

    Raises:
        InvalidArgumentError: The jobs are not what they should be, or Ray is not installed.
    """
    if jobs == RAY:
        return _Ray(context)
    count = (
        default_jobs(context.config.model)
        if jobs is None
        else int(jobs)
        if str(jobs).isdigit()
        else 0
    )
    if count < 1:
        raise InvalidArgumentError(f"jobs {jobs}: write a number from 1 on, or {RAY}")
    return _Here(context, progress) if count == 1 else _Processes(count, context, progress)


class _Here:
    """Works on one cell after another, in this process."""

    width = 1

    def __init__(self, context: RunContext, progress: Progress | None) -> None:
        self._context = context
        self._progress = progress

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        future: Future[Metrics] = Future()
        try:
            function = work if is_measured else make
            future.set_result(function(self._context, cell, self._progress))
        except Exception as error:
            future.set_exception(error)
        return future

    def listen(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Processes:
    """Works on cells in processes, which end with this one, however it ends."""

    def __init__(self, count: int, context: RunContext, progress: Progress | None) -> None:
        self.width = count
        self._progress = progress
        self._futures: list[Future[Metrics]] = []
        spawn = multiprocessing.get_context("spawn")
        self._told: SimpleQueue[Step] = spawn.SimpleQueue()
        listener, self._stop = spawn.Pipe(duplex=False)
        is_tree = context.config.model.startswith("tree:")
        gpus, places = 0 if is_tree else _gpus(), spawn.Queue()
        for number in range(count):
            places.put(str(number % gpus) if gpus else None)
        self._pool = ProcessPoolExecutor(
            count,
            spawn,
            initializer=_begin,
            initargs=(listener, places, self._told, context.config, context.store.folder),
        )

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        future = self._pool.submit(_work_here, cell, is_measured)
        self._futures = [each for each in self._futures if not each.done()] + [future]
        return future

    def listen(self) -> None:
        while not self._told.empty():
            step = self._told.get()
            if self._progress:
                self._progress(step)

    def close(self) -> None:
        is_idle = all(future.done() for future in self._futures)
        if not is_idle:
            self._stop.close()
        self._pool.shutdown(cancel_futures=True)


class _Ray:
    """Works on cells wherever a Ray cluster has a GPU, or a core if it has none."""

    def __init__(self, context: RunContext) -> None:
        with requires_extra("jobs ray", "cluster", InvalidArgumentError):
            ray: Any = import_module(RAY)
        self._ray = ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level="ERROR")
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0))
        self.width = gpus or max(1, int(there.get("CPU", 1)))
        needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        self._work: Any = ray.remote(**needs)(_work_anywhere)
        self._parts = (context.config, context.store.folder.resolve())

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        future: Future[Metrics] = self._work.remote(*self._parts, cell, is_measured).future()
        return future

    def listen(self) -> None:
        pass

    def close(self) -> None:
        self._ray.shutdown()


_here: RunContext | None = None
_tell: Progress | None = None


def _begin(
    listener: Connection,
    places: "multiprocessing.Queue[str | None]",
    told: "SimpleQueue[Step]",
    *parts: Any,
) -> None:
    """Makes a process ready to work: a GPU of its own, an end with its parent."""
    global _tell
    _tell = _NowAndThen(told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = places.get()
    if place is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = place
    threading.Thread(target=_end_with, args=(listener,), daemon=True).start()
    _open(*parts)


class _NowAndThen:
    """Tells the parent of progress, once a second at most."""

    def __init__(self, told: "SimpleQueue[Step]") -> None:
        self._told = told
        self._next = 0.0

    def __call__(self, step: Step) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            self._told.put(step)


def _end_with(listener: Connection) -> None:
    """Ends this process when the parent says so or is gone; work that is under way is lost."""
    parent = multiprocessing.parent_process()
    wait([listener, *([parent.sentinel] if parent else [])])
    os._exit(1)


def _open(config: ExperimentConfig, folder: Path) -> RunContext:
    global _here
    if _here is None or (_here.config, _here.store.folder) != (config, folder):
        _here = RunContext(config, Store(folder))
    return _here


def _work_here(cell: Cell, is_measured: bool) -> Metrics:
    if _here is None:
        raise InvalidArgumentError("this process was not made ready to work")
    return work(_here, cell, _tell) if is_measured else make(_here, cell, _tell)


def _work_anywhere(
    config: ExperimentConfig, folder: Path, cell: Cell, is_measured: bool
) -> Metrics:
    _open(config, folder)
    return _work_here(cell, is_measured)


def _gpus() -> int:
    """How many GPUs torch sees; 0 without torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return 0
    return torch.cuda.device_count()
