"""`elastic-core measure`: statistics and rates of corpora."""

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
from elastic_core.common.files import STREAM
from elastic_core.measuring.measure import measure as measure_corpora
from elastic_core.measuring.report import document, write_files
from elastic_core.report.render import print_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core measure - --depth 4"""
)
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True, type=click.Path())
@tree_options
@reading_options
@resource_options
@click.option(
    "--compare",
    metavar="NAME:LEVEL,...",
    default="",
    help="Reference compressors, such as zstd:19,xz:9.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="SPEC",
    help="Language model to score the text with: tree:D, a saved tree model, hf:NAME, or a "
    "checkpoint folder. Repeat for several.",
)
@per_document_option
@model_options
@result_options("result.json, the trees and a figure")
def measure(
    corpora: tuple[str, ...],
    compare: str,
    output_format: str,
    out: Path | None,
    **options: Any,
) -> None:
    """Measure the token trees and code lengths of corpora.

    A CORPUS is a file, a folder, a quoted glob, or - for standard input: plain text, .jsonl, .json,
    .csv, .tsv or .parquet; all but .parquet may be compressed as .gz, .zst, .xz or .bz2. Each
    argument is one corpus; with two or more, the joint corpus comes last.
    """
    if options["per_document"] == STREAM:
        raise click.UsageError(
            "--per-document cannot be -: the result goes to standard output; name a file"
        )
    model = {name: options.pop(name) for name in MODEL_OPTIONS}
    names = [name.strip() for name in compare.split(",") if name.strip()]
    result = computed(
        lambda progress: measure_corpora(
            *corpora, compare=names, model_options=model, progress=progress, **options
        ),
        out,
        write_files,
    )
    print_result(result, document(result), output_format)
