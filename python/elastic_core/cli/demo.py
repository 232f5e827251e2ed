"""`elastic-core demo`: the main commands on generated text."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.progress import progress_shown
from elastic_core.common.extras import requires_extra


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core experiment rebound --config demo/rebound-tree.yaml \\
          --out more --seeds 2"""
)
@click.argument("out", metavar="[DIR]", type=click.Path(path_type=Path), default="demo")
@click.option(
    "--open/--no-open",
    "opens_report",
    default=True,
    show_default=True,
    help="Open the report at the end.",
)
def demo(out: Path, opens_report: bool) -> None:
    """Show the main commands on generated text.

    The demo generates corpora, measures their trees, tests the elasticity theorem, runs two rebound
    experiments and reports on them. It needs no network and takes under three minutes on two cores.
    DIR is the folder for all files, demo by default. If interrupted, run the same command again to
    resume.
    """
    with requires_extra("demo", "train,report", InvalidArgumentError):
        from elastic_core.demo.story import run_demo
    with progress_shown() as progress:
        page = run_demo(out, echo=click.echo, progress=progress)
    click.echo(f"report: {page}")
    if opens_report:
        click.launch(str(page))
