"""`elastic-core report`: what runs of experiments came to."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.results import result_options
from elastic_core.common.extras import requires_extra


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core report demo/rebound-tree --format csv
      elastic-core report demo/rebound-tree demo/rebound-scratch --out both"""
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@result_options(
    "Folder for report.html, result.json, tables/ and figures/; made if it is not there.  "
    "[default: report in the folder of a single RUN]"
)
def report(runs: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Reports what each RUN, the folder of an experiment, came to.

    Tables are written as Markdown, CSV and LaTeX, figures as PNG and SVG, and a page that explains
    it all. A run that is not finished is reported as far as it is.
    """
    with requires_extra("report", extra="train", error=InvalidArgumentError):
        from elastic_core.experiments.run import open_run
        from elastic_core.report.experiments import print_result, report_folder, write_report
    opened = [open_run(run) for run in runs]
    for lack in write_report(opened, report_folder(opened, out)):
        click.echo(lack, err=True)
    print_result(opened, form)
