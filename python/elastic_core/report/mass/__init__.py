"""A mass distribution for people and programs: table, JSON, Markdown, CSV, figure, files."""

import json
import sys

from elastic_core.mass.result import MassResult
from elastic_core.report.mass.csv import csv_text
from elastic_core.report.mass.markdown import markdown_text
from elastic_core.report.mass.table import print_table

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]

FORMATS = ("table", "json", "markdown", "csv")
"""The names that `print_result` and the command line know."""


def json_text(result: MassResult) -> str:
    """The test as JSON, schema `elastic-core/mass/1`, with a line end."""
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def print_result(result: MassResult, form: str = "table") -> None:
    """Prints the test to standard output.

    Args:
        result: The test.
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
