"""Reports of experiments: tables for a terminal, the page, and the files of a report folder.

A report folder holds `report.html`, `result.json`, every table as Markdown, CSV and LaTeX
(`tables/NAME.md`, `.csv`, `.tex`) and every figure as PNG and SVG (`figures/NAME.png`, `.svg`). In
a report of several runs the names of tables and figures begin with the name of their run.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from elastic_core._core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.files import slugs, write_json, write_text
from elastic_core.common.folders import result_folder
from elastic_core.common.units import counted
from elastic_core.common.yaml import yaml_text
from elastic_core.experiments.claims import CLAIMS
from elastic_core.experiments.facts import run_facts, software
from elastic_core.experiments.result import (
    ExperimentResult,
    ReportedRun,
)
from elastic_core.report.csv import CELL_COLUMNS, cell_rows, table_csv
from elastic_core.report.document import (
    Block,
    Code,
    Contents,
    Data,
    Document,
    Facts,
    Heading,
    List,
    Overview,
    Table,
    Text,
)
from elastic_core.report.html import HOW_TO_MAKE_A_PAGE, can_make_pages, page_text
from elastic_core.report.latex import table_latex
from elastic_core.report.markdown import table_markdown
from elastic_core.report.plot import HOW_TO_DRAW, can_draw
from elastic_core.report.render import print_result, write_figures
from elastic_core.statistics.intervals import LEVEL

if TYPE_CHECKING:
    from elastic_core.experiments.run import Run

COLUMNS = ("run", *CELL_COLUMNS)
"""The columns of the CSV, which has a row for each cell of each table."""

_PAGE, _RESULT, _TABLES, _FIGURES = "report.html", "result.json", "tables", "figures"

_VERDICTS = (
    ("holds", "The effect differs significantly from zero, with the sign that the claim predicts."),
    ("does not hold", "The effect differs significantly from zero, with the other sign."),
    ("no difference", "An effect as large as the smallest one of interest is ruled out."),
    ("cannot tell", "None of these. The effect that this run could have seen is stated."),
    ("no verdict", "A precondition is not met, or too few seeds have an estimate."),
)
_CLAIMS = (
    "A claim of no effect holds if an effect as large as the smallest one of interest is ruled "
    "out, and does not hold if the effect is significantly larger than that."
)

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""In English whatever the locale."""

_EXAMPLES = (
    "The models of the first seed completed the same held-out prompts with the same random "
    "numbers. The run folder has more of them in completions.jsonl."
)

_SINGLE_SEED = (
    "There is only one seed. Another one could give a different result, and nothing here says how "
    "different: there are no intervals, and no claim has a verdict."
)
_SEEDS = (
    "Everything was repeated with {seeds} seeds. Each seed has its own held-out prompts, subsets "
    "of the data, training order and completions, and its own initial weights where a model is "
    "pre-trained here."
)
_INTERVAL = (
    f"A value such as 0.57 (0.53 to 0.62) is the mean over seeds with Student's {LEVEL:.0%} "
    "confidence interval. It describes this model and these data, and no others."
)


def document(result: ExperimentResult) -> Document:
    """The findings and tables of runs, for a terminal, Markdown and CSV."""
    blocks: list[Block] = []
    for run in result.runs:
        analysis = run.analysis
        blocks += [
            Heading(run.name, _dated(run)),
            Text(f"{headline(run)}."),
            Text(analysis.question),
            Text(analysis.protocol, is_detail=True),
            Overview(analysis.findings, next(iter(analysis.figures), None)),
            *_changes(run, 3),
            *_examples(run, 3),
            *_measures(run, 3),
            *_tables(run, 3, with_claims=False),
            *_tests(run, 3),
            *_tables(run, 3, with_claims=True),
        ]
        if analysis.notes:
            blocks += [Heading("Notes", level=3), List(analysis.notes)]
    rows = [
        (run.name, *row)
        for run in result.runs
        for table in run.analysis.tables
        for row in cell_rows(table)
    ]
    return Document(tuple(blocks), Data(COLUMNS, tuple(rows)))


def findings(result: ExperimentResult) -> tuple[str, ...]:
    """The claims of all runs with their verdicts and what was measured."""
    return tuple(
        f"{finding.claim} {finding.verdict[:1].upper()}{finding.verdict[1:]}. {finding.words}"
        for run in result.runs
        for finding in run.analysis.findings
    )


def page(result: ExperimentResult) -> Document:
    """Everything about runs, in the order of the web page."""
    blocks: list[Block]
    if len(result.runs) == 1:
        [run] = result.runs
        kicker = _kicker(run.analysis.study, run_date(run))
        blocks = [
            Heading(
                headline(run),
                f"{run.name}: {settings(run)}",
                level=1,
                summary=run.analysis.question,
                kicker=kicker,
            ),
            *_sections(run, 2),
        ]
    else:
        title = f"{len(result.runs)} experiments"
        blocks = [Heading(title, level=1, kicker=_kicker()), Contents(level=2)]
        for run in result.runs:
            summary = f"{headline(run)}. {run.analysis.question}"
            blocks += [
                Heading(run.name, _dated(run), summary=summary),
                *_sections(run, 3),
            ]
    return Document((*blocks, Text(f"Report made with {software()}.", is_note=True)))


def write_report(runs: "Sequence[Run]", folder: Path) -> tuple[str, ...]:
    """Writes the report of runs, replacing an older one.

    The files appear once all are written. The tables, figures and page of an older report are
    removed; any other folder keeps its files, except those of the same names.

    Args:
        runs: The runs, finished or not.
        folder: The folder, created if necessary.

    Returns:
        A sentence for each part that is missing because a library is not installed.

    Raises:
        InvalidArgumentError: `folder` is a file.
        OSError: A file cannot be written.
    """
    result = ExperimentResult.of(runs)
    parts = ((can_draw(), HOW_TO_DRAW), (can_make_pages(), HOW_TO_MAKE_A_PAGE))
    with result_folder(folder, _older(folder)) as partial:
        for run in result.runs:
            prefix = f"{run.name}-" if len(result.runs) > 1 else ""
            _write_tables(run.analysis.tables, partial / _TABLES, prefix)
            if can_draw():
                (partial / _FIGURES).mkdir(exist_ok=True)
                write_figures(run.analysis.figures, partial / _FIGURES, prefix)
        if can_make_pages():
            write_text(partial / _PAGE, page_text(page(result)))
        write_json(partial / _RESULT, result.to_dict())
    return tuple(sentence for is_there, sentence in parts if not is_there)


def print_report(runs: "Sequence[Run]", format: str = "table") -> None:
    """Prints runs on standard output, in one of `elastic_core.report.render.FORMATS`."""
    result = ExperimentResult.of(runs)
    print_result(result, document(result), format)


def report_folder(runs: "Sequence[Run]", out: Path | None) -> Path:
    """The folder for the report of runs: `out`, or else that of the only run.

    Raises:
        InvalidArgumentError: There are several runs, but `out` is None.
    """
    if out is not None:
        return out
    if len(runs) > 1:
        raise InvalidArgumentError(
            f"{len(runs)} runs, but no folder for their report; name one with `out`"
        )
    return runs[0].folder.report


def settings(run: ReportedRun) -> str:
    """Study, model, seeds and finished cells, on one line."""
    config = run.config
    done, missing = run.provenance.cells, run.provenance.missing
    cells = counted(done, "cell", "cells")
    if missing:
        cells = f"not finished: {done:,} of {counted(done + missing, 'cell', 'cells')}"
    return f"{run.analysis.study}, {config.model}, {config.counted_seeds}, {cells} done"


def headline(run: ReportedRun) -> str:
    """The main result of a run, without a full stop."""
    if run.analysis.story.headline:
        return run.analysis.story.headline
    for finding in run.analysis.findings[:1]:
        claim = finding.claim.rstrip(".")
        match finding.kind:
            case "holds":
                return claim
            case "does not hold":
                return f"Contradicted: {claim[:1].lower()}{claim[1:]}"
            case _:
                return f"Undecided: {claim[:1].lower()}{claim[1:]}"
    return f"No results of {run.analysis.study} yet"


def run_date(run: ReportedRun) -> str:
    """The day on which the last cell was finished, such as `2 January 2026`; empty without any."""
    if run.provenance.last is None:
        return ""
    at = datetime.fromisoformat(run.provenance.last)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def certainty(seeds: int) -> tuple[str, ...]:
    """How certain the results of so many seeds are, and what intervals and tests mean."""
    if seeds < 2:
        return (_SINGLE_SEED,)
    return _SEEDS.format(seeds=seeds), _INTERVAL


def _kicker(*parts: str) -> str:
    """A line above a title: the product, and what else is known."""
    return " · ".join(filter(None, ["elastic-core", *parts]))


def _dated(run: ReportedRun) -> str:
    """Study, model, seeds, finished cells and the date, on one line."""
    return ", ".join(filter(None, [settings(run), run_date(run)]))


def _sections(run: ReportedRun, level: int) -> list[Block]:
    """Everything about a run, under headings of a level: the results first, statistics last."""
    analysis = run.analysis
    notes: tuple[Block, ...] = (Heading("Notes", level=level), List(analysis.notes))
    tables = _tables(run, level + 1, with_claims=False)
    details: list[Block] = [*analysis.figures[1:], *tables]
    if details:
        details.insert(0, Heading("Results in detail", level=level))
    missing: list[Block] = [] if analysis.findings else [Text("There are no findings.")]
    return [
        Overview(analysis.findings, next(iter(analysis.figures), None)),
        *missing,
        *_changes(run, level),
        *(notes if analysis.notes else ()),
        *_examples(run, level),
        *_measures(run, level),
        *details,
        Heading("Method", level=level),
        Text(analysis.protocol),
        Heading("Statistics", level=level),
        *map(Text, certainty(run.config.seeds)),
        Facts(_VERDICTS),
        Text(_CLAIMS),
        *_tests(run, level + 1),
        *_tables(run, level + 1, with_claims=True),
        Heading("Setup", level=level),
        Facts(tuple(run_facts(run))),
        Text(
            "The report covers the cells that were finished when it was made. Time in cells is the "
            "sum over all cells, including those that ran at the same time.",
            is_note=True,
        ),
        Code("Full configuration", yaml_text(run.config.model_dump(mode="json"))),
    ]


def _changes(run: ReportedRun, level: int) -> list[Block]:
    """What changed, with values before and after."""
    changes = run.analysis.story.changes
    return [Heading("What changed", level=level), List(changes)] if changes else []


def _examples(run: ReportedRun, level: int) -> list[Block]:
    """What models wrote, if the run kept any of it."""
    found = run.analysis.story.examples
    title = Heading("What the models wrote", level=level)
    return [title, Text(_EXAMPLES, is_note=True), *found] if found else []


def _measures(run: ReportedRun, level: int) -> list[Block]:
    """What is measured, and in which range it lies."""
    measures = run.analysis.story.measures
    return [Heading("What is measured", level=level), Facts(measures)] if measures else []


def _tests(run: ReportedRun, level: int) -> list[Block]:
    """How certain each finding is."""
    tests = tuple(
        f"{finding.claim} {finding.details}" for finding in run.analysis.findings if finding.details
    )
    return [Heading("Tests", level=level), List(tests)] if tests else []


def _tables(run: ReportedRun, level: int, *, with_claims: bool) -> list[Block]:
    """The tables that have rows, each below a heading.

    Args:
        run: The run.
        level: The level of the headings.
        with_claims: Whether to take the table of claims alone, or all others.
    """
    return [
        block
        for table in run.analysis.tables
        if table.rows and (table.name == CLAIMS) == with_claims
        for block in (Heading(table.title, level=level), replace(table, title=""))
    ]


def _write_tables(tables: Sequence[Table], folder: Path, prefix: str) -> None:
    for name, table in zip(slugs([table.name for table in tables]), tables, strict=True):
        for suffix, text in (("md", table_markdown), ("csv", table_csv), ("tex", table_latex)):
            write_text(folder / f"{prefix}{name}.{suffix}", text(table))


def _older(folder: Path) -> tuple[str, ...]:
    """The parts of an older report that the new one might not replace."""
    try:
        older = json.loads((folder / _RESULT).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    is_report = isinstance(older, dict) and older.get("schema") == schemas.EXPERIMENT
    return (_PAGE, _TABLES, _FIGURES) if is_report else ()
