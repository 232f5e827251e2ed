"""`elastic-core experiment`: a study from its configuration to its report."""

from pathlib import Path
from typing import Any

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.experiment_init import init
from elastic_core.cli.progress import progress_shown
from elastic_core.cli.results import format_option
from elastic_core.common.extras import requires_extra
from elastic_core.experiments.studies.registry import STUDIES

_HELP = f"""Run a study: train, measure, compare across seeds, report.

STUDY is {", ".join(STUDIES[:-1])} or {STUDIES[-1]}. KEY=VALUE
overrides a key of the configuration, dotted if nested, such as model=tree:8,
data.positive.source=good.jsonl or align=[100,400]. If interrupted, run the same command again
to resume.

`elastic-core experiment init STUDY` writes a configuration for your own model and data; see
`elastic-core experiment init --help`.
"""


class _ExperimentOrInit(click.Command):
    """The command, in which `init` takes the place of a study and has options of its own."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of `init` if that is the first argument, else that of the command."""
        if args[:1] == [init.name]:
            return init.make_context(f"{info_name} {init.name}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(
    cls=_ExperimentOrInit,
    help=_HELP,
    epilog="""Example:

    \b
      elastic-core demo --no-open
      elastic-core experiment reversion --config demo/reversion.yaml \\
          --out more --seeds 2""",
)
@click.argument("study", metavar="STUDY", type=click.Choice(STUDIES))
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="YAML file with the configuration.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    show_default="runs/STUDY",
    help="Folder of the run. If it holds an interrupted run, that run resumes.",
)
@click.option("--seeds", type=int, metavar="N", help="Number of seeds; short for seeds=N.")
@click.option(
    "--match-length",
    is_flag=True,
    help="Drop rows until both sides are equally long; short for data.match_length=true.",
)
@click.option(
    "--jobs",
    metavar="N|ray",
    show_default="one per GPU, or one per core",
    help="Number of cells to run at once, or `ray` to run them on a Ray cluster.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    show_default="checkpoints in the run's folder",
    help="Folder of trained models that several runs share.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and the estimated time, then stop.")
@format_option
def experiment(
    study: str,
    overrides: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    seeds: int | None,
    match_length: bool,
    jobs: str | None,
    cache: Path | None,
    dry_run: bool,
    output_format: str,
) -> None:
    """Runs a study, or prints its plan; see `_HELP`."""
    with requires_extra("experiment", "experiments", InvalidArgumentError):
        from elastic_core.experiments.report import print_report, write_report
        from elastic_core.experiments.run import describe_plan, read_config
        from elastic_core.experiments.run import experiment as run_experiment
    changes = [*overrides]
    changes += [] if seeds is None else [f"seeds={seeds}"]
    changes += ["data.match_length=true"] if match_length else []
    config = read_config(study, file, changes)
    folder = out or Path("runs") / study
    if dry_run:
        click.echo(describe_plan(config, folder, jobs=jobs, cache=cache))
        return
    with progress_shown() as progress:
        run = run_experiment(
            config,
            folder,
            jobs=jobs,
            cache=cache,
            progress=progress,
            notify=lambda sentence: click.echo(sentence, err=True),
        )
    for missing in write_report([run], run.folder.report):
        click.echo(missing, err=True)
    print_report([run], output_format)
    click.echo(f"report: {run.folder.report}", err=True)
