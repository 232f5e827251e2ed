"""`elastic-core decompress`: restore the text of an .ec file."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import output_option, threads_option, weights_options
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
    show_default="none, which suffices for tree:DEPTH and static:DEPTH",
    help="The saved tree model, checkpoint or hf:NAME that FILE was compressed with.",
)
@weights_options
@output_option("The file to write")
@threads_option("Blocks to decode in parallel, if FILE was coded with static:D.")
def decompress(file: Path, output: Path, **options: Any) -> None:
    """Decompress FILE, which `elastic-core compress` wrote.

    FILE may be - for standard input. All data is verified; if FILE is damaged or the model differs,
    nothing is written. A checkpoint is loaded only if you name it, as FILE may come from anybody.
    """
    with progress_shown() as progress:
        decompress_file(file, output, progress=progress, **options)
