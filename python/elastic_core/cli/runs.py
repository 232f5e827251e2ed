"""`elastic-core runs`: the runs below a folder, or the cells of one."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.results import format_option
from elastic_core.common.extras import requires_extra
from elastic_core.report.render import print_result


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core runs demo
      elastic-core runs demo/reversion"""
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@format_option
def runs(folder: Path, output_format: str) -> None:
    """List the experiments below a folder, or the cells of one.

    If DIR is the folder of a run, its finished cells are listed with their labels and the folders
    of their models.
    """
    with requires_extra("runs", extra="experiments", error=InvalidArgumentError):
        from elastic_core.experiments.listing import list_runs
    found = list_runs(folder)
    print_result(found, found.document(), output_format)
