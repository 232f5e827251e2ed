"""Runs cells in the order their models require, each once, and appends their rows."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from elastic_core._core import ElasticCoreError, ModelError
from elastic_core.common.files import append_json_line
from elastic_core.experiments.cells import Cell, Metrics
from elastic_core.experiments.completions import COMPLETIONS, append_completions
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import RunFolder, flatten_row

if TYPE_CHECKING:
    from elastic_core.experiments.estimate.trial import ModelCosts

_POLL_SECONDS = 0.5


class Executor(Protocol):
    """Processes cells with `elastic_core.experiments.worker`, here or in other processes."""

    width: int
    """How many cells it processes at once."""

    def submit(self, cell: Cell, *, is_measured: bool) -> "Future[Metrics]":
        """Starts `process_cell`, or `make_model` if the cell is not to be measured."""

    def submit_trial(self, cells: Sequence[Cell]) -> "Future[dict[str, ModelCosts]]":
        """Starts `elastic_core.experiments.estimate.trial.run_trial`."""

    def report_progress(self) -> None:
        """Passes on the progress that cells have reported since the last call."""

    def close(self) -> None:
        """Stops all work immediately."""


@dataclass(frozen=True, slots=True)
class Task:
    """A cell to process; not measured if only its model is needed."""

    cell: Cell
    is_measured: bool


class RunObserver(Protocol):
    """Follows a run."""

    def on_start(self, task: Task) -> None:
        """A task was started."""

    def on_finish(self, task: Task) -> None:
        """A task was finished."""

    def on_count(self, done: int, requested: int) -> None:
        """So many cells are finished, of those requested so far."""


def pending_tasks(
    context: RunContext,
    cells: Iterable[Cell],
    finished: Container[str],
    is_settled: Callable[[Cell], bool],
) -> list[Task]:
    """The tasks that cells require, each after those whose models it needs.

    Args:
        context: Data, scorer and models.
        cells: The cells.
        finished: The hashes of the rows of finished cells.
        is_settled: Whether a cell's model exists, or its training diverged.
    """
    tasks: dict[str, Task] = {}

    def visit(cell: Cell, *, is_measured: bool) -> None:
        if is_measured:
            key = context.row_hash(cell)
            is_done = key in finished
        else:
            key = context.model_hash(cell)
            is_done = is_settled(cell)
        if is_done or key in tasks:
            return
        for needed in cell.needs:
            visit(needed, is_measured=False)
        tasks.setdefault(key, Task(cell, is_measured))

    for cell in cells:
        visit(cell, is_measured=True)
    measured = {context.model_hash(task.cell) for task in tasks.values() if task.is_measured}
    return [
        task
        for task in tasks.values()
        if task.is_measured or context.model_hash(task.cell) not in measured
    ]


class Runner:
    """Processes the cells that a study requests.

    Args:
        context: Data, scorer and models.
        folder: The folder of the run, whose rows are reused.
        executor: Processes the cells.
        observer: Follows the run.
    """

    def __init__(
        self, context: RunContext, folder: RunFolder, executor: Executor, observer: RunObserver
    ) -> None:
        self._context = context
        self._folder = folder
        self._executor = executor
        self._observer = observer
        self._rows = {row["key"]: row for row in folder.rows()}
        self._diverged = {row.get("made") for row in self._rows.values() if row.get("diverged")}
        self._requested: dict[str, Cell] = {}

    def run_cells(self, cells: Sequence[Cell]) -> list[Metrics]:
        """Processes cells that have no row yet and returns the metrics of all, labels included.

        Raises:
            InvalidArgumentError: A cell refers to missing data.
            ModelError: A model cannot be trained or measured.
            OSError: The disk is full, or a file cannot be written.
        """
        self._requested |= {self._context.row_hash(cell): cell for cell in cells}
        waiting = pending_tasks(self._context, cells, self._rows, self._is_settled)
        kept = self._kept_models(cells)
        pending = Counter(needed for task in waiting for needed in self._needed_models(task.cell))
        self._drop_measured(cells, kept | pending.keys())
        for cell in cells:  # An interrupted run may have left a model without.
            for each in (cell, *cell.needs):
                self._label(each)
        running: dict[Future[Metrics], Task] = {}
        self._report_count()
        while waiting or running:
            while len(running) < self._executor.width:
                task = self._next_ready(waiting, running.values())
                if task is None:
                    break
                waiting.remove(task)
                if self._needs_diverged(task.cell):
                    self._append_row(task.cell, {"diverged": True})
                    self._release(task.cell, kept, pending)
                    self._observer.on_finish(task)
                    continue
                self._observer.on_start(task)
                self._report_count()
                future = self._executor.submit(task.cell, is_measured=task.is_measured)
                running[future] = task
            if not running:
                continue
            finished, _ = wait(running, _POLL_SECONDS, FIRST_COMPLETED)
            self._executor.report_progress()
            for future in finished:
                task = running.pop(future)
                metrics = _result(future, task.cell)
                self._label(task.cell)
                if task.is_measured:
                    self._append_row(task.cell, metrics)
                self._release(task.cell, kept, pending)
                self._observer.on_finish(task)
                self._report_count()
        return [flatten_row(self._rows[self._context.row_hash(cell)]) for cell in cells]

    def _label(self, cell: Cell) -> None:
        """Writes the name of a cell into the folder of its model, if there is one."""
        self._context.store.label(self._context.model_hash(cell), cell.name)

    def _next_ready(self, waiting: Sequence[Task], running: Iterable[Task]) -> Task | None:
        """The first waiting task whose models exist and whose own model is not in progress."""
        busy = {self._context.model_hash(task.cell) for task in running}
        for task in waiting:
            is_ready = all(map(self._is_settled, task.cell.needs))
            if is_ready and self._context.model_hash(task.cell) not in busy:
                return task
        return None

    def _is_settled(self, cell: Cell) -> bool:
        """Whether a cell's model exists, or its training diverged."""
        return (
            self._context.path(cell) is not None or self._context.model_hash(cell) in self._diverged
        )

    def _needs_diverged(self, cell: Cell) -> bool:
        return any(self._context.model_hash(needed) in self._diverged for needed in cell.needs)

    def _needed_models(self, cell: Cell) -> set[str]:
        """Hashes of the models that must exist before a cell can be processed."""
        return {self._context.model_hash(needed) for needed in cell.needs}

    def _release(self, cell: Cell, kept: AbstractSet[str], pending: Counter[str]) -> None:
        """Drops the models that only a finished cell needed, its own among them."""
        needed = self._needed_models(cell)
        pending.subtract(needed)
        for model_hash in (self._context.model_hash(cell), *needed):
            if model_hash not in kept and not pending[model_hash]:
                self._context.store.drop(model_hash)

    def _kept_models(self, cells: Iterable[Cell]) -> set[str]:
        """Hashes of the models to keep: roots, and models that other cells start from.

        The model at the end of a curve is only needed until all models of the curve are measured.
        """
        kept = [cell for cell in cells if cell.is_kept or cell.parent is None]
        needed = [needed for cell in cells for needed in cell.needs if needed != cell.end_of_curve]
        return {self._context.model_hash(cell) for cell in (*kept, *needed)}

    def _drop_measured(self, cells: Iterable[Cell], kept: AbstractSet[str]) -> None:
        """Drops models that an interrupted run measured and had no time to drop."""
        for cell in cells:
            model_hash = self._context.model_hash(cell)
            if self._context.row_hash(cell) in self._rows and model_hash not in kept:
                self._context.store.drop(model_hash)

    def _report_count(self) -> None:
        done = sum(key in self._rows for key in self._requested)
        self._observer.on_count(done, len(self._requested))

    def _append_row(self, cell: Cell, metrics: Metrics) -> None:
        """Appends a cell's row to `metrics.jsonl`, and before it what the model wrote, if kept."""
        model_hash, key = self._context.model_hash(cell), self._context.row_hash(cell)
        if completions := metrics.pop(COMPLETIONS, None):
            append_completions(self._folder.completions, key, cell, completions)
        row = {
            "key": key,
            "made": model_hash,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": cell.name,
            "labels": dict(cell.labels),
            "seed": cell.seed,
            **metrics,
        }
        append_json_line(self._folder.metrics, row)
        self._rows[row["key"]] = row
        if metrics.get("diverged"):
            self._diverged.add(model_hash)


def _result(future: "Future[Metrics]", cell: Cell) -> Metrics:
    try:
        return future.result()
    except ElasticCoreError as error:
        raise type(error)(f"{cell.name}: {error}") from error
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # A worker that died, or a fault inside a library.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"{cell.name}: {reason}; finished cells are kept") from error
