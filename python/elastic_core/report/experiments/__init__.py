"""Runs of experiments for people and programs: table, JSON, Markdown, CSV, figures, a page."""

from typing import TYPE_CHECKING

from elastic_core.report.experiments.csv import csv_text
from elastic_core.report.experiments.files import report_folder, write_report
from elastic_core.report.experiments.markdown import markdown_text
from elastic_core.report.experiments.record import ExperimentReport
from elastic_core.report.experiments.table import print_table
from elastic_core.report.forms import FORMATS, json_text, print_form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastic_core.experiments.run import Run

__all__ = [
    "FORMATS",
    "ExperimentReport",
    "csv_text",
    "json_text",
    "markdown_text",
    "print_result",
    "print_table",
    "report_folder",
    "write_report",
]


def print_result(runs: "Sequence[Run]", form: str = "table") -> None:
    """Prints runs to standard output, in one of `FORMATS`."""
    report = ExperimentReport.of(runs)
    print_form(report, form, table=print_table, markdown=markdown_text, csv=csv_text)
