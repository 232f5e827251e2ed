"""`elastic-core tree show`: the statistics of a saved tree."""

from pathlib import Path

import click

from elastic_core.cli.options import resource_options
from elastic_core.cli.results import computed, result_options
from elastic_core.measuring.measure import measure_tree
from elastic_core.measuring.report import document, write_files
from elastic_core.report.render import print_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet
      elastic-core tree show play.parquet"""
)
@click.argument("tree")
@resource_options
@result_options("result.json, the tree and a figure")
def show(
    tree: str, memory: str | None, threads: int | None, output_format: str, out: Path | None
) -> None:
    """Show the statistics of a saved TREE, like measure."""
    result = computed(
        lambda progress: measure_tree(tree, memory=memory, threads=threads, progress=progress),
        out,
        write_files,
    )
    print_result(result, document(result), output_format)
