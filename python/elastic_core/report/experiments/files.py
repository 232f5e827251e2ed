"""The files of a report: `report.html`, `result.json`, `tables/`, `figures/`.

Each table is there as Markdown, CSV and LaTeX (`tables/NAME.md`, `.csv`, `.tex`), each figure as
PNG and SVG (`figures/NAME.png`, `.svg`). In a report of several runs their names begin with the
run's.
"""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from elastic_core._core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.files import result_folder, slugs
from elastic_core.report.experiments.csv import table_csv
from elastic_core.report.experiments.figure import draw
from elastic_core.report.experiments.latex import table_latex
from elastic_core.report.experiments.markdown import table_markdown
from elastic_core.report.experiments.page import page
from elastic_core.report.experiments.record import ExperimentReport, ReportedRun
from elastic_core.report.figures import HOW_TO_DRAW, can_draw, save
from elastic_core.report.forms import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastic_core.experiments.run import Run

HOW_TO_MAKE_A_PAGE = "no page made, for Jinja2 is missing: pip install 'elastic-core[report]'"

_PAGE, _RESULT, _TABLES, _FIGURES = "report.html", "result.json", "tables", "figures"


def write_report(runs: "Sequence[Run]", folder: Path) -> tuple[str, ...]:
    """Writes the report of runs, in the place of an older one.

    The files appear when all are written. Of an older report the tables, figures and page go; a
    folder that holds none loses nothing but files of the same names.

    Args:
        runs: The runs, as they are.
        folder: The folder, which is made if it is not there.

    Returns:
        What could not be made for lack of a library, and how to install it: sentences.

    Raises:
        InvalidArgumentError: `folder` is a file.
        OSError: A file cannot be written.
    """
    report = ExperimentReport.of(runs)
    lacks = tuple(
        sentence
        for is_there, sentence in ((can_draw(), HOW_TO_DRAW), (_can_page(), HOW_TO_MAKE_A_PAGE))
        if not is_there
    )
    with result_folder(folder) as partial:
        for run in report.runs:
            prefix = f"{run.name}-" if len(report.runs) > 1 else ""
            _write_tables(run, partial / _TABLES, prefix)
            if can_draw():
                _write_figures(run, partial / _FIGURES, prefix)
        if _can_page():
            (partial / _PAGE).write_text(page(report), "utf-8", "backslashreplace")
        (partial / _RESULT).write_text(json_text(report), "utf-8", "backslashreplace")
        _remove_older(folder)
    return lacks


def report_folder(runs: "Sequence[Run]", out: Path | None) -> Path:
    """Where the report of runs belongs: `out`, or that of the run if there is one run.

    Raises:
        InvalidArgumentError: There are several runs, and no folder is named.
    """
    if out is not None:
        return out
    if len(runs) > 1:
        raise InvalidArgumentError(
            f"{len(runs)} runs, but no folder for their report; name one with --out DIR"
        )
    return runs[0].folder.report


def _write_tables(run: ReportedRun, folder: Path, prefix: str) -> None:
    folder.mkdir(exist_ok=True)
    tables = run.analysis.tables
    for name, table in zip(slugs([each.name for each in tables]), tables, strict=True):
        for ending, text in (("md", table_markdown), ("csv", table_csv), ("tex", table_latex)):
            file = folder / f"{prefix}{name}.{ending}"
            file.write_text(text(table), "utf-8", "backslashreplace")


def _write_figures(run: ReportedRun, folder: Path, prefix: str) -> None:
    folder.mkdir(exist_ok=True)
    figures = [each for each in run.analysis.figures if each.panels]
    for name, figure in zip(slugs([each.name for each in figures]), figures, strict=True):
        save(draw(figure), folder, f"{prefix}{name}")


def _remove_older(folder: Path) -> None:
    """Removes what an older report would leave beside this one."""
    try:
        found = json.loads((folder / _RESULT).read_text("utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(found, dict) and found.get("schema") == schemas.EXPERIMENT:
        (folder / _PAGE).unlink(missing_ok=True)
        for name in (_TABLES, _FIGURES):
            shutil.rmtree(folder / name, ignore_errors=True)


def _can_page() -> bool:
    return find_spec("jinja2") is not None
