"""Where cells are processed: in this process, in several processes, or on a Ray cluster."""

import ast
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.messages import abridged
from elastic_core.common.progress import Progress, Step
from elastic_core.experiments.cells import Cell, Metrics
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.trial import ModelCosts, run_trial
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.runner import Executor
from elastic_core.experiments.worker import make_model, process_cell
from elastic_core.models.spec import ModelSpec

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

Result = TypeVar("Result")

RAY = "ray"
"""The value of `jobs` that selects a Ray cluster."""

_MOST_JOBS = 10_000


def default_jobs(spec: ModelSpec) -> int:
    """One job per GPU; for tree models, or without GPUs, one per core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = 0 if spec.is_tree else _count_gpus()
    return gpus or cores or 1


def has_gpu() -> bool:
    """Whether torch sees a GPU."""
    return _count_gpus() > 0


def count_jobs(jobs: int | str | None, spec: ModelSpec) -> int:
    """How many cells are processed at once on this machine; `ray` counts as None.

    Raises:
        InvalidArgumentError: `jobs` is invalid.
    """
    if jobs in (None, RAY):
        return default_jobs(spec)
    text = str(jobs)
    count = int(text) if text.isdecimal() and len(text) <= len(str(_MOST_JOBS)) else 0
    if not 1 <= count <= _MOST_JOBS:
        raise InvalidArgumentError(
            f"jobs {abridged(text)[1:-1]}: write a number from 1 to {_MOST_JOBS:,}, or {RAY}"
        )
    return count


def open_executor(
    jobs: int | str | None, context: RunContext, progress: Progress | None
) -> Executor:
    """Opens an executor.

    Args:
        jobs: How many cells to process at once, each in its own process; 1: in this process;
            `ray`: as many as a Ray cluster has room for; None: `default_jobs`.
        context: Data, scorer and models.
        progress: Receives the steps of cells; not on a Ray cluster.

    Raises:
        InvalidArgumentError: `jobs` is invalid, or Ray is not installed.
    """
    if jobs == RAY:
        return _RayExecutor(context)
    count = count_jobs(jobs, context.config.spec)
    if count == 1:
        return _SerialExecutor(context, progress)
    _check_main_guard(count)
    return _ProcessExecutor(count, context, progress)


def _check_main_guard(jobs: int) -> None:
    """Refuses worker processes for a script that would run as a whole in each of them.

    Raises:
        InvalidArgumentError: The script has no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    if script is None or getattr(main, "__spec__", None) is not None:
        return  # Worker processes do not run it.
    try:
        tree = ast.parse(Path(script).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    names = (
        node.id
        for statement in tree.body
        if isinstance(statement, ast.If)
        for node in ast.walk(statement.test)
        if isinstance(node, ast.Name)
    )
    if "__name__" not in names:
        raise InvalidArgumentError(
            f"jobs {jobs}: each worker process imports {script}, which would start the run again; "
            'put the call below `if __name__ == "__main__":`, or choose 1 job'
        )


class _SerialExecutor:
    """Processes one cell after another in this process."""

    width = 1

    def __init__(self, context: RunContext, progress: Progress | None) -> None:
        self._context = context
        self._progress = progress

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        function = process_cell if is_measured else make_model
        return _done(lambda: function(self._context, cell, self._progress))

    def submit_trial(self, cells: Sequence[Cell]) -> "Future[dict[str, ModelCosts]]":
        return _done(lambda: run_trial(self._context, cells))

    def report_progress(self) -> None:
        pass

    def close(self) -> None:
        pass


def _done(work: Callable[[], Result]) -> "Future[Result]":
    """A future with the result, or the exception, of work that is done at once."""
    future: Future[Result] = Future()
    try:
        future.set_result(work())
    except Exception as error:
        future.set_exception(error)
    return future


class _ProcessExecutor:
    """Processes cells in worker processes, which end with this one, however it ends."""

    def __init__(self, count: int, context: RunContext, progress: Progress | None) -> None:
        self.width = count
        self._progress = progress
        self._futures: list[Future[Any]] = []
        spawn = multiprocessing.get_context("spawn")
        self._steps: SimpleQueue[Step] = spawn.SimpleQueue()
        listener, self._stop = spawn.Pipe(duplex=False)
        gpus, devices = 0 if context.config.spec.is_tree else _count_gpus(), spawn.Queue()
        for number in range(count):
            devices.put(str(number % gpus) if gpus else None)
        self._pool = ProcessPoolExecutor(
            count,
            spawn,
            initializer=_start_worker,
            initargs=(listener, devices, self._steps, context.config, context.store.folder),
        )

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        future = self._pool.submit(_process_here, cell, is_measured)
        self._futures = [other for other in self._futures if not other.done()] + [future]
        return future

    def submit_trial(self, cells: Sequence[Cell]) -> "Future[dict[str, ModelCosts]]":
        future = self._pool.submit(_try_here, cells)
        self._futures.append(future)
        return future

    def report_progress(self) -> None:
        while not self._steps.empty():
            step = self._steps.get()
            if self._progress:
                self._progress(step)

    def close(self) -> None:
        is_idle = all(future.done() for future in self._futures)
        if not is_idle:
            self._stop.close()
        self._pool.shutdown(cancel_futures=True)


class _RayExecutor:
    """Processes cells on a Ray cluster, one per GPU, or one per core if it has no GPU."""

    def __init__(self, context: RunContext) -> None:
        with requires_extra("jobs ray", "cluster", InvalidArgumentError):
            ray: Any = import_module(RAY)
        self._ray = ray
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        self.width = gpus or max(1, int(resources.get("CPU", 1)))
        needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        self._remote: Any = ray.remote(**needs)(_process_remotely)
        self._remote_trial: Any = ray.remote(**needs)(_try_remotely)
        self._context_arguments = (context.config, context.store.folder.resolve())

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        task = self._remote.remote(*self._context_arguments, cell, is_measured)
        future: Future[Metrics] = task.future()
        return future

    def submit_trial(self, cells: Sequence[Cell]) -> "Future[dict[str, ModelCosts]]":
        task = self._remote_trial.remote(*self._context_arguments, cells)
        future: Future[dict[str, ModelCosts]] = task.future()
        return future

    def report_progress(self) -> None:
        pass

    def close(self) -> None:
        self._ray.shutdown()


_context: RunContext | None = None
_progress: Progress | None = None


def _start_worker(
    listener: Connection,
    devices: "multiprocessing.Queue[str | None]",
    steps: "SimpleQueue[Step]",
    config: ExperimentConfig,
    folder: Path,
) -> None:
    """Prepares a worker process: its GPU, and its end when the parent ends."""
    global _progress
    _progress = _ThrottledProgress(steps)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # The parent gets them, and ends this process.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    device = devices.get()
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    threading.Thread(target=_exit_with_parent, args=(listener,), daemon=True).start()
    _open_context(config, folder)


class _ThrottledProgress:
    """Sends steps to the parent process, at most one per second."""

    def __init__(self, steps: "SimpleQueue[Step]") -> None:
        self._steps = steps
        self._next = 0.0

    def __call__(self, step: Step) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            self._steps.put(step)


def _exit_with_parent(listener: Connection) -> None:
    """Ends this process when the parent says so or is gone; work in progress is lost."""
    parent = multiprocessing.parent_process()
    wait([listener, *([parent.sentinel] if parent else [])])
    os._exit(1)


def _open_context(config: ExperimentConfig, folder: Path) -> None:
    """Opens the context of a run, unless this process has it open."""
    global _context
    if _context is None or (_context.config, _context.store.folder) != (config, folder):
        _context = RunContext(config, ModelStore(folder))


def _opened_context() -> RunContext:
    if _context is None:
        raise InvalidArgumentError("this worker process has no run; start it with open_executor")
    return _context


def _process_here(cell: Cell, is_measured: bool) -> Metrics:
    return (process_cell if is_measured else make_model)(_opened_context(), cell, _progress)


def _try_here(cells: Sequence[Cell]) -> dict[str, ModelCosts]:
    return run_trial(_opened_context(), cells)


def _try_remotely(
    config: ExperimentConfig, folder: Path, cells: Sequence[Cell]
) -> dict[str, ModelCosts]:
    _open_context(config, folder)
    return _try_here(cells)


def _process_remotely(
    config: ExperimentConfig, folder: Path, cell: Cell, is_measured: bool
) -> Metrics:
    _open_context(config, folder)
    return _process_here(cell, is_measured)


def _count_gpus() -> int:
    """How many GPUs torch sees; 0 without torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return 0
    return torch.cuda.device_count()
