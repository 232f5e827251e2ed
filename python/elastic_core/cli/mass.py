"""`elastic-core mass`: the law of the leaf weights."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import reading_options, resource_options, saved_tree_options
from elastic_core.cli.results import computed, result_options
from elastic_core.mass_law.study import mass as test_corpora
from elastic_core.report.mass import print_result
from elastic_core.report.mass.files import write_result


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be, that is the question' > play.txt
      elastic-core mass play.txt --depth 2 --bootstrap 20"""
)
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True)
@saved_tree_options
@click.option(
    "--bootstrap",
    type=int,
    default=100,
    show_default=True,
    metavar="N",
    help="Replicates behind each p-value; 0: no p-value.",
)
@reading_options
@resource_options
@result_options("Folder for result.json and a figure; made if it is not there.")
def mass(corpora: tuple[str, ...], form: str, out: Path | None, **options: Any) -> None:
    """Tests whether the leaf weights of each CORPUS follow a Pareto law.

    That they do is Assumption A.7 of the paper. Each depth of the token tree is tested, all
    leaves and the tail that fits best, and other laws are set beside it. A CORPUS is what it is
    for measure, or the file of a saved tree.
    """
    result = computed(
        lambda progress: test_corpora(*corpora, progress=progress, **options), out, write_result
    )
    print_result(result, form)
