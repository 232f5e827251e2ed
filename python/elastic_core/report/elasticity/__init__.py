"""Elasticity studies: table, JSON, Markdown, CSV, figures, the files of a result folder."""

from elastic_core.elastic_law.result import ElasticityResult
from elastic_core.report.elasticity.csv import csv_text
from elastic_core.report.elasticity.markdown import markdown_text
from elastic_core.report.elasticity.table import print_table
from elastic_core.report.forms import FORMATS, json_text, print_form

__all__ = ["FORMATS", "csv_text", "json_text", "markdown_text", "print_result", "print_table"]


def print_result(result: ElasticityResult, form: str = "table") -> None:
    """Prints the study to standard output, in one of `FORMATS`."""
    print_form(result, form, table=print_table, markdown=markdown_text, csv=csv_text)
