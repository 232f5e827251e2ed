"""A mass distribution for people and programs: table, JSON, Markdown, CSV, figure, files."""

from elastic_core.mass_law.result import MassResult
from elastic_core.report.forms import FORMATS, json_text, print_form
from elastic_core.report.mass.csv import csv_text
from elastic_core.report.mass.markdown import markdown_text
from elastic_core.report.mass.table import print_table

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]


def print_result(result: MassResult, form: str = "table") -> None:
    """Prints the test to standard output, in one of `FORMATS`."""
    print_form(result, form, table=print_table, markdown=markdown_text, csv=csv_text)
