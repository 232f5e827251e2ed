"""Elasticity studies: table, JSON, Markdown, CSV, figures, the files of a result folder."""

import json
import sys

from elastic_core.elasticity.result import ElasticityResult
from elastic_core.report.elasticity.csv import csv_text
from elastic_core.report.elasticity.markdown import markdown_text
from elastic_core.report.elasticity.table import print_table

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]

FORMATS = ("table", "json", "markdown", "csv")
"""The names that `print_result` and the command line know."""


def json_text(result: ElasticityResult) -> str:
    """The study as JSON, schema `elastic-core/elasticity/1`, with a line end."""
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def print_result(result: ElasticityResult, form: str = "table") -> None:
    """Prints the study to standard output.

    Args:
        result: The study.
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
