"""`elastic-core report`: report on experiments."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.results import result_options
from elastic_core.common.extras import requires_extra


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core experiment reversion --config demo/reversion.yaml \\
          --out more --seeds 2
      elastic-core report more --format csv
      elastic-core report demo/reversion more --out both"""
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@result_options("report.html, result.json, tables/ and figures/", "report in the folder of one RUN")
def report(runs: tuple[Path, ...], output_format: str, out: Path | None) -> None:
    """Report the results of one or more runs.

    RUN is the folder of an experiment. Tables are written as Markdown, CSV and LaTeX, figures as
    PNG and SVG, and a web page combines them with explanations. For an unfinished run, only the
    finished cells are reported.
    """
    with requires_extra("report", "experiments", InvalidArgumentError):
        from elastic_core.experiments.report import print_report, report_folder, write_report
        from elastic_core.experiments.run import open_run
    opened = [open_run(run) for run in runs]
    for missing in write_report(opened, report_folder(opened, out)):
        click.echo(missing, err=True)
    print_report(opened, output_format)
