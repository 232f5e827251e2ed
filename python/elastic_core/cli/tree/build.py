"""`elastic-core tree build`: a corpus becomes a tree's file."""

from pathlib import Path
from typing import Any

import click

from elastic_core import Corpus, TokenTree
from elastic_core.cli.options import output_option, reading_options, resource_options, tree_options
from elastic_core.cli.progress import progress_shown
from elastic_core.common.units import counted, parse_memory
from elastic_core.corpora.sources import check_reading


@click.command(
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core tree build - -o play.parquet"""
)
@click.argument("corpus")
@output_option("The tree's file, in Parquet.")
@tree_options
@reading_options
@resource_options
def build(
    corpus: str,
    output: Path,
    depth: int,
    segment: str,
    alphabet: str,
    memory: str | None,
    threads: int | None,
    **reading: Any,
) -> None:
    """Builds the token tree of CORPUS and keeps it."""
    opened = Corpus(corpus, **reading)
    check_reading([opened], reading["split"], reading["text_key"])
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
        tree.save(output, progress=progress)
    click.echo(f"{output}: {counted(len(tree), 'leaf', 'leaves')}", err=True)
