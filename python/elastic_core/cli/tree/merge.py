"""`elastic-core tree merge`: several trees become one."""

from pathlib import Path

import click

from elastic_core import TokenTree
from elastic_core.cli.options import output_option, resource_options
from elastic_core.cli.progress import progress_shown
from elastic_core.common.units import counted
from elastic_core.corpora.trees import share_memory


@click.command(
    epilog="""Example:

    \b
      printf 'to be' | elastic-core tree build - -o one.parquet
      printf 'or not to be' | elastic-core tree build - -o two.parquet
      elastic-core tree merge one.parquet two.parquet -o both.parquet"""
)
@click.argument("trees", metavar="TREE TREE...", nargs=-1, required=True)
@output_option("The merged tree's file, in Parquet.")
@resource_options
def merge(trees: tuple[str, ...], output: Path, memory: str | None, threads: int | None) -> None:
    """Merges trees into the tree of all their corpora.

    The trees must have the same alphabet, segmentation and depth.
    """
    if len(trees) < 2:
        raise click.UsageError("one tree is nothing to merge; name two or more")
    share = share_memory(memory, len(trees))
    with progress_shown() as progress:
        first, *others = (TokenTree.open(tree, memory=share, progress=progress) for tree in trees)
        merged = first.merge(*others, memory=share, threads=threads, progress=progress)
        merged.save(output, progress=progress)
    click.echo(f"{output}: {counted(len(merged), 'leaf', 'leaves')}", err=True)
