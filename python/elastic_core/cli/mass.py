"""`elastic-core mass`: the law of the leaf weights."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import reading_options, resource_options, saved_tree_options
from elastic_core.cli.results import computed, result_options
from elastic_core.mass_law.report import document
from elastic_core.mass_law.study import mass as test_corpora
from elastic_core.report.render import print_result, write_folder


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be, that is the question' > play.txt
      elastic-core mass play.txt --depth 2 --bootstrap 20"""
)
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True, type=click.Path())
@saved_tree_options
@click.option(
    "--bootstrap",
    type=int,
    default=100,
    show_default=True,
    metavar="N",
    help="Bootstrap replicates per p-value; 0: no p-values.",
)
@reading_options
@resource_options
@result_options("result.json and a figure")
def mass(corpora: tuple[str, ...], output_format: str, out: Path | None, **options: Any) -> None:
    """Test whether leaf weights follow a Pareto law.

    This is Assumption A.7 of the paper. At each depth of the token tree of each CORPUS, what it
    implies for the counts of all leaves is tested: the Poisson-Pareto law. So is a Pareto law of
    the best-fitting tail. Both are compared with other laws. A CORPUS is as for measure, or a saved
    tree.
    """
    result = computed(
        lambda progress: test_corpora(*corpora, progress=progress, **options),
        out,
        lambda result, folder: write_folder(result, document(result), folder),
    )
    print_result(result, document(result), output_format)
