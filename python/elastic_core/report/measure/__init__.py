"""Measurements: table, JSON, Markdown, CSV, figure, the files of a result folder."""

import json
import sys

from elastic_core.report.measure.csv import csv_text
from elastic_core.report.measure.markdown import markdown_text
from elastic_core.report.measure.table import print_table
from elastic_core.result import MeasureResult

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]

FORMATS = ("table", "json", "markdown", "csv")
"""The names that `print_result` and the command line know."""


def json_text(result: MeasureResult) -> str:
    """The measurement as JSON, schema `elastic-core/measure/1`, with a line end."""
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def print_result(result: MeasureResult, form: str = "table") -> None:
    """Prints the measurement to standard output.

    Args:
        result: The measurement.
        form: One of `FORMATS`.
    """
    match form:
        case "json":
            sys.stdout.write(json_text(result))
        case "markdown":
            sys.stdout.write(markdown_text(result))
        case "csv":
            sys.stdout.write(csv_text(result))
        case _:
            print_table(result)
