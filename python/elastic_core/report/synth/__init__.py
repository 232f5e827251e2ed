"""Synthetic corpora for people and programs: table, JSON, the files of a result folder."""

import sys
from pathlib import Path

from elastic_core.report.forms import json_text
from elastic_core.report.synth.table import print_table
from elastic_core.synthesis.result import SynthResult

__all__ = ["FORMATS", "json_text", "print_result", "print_table"]

FORMATS = ("table", "json")
"""The names that `print_result` and the command line know."""


def print_result(result: SynthResult, folder: Path, form: str = "table") -> None:
    """Prints what is true of the corpora to standard output.

    Args:
        result: The corpora.
        folder: Where their files are.
        form: One of `FORMATS`.
    """
    if form == "json":
        sys.stdout.write(json_text(result))
    else:
        print_table(result, folder)
