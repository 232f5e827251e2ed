"""`elastic-core decompress`: an .ec file becomes the text that it is the code of."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import force_option, output_option, threads_option
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
    help="The saved tree model, or where the checkpoint is now.  [default: as FILE says]",
)
@output_option("The file to write; - is standard output.")
@force_option
@threads_option(
    "Blocks that are decoded at once, if FILE was coded with static:D.  "
    "[default: one for each core]"
)
def decompress(file: Path, output: Path, **options: Any) -> None:
    """Gives back what `elastic-core compress` coded into FILE; - is standard input.

    Everything is checked. With another model, or of a damaged file, nothing is written.
    """
    with progress_shown() as progress:
        decompress_file(file, output, progress=progress, **options)
