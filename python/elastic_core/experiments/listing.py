"""The runs below a folder, and the cells of a run with the folders of their models.

`RunList.to_dict` and `CellList.to_dict` are the schema `elastic-core/runs/1`: `schema`, and `runs`
or `cells`, whose entries have the attributes of the classes here.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.units import counted
from elastic_core.experiments.cells import Label
from elastic_core.experiments.completions import read_completions
from elastic_core.experiments.folder import RunFolder, last_time
from elastic_core.report.csv import data_of
from elastic_core.report.document import Block, Cell, Document, Heading, List, Table

_CONFIG = "config.yaml"


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run.

    Attributes:
        folder: Its folder.
        study: Name of the study.
        model: Name of the model.
        seeds: Number of seeds.
        cells: Number of finished cells.
        last: When the last one was finished, in ISO 8601; None: none is.
    """

    folder: str
    study: str
    model: str
    seeds: int | None
    cells: int
    last: str | None


@dataclass(frozen=True, slots=True)
class ListedCell:
    """A finished cell.

    Attributes:
        labels: Its place in the study.
        folder: The folder of its model; None if the model was deleted, or is not of the run.
        has_completions: Whether the run keeps what its model wrote.
    """

    labels: dict[str, Label]
    folder: str | None
    has_completions: bool


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs below a folder.

    Attributes:
        folder: The folder.
        runs: The runs, by their folders.
        unreadable: Why runs are left out, as sentences.
    """

    folder: str
    runs: tuple[ListedRun, ...]
    unreadable: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The result as the schema has it."""
        runs = [asdict(run) for run in self.runs]
        return {"schema": schemas.RUNS, "runs": runs, "unreadable": list(self.unreadable)}

    def document(self) -> Document:
        """A table with a row for each run."""
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (run.folder, run.study, run.model, run.seeds, run.cells, (run.last or "-")[:10])
            for run in self.runs
        )
        names = ("folder", "study", "model", "seeds", "cells", "last")
        table = Table("runs", "", tuple((name, "") for name in names), rows)
        blocks: list[Block] = [Heading(self.folder, counted(len(self.runs), "run", "runs")), table]
        if self.unreadable:
            blocks += [Heading("Left out", level=3), List(self.unreadable)]
        return Document(tuple(blocks), data_of(names, [asdict(run) for run in self.runs]))


@dataclass(frozen=True, slots=True)
class CellList:
    """The finished cells of a run.

    Attributes:
        run: The run.
        cells: The cells, in the order in which they were finished.
    """

    run: ListedRun
    cells: tuple[ListedCell, ...]

    def to_dict(self) -> dict[str, Any]:
        """The result as the schema has it."""
        cells = [asdict(cell) for cell in self.cells]
        return {"schema": schemas.RUNS, "run": asdict(self.run), "cells": cells}

    def document(self) -> Document:
        """A table with a row for each cell and a column for each label."""
        labels = list(dict.fromkeys(name for cell in self.cells for name in cell.labels))
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                *(_text(cell.labels.get(name)) for name in labels),
                "yes" if cell.has_completions else "-",
                Path(cell.folder).name if cell.folder else "-",
            )
            for cell in self.cells
        )
        names = (*labels, "texts", "model")
        run = self.run
        table = Table(
            "cells",
            "",
            tuple((name, "folder in checkpoints/" if name == "model" else "") for name in names),
            rows,
            note=(
                "A row is a model and its measurements in metrics.jsonl. texts: whether "
                "completions.jsonl has what it wrote. Models without a folder were deleted once "
                "measured, or are elsewhere: in the folder of --cache, or a checkpoint of yours."
            ),
            text_columns=names,
        )
        detail = f"{run.study}, {run.model}, {counted(run.cells, 'cell', 'cells')} done"
        data = data_of(
            (*labels, "completions", "folder"),
            [
                {**cell.labels, "completions": cell.has_completions, "folder": cell.folder}
                for cell in self.cells
            ],
        )
        return Document((Heading(run.folder, detail), table), data)


def list_runs(folder: Path) -> RunList | CellList:
    """Lists the cells of the run in a folder, or the runs below it.

    Raises:
        InvalidArgumentError: There is no such folder, or no run in or below it, or the run in it is
            damaged.
        OSError: A file cannot be read.
    """
    if not folder.is_dir():
        raise InvalidArgumentError(f"{folder}: no such folder; name a folder with runs")
    if _is_run(folder):
        return _cells_of(folder)
    runs: list[ListedRun] = []
    unreadable: list[str] = []
    for place in _run_folders(folder):
        try:
            runs.append(_run_of(place))
        except InvalidArgumentError as error:
            unreadable.append(str(error))
    if not runs and not unreadable:
        raise InvalidArgumentError(f"{folder}: no run in or below it; name a folder with runs")
    return RunList(str(folder), tuple(runs), tuple(unreadable))


def _is_run(folder: Path) -> bool:
    """Whether a folder holds a run, rather than only a configuration of this name."""
    run = RunFolder(folder)
    others = (run.metrics, run.checkpoints, folder / ".lock")
    return (folder / _CONFIG).is_file() and any(place.exists() for place in others)


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folders of runs below a folder, sorted; what is inside a run is left out."""
    for place, below, files in os.walk(folder):
        below.sort()
        if _CONFIG in files and _is_run(Path(place)):
            below.clear()
            yield Path(place)


def _run_of(folder: Path, rows: list[dict[str, Any]] | None = None) -> ListedRun:
    run = RunFolder(folder)
    values = run.values()
    rows = run.rows() if rows is None else rows
    seeds = values.get("seeds")
    return ListedRun(
        folder=str(folder),
        study=str(values.get("study")),
        model=str(values.get("model")),
        seeds=seeds if isinstance(seeds, int) else None,
        cells=len(rows),
        last=last_time(rows),
    )


def _cells_of(folder: Path) -> CellList:
    run = RunFolder(folder)
    rows, written = run.rows(), read_completions(run.completions)
    cells = []
    for row in rows:
        place = run.checkpoints / str(row.get("made"))
        where = str(place) if row.get("made") and place.is_dir() else None
        cells.append(ListedCell(row["labels"], where, row["key"] in written))
    return CellList(_run_of(folder, rows), tuple(cells))


def _text(value: Label | None) -> str:
    return "-" if value is None else str(value)
