"""`elastic-core tree`: build, merge, show and export token trees."""

from pathlib import Path
from typing import Any

import click

from elastic_core._core import Corpus, TokenTree
from elastic_core.cli.options import output_option, reading_options, resource_options, tree_options
from elastic_core.cli.progress import progress_shown
from elastic_core.cli.results import computed, result_options
from elastic_core.common.files import require_new
from elastic_core.common.printable import printable
from elastic_core.common.units import counted, parse_memory
from elastic_core.corpora.sources import check_reading, read_summary
from elastic_core.corpora.trees import share_memory
from elastic_core.measuring.measure import measure_tree
from elastic_core.measuring.report import document, write_files
from elastic_core.report.render import print_result


@click.group(
    no_args_is_help=False,
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet
      elastic-core tree show play.parquet""",
)
def tree() -> None:
    """Build, merge, show and export token trees.

    A saved tree is a Parquet file, which polars, DuckDB and pandas can read.
    """


@tree.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet"""
)
@click.argument("corpus", type=click.Path())
@output_option("The Parquet file to write")
@tree_options
@reading_options
@resource_options
def build(
    corpus: str,
    output: Path,
    overwrite: bool,
    depth: int,
    segment: str,
    alphabet: str,
    memory: str | None,
    threads: int | None,
    **reading: Any,
) -> None:
    """Build the token tree of CORPUS and save it."""
    require_new(output, overwrite=overwrite)
    opened = Corpus(corpus, **reading)
    check_reading([opened], reading["split"], reading["text_key"], reading["split_on"])
    with progress_shown() as progress:
        tree = TokenTree.build(
            opened,
            depth=depth,
            segment=segment,
            alphabet=alphabet,
            memory=parse_memory(memory),
            threads=threads,
            progress=progress,
        )
        tree.save(output, overwrite=overwrite, progress=progress)
    if summary := read_summary(opened):
        click.echo(printable(summary), err=True)
    click.echo(f"{output}: {counted(len(tree), 'leaf', 'leaves')}", err=True)


@tree.command(
    epilog="""Example:

    \b
      printf 'to be' | elastic-core tree build - -o one.parquet
      printf 'or not to be' | elastic-core tree build - -o two.parquet
      elastic-core tree merge one.parquet two.parquet -o both.parquet"""
)
@click.argument("trees", metavar="TREE TREE...", nargs=-1, required=True, type=click.Path())
@output_option("The Parquet file to write")
@resource_options
def merge(
    trees: tuple[str, ...],
    output: Path,
    overwrite: bool,
    memory: str | None,
    threads: int | None,
) -> None:
    """Merge two or more saved trees.

    The result is the tree of all their corpora. The trees must have the same alphabet, segmentation
    and depth.
    """
    if len(trees) < 2:
        raise click.UsageError("merge needs two or more trees; name another one")
    require_new(output, overwrite=overwrite)
    share = share_memory(memory, len(trees))
    with progress_shown() as progress:
        first, *others = (TokenTree.open(tree, memory=share, progress=progress) for tree in trees)
        merged = first.merge(*others, memory=share, threads=threads, progress=progress)
        merged.save(output, overwrite=overwrite, progress=progress)
    click.echo(f"{output}: {counted(len(merged), 'leaf', 'leaves')}", err=True)


@tree.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet
      elastic-core tree show play.parquet"""
)
@click.argument("tree", type=click.Path())
@resource_options
@result_options("result.json, the tree and a figure")
def show(
    tree: str, memory: str | None, threads: int | None, output_format: str, out: Path | None
) -> None:
    """Show the statistics of a saved TREE, as `measure` does."""
    result = computed(
        lambda progress: measure_tree(tree, memory=memory, threads=threads, progress=progress),
        out,
        write_files,
    )
    print_result(result, document(result), output_format)


@tree.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet
      elastic-core tree export play.parquet -o play.csv"""
)
@click.argument("tree", type=click.Path())
@output_option("The text file to write")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="Format of the text file, which has one line per leaf with its symbols and count.",
)
def export(tree: str, output: Path, overwrite: bool, form: str) -> None:
    """Write the leaves of a saved TREE as text.

    To read a tree with polars, DuckDB or pandas, open its Parquet file directly.
    """
    require_new(output, overwrite=overwrite)
    with progress_shown() as progress:
        opened = TokenTree.open(tree, progress=progress)
        opened.export(output, format=form, overwrite=overwrite, progress=progress)
