"""`elastic-core measure`: the main job."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import (
    MODEL_OPTIONS,
    model_options,
    per_document_option,
    reading_options,
    resource_options,
    tree_options,
)
from elastic_core.cli.results import computed, result_options
from elastic_core.measuring.measure import measure as measure_corpora
from elastic_core.report.measure import print_result
from elastic_core.report.measure.files import write_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core measure - --depth 4"""
)
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True)
@tree_options
@reading_options
@resource_options
@click.option(
    "--compare",
    metavar="NAME:LEVEL,...",
    default="",
    help="Reference compressors to set beside the rates, such as zstd:19,xz:9.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="SPEC",
    help="A language model to score the text with: tree:DEPTH, hf:NAME, the folder of a "
    "checkpoint, or a saved tree model. Give it several times for several.",
)
@per_document_option
@model_options
@result_options("Folder for result.json, the trees and a figure; made if it is not there.")
def measure(
    corpora: tuple[str, ...], compare: str, form: str, out: Path | None, **options: Any
) -> None:
    """Measures the token tree of each CORPUS, and of all together.

    A CORPUS is a file, a folder, a glob in quotes, or - for standard input: plain text, .jsonl
    or .parquet, also as .gz, .zst, .xz or .bz2. Each argument is one corpus; with two or more
    the joint corpus comes last.
    """
    model = {name: options.pop(name) for name in MODEL_OPTIONS}
    names = [name.strip() for name in compare.split(",") if name.strip()]
    result = computed(
        lambda progress: measure_corpora(
            *corpora, compare=names, model_options=model, progress=progress, **options
        ),
        out,
        write_result,
    )
    print_result(result, form)
