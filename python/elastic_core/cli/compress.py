"""`elastic-core compress`: compress a file to an .ec file."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import model_options, output_option, threads_option
from elastic_core.cli.progress import progress_shown
from elastic_core.common.units import format_size
from elastic_core.compression.coding import compress as compress_file


@click.command(
    epilog="""Example:

    \b
      seq 1000 > n.txt
      elastic-core compress n.txt --model tree:8 -o n.ec"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="SPEC",
    default="tree:8",
    show_default=True,
    help="The model: tree:D, a saved tree model, static:D, hf:NAME, or a checkpoint folder.",
)
@output_option("The .ec file to write")
@threads_option("Blocks to code in parallel with static:D; other models are sequential.")
@model_options
def compress(file: Path, output: Path, **options: Any) -> None:
    """Compress FILE losslessly with a language model.

    FILE may be - for standard input. The output is as long as the model predicts, to within 0.1%
    plus 64 bytes. `elastic-core decompress` restores the text, with the same model.
    """
    with progress_shown() as progress:
        result = compress_file(file, output, progress=progress, **options)
    sizes = f"{format_size(result.raw_bytes)} to {format_size(result.coded_bytes)}"
    predicted = format_size(result.predicted_bits / 8)
    rate = (
        ""
        if result.ratio is None
        else (f", {result.bits_per_byte:.3f} bits/byte, ratio {result.ratio:.4f}")
    )
    described = f"the model's description takes {format_size(result.description_bytes)}"
    summary = f"{file}: {sizes}{rate}; {result.model} predicted {predicted}, {described}"
    click.echo(summary, err=True)
