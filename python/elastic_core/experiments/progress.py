"""What a run tells of its progress: the cell that is under way, and where it is in it."""

from elastic_core.common.progress import Progress, Step
from elastic_core.experiments.cells import Cell


class RunProgress:
    """Turns what a runner and its cells tell into the progress of a run.

    Args:
        study: Name of the study.
        total: Cells in all.
        progress: Whom to tell.
    """

    def __init__(self, study: str, total: int, progress: Progress | None) -> None:
        self._study = study
        self._total = total
        self._progress = progress
        self._done = 0
        self._cell = ""

    def told(self, done: int, cell: Cell | None) -> None:
        """A cell is begun, or so many are done."""
        self._done = done
        if cell is not None:
            self._cell = cell.name
        self._tell(self._cell)

    def within(self, step: Step) -> None:
        """So much of a cell is done."""
        share = f", {step.phase} {step.done / step.total:.0%}" if step.total else ""
        self._tell(f"{self._cell}{share}")

    def _tell(self, where: str) -> None:
        if self._progress:
            step = Step("run", self._study, self._done, self._total, "cells", where)
            self._progress(step)
