"""`elastic-core decompress`: restore the text of an .ec file."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import output_option, threads_option
from elastic_core.cli.progress import progress_shown
from elastic_core.compression.coding import decompress as decompress_file


@click.command(
    epilog="""Example:

    \b
      seq 1000 | elastic-core compress - -o n.ec
      elastic-core decompress n.ec -o n.txt"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="SPEC",
    show_default="as recorded in FILE",
    help="The saved tree model, or the new location of the checkpoint.",
)
@output_option("The file to write")
@threads_option("Blocks to decode in parallel, if FILE was coded with static:D.")
def decompress(file: Path, output: Path, **options: Any) -> None:
    """Decompress FILE, which `elastic-core compress` wrote.

    FILE may be - for standard input. All data is verified; if FILE is damaged or the model differs,
    nothing is written.
    """
    with progress_shown() as progress:
        decompress_file(file, output, progress=progress, **options)
