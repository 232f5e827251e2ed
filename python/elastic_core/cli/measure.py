"""`elastic-core measure`: statistics and rates of corpora."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import (
    MODEL_OPTIONS,
    dry_run_option,
    model_options,
    per_document_option,
    reading_options,
    resource_options,
    saved_tree_options,
)
from elastic_core.cli.results import computed, result_options
from elastic_core.common.files import STREAM
from elastic_core.common.printable import printable
from elastic_core.measuring.measure import measure as measure_corpora
from elastic_core.measuring.plan import describe_plan
from elastic_core.measuring.report import document, write_files
from elastic_core.report.render import print_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core measure - --depth 4"""
)
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True, type=click.Path())
@saved_tree_options
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
@dry_run_option
@click.option("--explain", is_flag=True, help="Explain each column below the tables.")
@result_options("result.json, the trees and a figure")
def measure(
    corpora: tuple[str, ...],
    compare: str,
    dry_run: bool,
    explain: bool,
    output_format: str,
    out: Path | None,
    **options: Any,
) -> None:
    """Measure the token trees and code lengths of corpora.

    A CORPUS is a file, a folder, a quoted glob, or - for standard input: plain text, .jsonl, .json,
    .csv, .tsv or .parquet; all but .parquet may be compressed as .gz, .zst, .xz or .bz2. A file
    saved by `tree build` is one, too. Each argument is one corpus; with two or more, the joint
    corpus comes last.
    """
    if options["per_document"] == STREAM:
        raise click.UsageError(
            "--per-document cannot be -: the result goes to standard output; name a file"
        )
    if explain and output_format not in ("table", "markdown"):
        raise click.UsageError(
            f"--explain adds text to tables, and --format {output_format} has values only; leave "
            "one of them out"
        )
    model = {name: options.pop(name) for name in MODEL_OPTIONS}
    names = [name.strip() for name in compare.split(",") if name.strip()]
    if dry_run:
        plan = describe_plan(*corpora, compare=names, model_options=model, **options)
        click.echo(printable(plan))
        return
    result = computed(
        lambda progress: measure_corpora(
            *corpora, compare=names, model_options=model, progress=progress, **options
        ),
        out,
        write_files,
    )
    print_result(result, document(result, explain=explain), output_format)
