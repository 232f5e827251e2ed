"""`elastic-core tree show`: the statistics of a saved tree."""

import click

from elastic_core.cli.options import resource_options
from elastic_core.cli.progress import progress_shown
from elastic_core.measuring.measure import measure_tree
from elastic_core.report.measure import print_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet
      elastic-core tree show play.parquet"""
)
@click.argument("tree")
@resource_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the result on standard output.",
)
def show(tree: str, memory: str | None, threads: int | None, form: str) -> None:
    """Shows the statistics of a saved TREE, as measure does."""
    with progress_shown() as progress:
        result = measure_tree(tree, memory=memory, threads=threads, progress=progress)
    print_result(result, form)
