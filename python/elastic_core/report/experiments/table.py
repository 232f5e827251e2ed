"""Runs on a terminal: findings with verdicts, then tables."""

from typing import TYPE_CHECKING

from elastic_core.report.document import Table
from elastic_core.report.experiments.cells import HALVES, compact, has_intervals, names, texts
from elastic_core.report.experiments.record import ExperimentReport, ReportedRun
from elastic_core.report.experiments.words import setting
from elastic_core.report.tables import print_rows, terminal

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 80
_STYLES = {"holds": "green", "does not hold": "red", "open": "yellow"}


def print_table(report: ExperimentReport, console: "Console | None" = None) -> None:
    """Prints each run, 80 columns wide unless its tables need more.

    Args:
        report: The runs.
        console: Where to print; None: standard output.
    """
    console = console or terminal()
    for run in report.runs:
        _print_run(run, console)


def _print_run(run: ReportedRun, console: "Console") -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    analysis, width = run.analysis, console.width
    title = Text.assemble((run.name, "bold"), "  ", (setting(run), "dim"))
    console.print(title, soft_wrap=True)
    console.print(Text(analysis.question))
    console.print()
    findings = Grid.grid(padding=(0, 2, 1, 0))
    for each in analysis.findings:
        verdict = Text(each.verdict, style=_STYLES.get(each.verdict, ""), no_wrap=True)
        findings.add_row(verdict, Text.assemble((each.claim, "bold"), "\n", each.words))
    console.print(findings)
    for table in analysis.tables:
        console.print(Text(table.title, style="bold"))
        if table.note:
            console.print(Text(table.note, style="dim"))
        print_rows(console, table.headings, _narrow(table), names(table))
        console.width = width  # A wide table takes the room that it needs, words do not.
    if any(map(has_intervals, analysis.tables)):
        console.print(Text(HALVES, style="dim"))
    for note in analysis.notes:
        console.print(Text(note))
    console.print()


def _narrow(table: Table) -> list[tuple[str, ...]]:
    """The cells, what follows a mean on a line below it where there is no room beside it."""
    cells = texts(table, compact)
    rows = [*zip(*table.headings, strict=True), *cells]
    width = sum(max(map(len, column)) + 1 for column in zip(*rows, strict=True)) - 1
    if width <= _WIDTH:
        return cells
    return [tuple(cell.replace(" ±", "\n±") for cell in row) for row in cells]
