"""`elastic-core demo`: the main question and the main commands on generated text."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.progress import progress_shown
from elastic_core.common.desktop import has_desktop
from elastic_core.common.extras import requires_extra


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core experiment reversion --config demo/reversion.yaml \\
          --out more --seeds 2"""
)
@click.argument("out", metavar="[DIR]", type=click.Path(path_type=Path), default="demo")
@click.option(
    "--open/--no-open",
    "opens_report",
    default=True,
    show_default=True,
    help="Open the report at the end, on a desktop.",
)
def demo(out: Path, opens_report: bool) -> None:
    """Show whether an aligned model returns to its base.

    The demo generates text, pre-trains a small network on it (without torch, a tree model), aligns
    it and trains it further on text like the pre-training and unlike it. Then it measures token
    trees and tests the elasticity theorem. It needs no internet and takes under two minutes on two
    cores. DIR is the folder for all files, demo by default; one with other files is refused. If
    interrupted, run the same command again to resume.
    """
    with requires_extra("demo", "experiments", InvalidArgumentError):
        from elastic_core.demo.story import run_demo
    with progress_shown() as progress:
        page = run_demo(out, echo=click.echo, progress=progress)
    click.echo(f"report: {page}")
    if opens_report and has_desktop():
        click.launch(str(page))
