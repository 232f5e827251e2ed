"""`elastic-core demo`: the whole story on made-up text."""

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
    "--open/--no-open", "opens", default=True, show_default=True, help="Open the report at the end."
)
def demo(out: Path, opens: bool) -> None:
    """Shows every command once: corpora, their trees, the elastic law, two rebounds, a report.

    It needs no network, and takes less than three minutes on two cores. DIR is the folder for all
    that it makes, demo by default; in a folder where it was ended it goes on.
    """
    with requires_extra("demo", "train,report", InvalidArgumentError):
        from elastic_core.demo.story import tell_story
    with progress_shown() as progress:
        page = tell_story(out, say=click.echo, progress=progress)
    click.echo(f"report: {page}")
    if opens:
        click.launch(str(page))
