"""Measurements: table, JSON, Markdown, CSV, figure, the files of a result folder."""

from elastic_core.measuring.result import MeasureResult
from elastic_core.report.forms import FORMATS, json_text, print_form
from elastic_core.report.measure.csv import csv_text
from elastic_core.report.measure.markdown import markdown_text
from elastic_core.report.measure.table import print_table

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]


def print_result(result: MeasureResult, form: str = "table") -> None:
    """Prints the measurement to standard output, in one of `FORMATS`."""
    print_form(result, form, table=print_table, markdown=markdown_text, csv=csv_text)
