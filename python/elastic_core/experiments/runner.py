"""Runs cells in the order that their models need, each once, and keeps what comes of them."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from typing import Any, TypeAlias

from elastic_core._core import ElasticCoreError, ModelError
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.executors import Executor
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.work import Metrics

_SECONDS_BETWEEN_STEPS = 0.5

Ask: TypeAlias = Callable[[Sequence[Cell]], list[Metrics]]
"""Called with cells; gives the metrics of each, in their order, with its labels among them."""

Told: TypeAlias = Callable[[int, Cell | None], object]
"""Called with how many cells are done, and with one that is begun."""


class Runner:
    """Works on the cells that a study asks for.

    Args:
        context: What they are made with.
        folder: Where their rows are kept.
        executor: What works on them.
        told: Called whenever a cell is begun or done.
    """

    def __init__(
        self, context: RunContext, folder: RunFolder, executor: Executor, told: Told
    ) -> None:
        self._context = context
        self._folder = folder
        self._executor = executor
        self._told = told
        self._rows = {row["key"]: row for row in folder.rows()}
        self._diverged = {row["made"] for row in self._rows.values() if row.get("diverged")}
        self.asked: dict[str, Cell] = {}

    def ask(self, cells: Sequence[Cell]) -> list[Metrics]:
        """The metrics of cells; those that are not there yet are worked on.

        Raises:
            InvalidArgumentError: A cell asks for what there is not.
            ModelError: A model cannot be made, or measured.
            OSError: The disk is full, or something cannot be written.
        """
        self.asked |= {self._context.key(cell): cell for cell in cells}
        waiting = self._waiting(cells)
        kept = self._kept(cells)
        running: dict[Future[Metrics], tuple[Cell, bool]] = {}
        self._told(self._done(), None)
        while waiting or running:
            while len(running) < self._executor.width and (ready := self._ready(waiting, running)):
                cell, is_measured = ready
                waiting.remove(ready)
                if self._made_of(cell) & self._diverged:
                    self._keep(cell, {"diverged": True})
                    continue
                self._told(self._done(), cell)
                future = self._executor.submit(cell, is_measured=is_measured)
                running[future] = ready
            if not running:
                continue
            ended, _ = wait(running, _SECONDS_BETWEEN_STEPS, FIRST_COMPLETED)
            self._executor.listen()
            for future in ended:
                cell, is_measured = running.pop(future)
                metrics = _result(future, cell)
                if is_measured:
                    self._keep(cell, metrics)
                made = self._context.made(cell)
                if made not in kept:
                    self._context.store.drop(made)
                self._told(self._done(), None)
        return [self._metrics(cell) for cell in cells]

    def _waiting(self, cells: Iterable[Cell]) -> list[tuple[Cell, bool]]:
        """What is to be worked on, models before what is made of them; True: and measured."""
        found: dict[str, tuple[Cell, bool]] = {}

        def visit(cell: Cell, is_asked: bool) -> None:
            key, made = self._context.key(cell), self._context.made(cell)
            is_missing = self._context.path(cell) is None and made not in self._diverged
            if is_asked and key not in self._rows:
                name, entry = key, (cell, True)
            elif not is_asked and is_missing:
                name, entry = made, (cell, False)
            else:
                return
            if name in found:
                return
            for each in cell.needs:
                visit(each, False)
            found.setdefault(name, entry)

        for cell in cells:
            visit(cell, True)
        measured = {self._context.made(cell) for cell, is_measured in found.values() if is_measured}
        return [
            (cell, is_measured)
            for cell, is_measured in found.values()
            if is_measured or self._context.made(cell) not in measured
        ]

    def _ready(
        self,
        waiting: Sequence[tuple[Cell, bool]],
        running: dict[Future[Metrics], tuple[Cell, bool]],
    ) -> tuple[Cell, bool] | None:
        """The first of those that wait whose needs are there, and that nobody else makes."""
        busy = {self._context.made(cell) for cell, _ in running.values()}
        for cell, is_measured in waiting:
            is_there = all(
                self._context.path(each) is not None or self._context.made(each) in self._diverged
                for each in cell.needs
            )
            if is_there and self._context.made(cell) not in busy:
                return cell, is_measured
        return None

    def _made_of(self, cell: Cell) -> set[str]:
        return {self._context.made(each) for each in cell.needs}

    def _kept(self, cells: Iterable[Cell]) -> set[str]:
        """The models that others are made of, and roots: they are not dropped once measured."""
        found = set[str]()
        for cell in cells:
            if cell.is_kept or cell.parent is None:
                found.add(self._context.made(cell))
            found |= self._made_of(cell)
        return found

    def _done(self) -> int:
        return sum(key in self._rows for key in self.asked)

    def _keep(self, cell: Cell, metrics: Metrics) -> None:
        """Writes down the row of a cell."""
        made = self._context.made(cell)
        row = {
            "key": self._context.key(cell),
            "made": made,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": cell.name,
            "labels": dict(cell.labels),
            "seed": cell.seed,
            **metrics,
        }
        self._folder.append(row)
        self._rows[row["key"]] = row
        if metrics.get("diverged"):
            self._diverged.add(made)

    def _metrics(self, cell: Cell) -> Metrics:
        return flat(self._rows[self._context.key(cell)])


def flat(row: dict[str, Any]) -> Metrics:
    """A row with its labels among its metrics."""
    return {**{key: value for key, value in row.items() if key != "labels"}, **row["labels"]}


def _result(future: "Future[Metrics]", cell: Cell) -> Metrics:
    try:
        return future.result()
    except ElasticCoreError as error:
        raise type(error)(f"{cell.name}: {error}") from error
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # A worker that died, or a fault inside a library.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"{cell.name}: {reason}; what was finished is kept") from error
