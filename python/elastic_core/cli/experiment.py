"""`elastic-core experiment`: a study from its configuration to its report."""

from pathlib import Path
from typing import Any

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.progress import progress_shown
from elastic_core.cli.results import format_option
from elastic_core.common.extras import requires_extra

_STUDIES = (
    "resistance",
    "rebound",
    "reversal",
    "scaling",
    "algorithms",
    "mitigation",
    "springs",
)


@click.command(
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core experiment rebound --config demo/rebound-tree.yaml \\
          --out more --seeds 2"""
)
@click.argument("study", metavar="STUDY", type=click.Choice(_STUDIES))
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="YAML file with the configuration; KEY=VALUE changes a key of it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the run; one that was begun goes on.  [default: runs/STUDY]",
)
@click.option("--seeds", type=int, metavar="N", help="How many seeds; the same as seeds=N.")
@click.option(
    "--match-length",
    is_flag=True,
    help="Leave rows out until both sides are equally long; the same as data.match_length=true.",
)
@click.option(
    "--jobs",
    metavar="N|ray",
    help="Cells at once: a number of processes, or a Ray cluster.  [default: one for each GPU, or "
    "for each core]",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of models that runs share.  [default: checkpoints in the run's folder]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and an estimate of time, and end.")
@format_option
def experiment(
    study: str,
    config: Path | None,
    overrides: tuple[str, ...],
    seeds: int | None,
    match_length: bool,
    dry_run: bool,
    output_format: str,
    **options: Any,
) -> None:
    """Runs STUDY: trains, measures, compares with intervals over seeds, and reports.

    STUDY is resistance, rebound, reversal, scaling, algorithms, mitigation or springs. KEY=VALUE
    changes a key of the configuration, dotted where it is nested: model=tree:8,
    data.positive.source=good.jsonl, align=[100,400]. Ended in any way, the same call goes on where
    it was.
    """
    with requires_extra("experiment", "train", InvalidArgumentError):
        from elastic_core.experiments.command import Call, describe, execute
        from elastic_core.experiments.report import print_report, write_report
    said = [*overrides]
    said += [] if seeds is None else [f"seeds={seeds}"]
    said += ["data.match_length=true"] if match_length else []
    call = Call(study, config, tuple(said), **options)
    if dry_run:
        click.echo(describe(call))
        return
    with progress_shown() as progress:
        run = execute(call, progress)
    for missing in write_report([run], run.folder.report):
        click.echo(missing, err=True)
    print_report([run], output_format)
    click.echo(f"report: {run.folder.report}", err=True)
