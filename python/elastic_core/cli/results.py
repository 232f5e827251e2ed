"""What the commands with a result share: its form, its folder, the progress towards it."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from elastic_core.cli.progress import progress_shown
from elastic_core.common.files import result_folder
from elastic_core.common.progress import Progress
from elastic_core.report.figures import HOW_TO_DRAW, can_draw
from elastic_core.report.forms import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


def form_option(command: Command) -> Command:
    """`--format`: the form of the result on standard output."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="Form of the result on standard output.",
    )(command)


def result_options(out_help: str) -> Callable[[Command], Command]:
    """`--format` and `--out`, whose folder holds what `out_help` says."""

    def add(command: Command) -> Command:
        command = click.option(
            "--out", type=click.Path(path_type=Path), metavar="DIR", help=out_help
        )(command)
        return form_option(command)

    return add


def computed(
    job: Callable[[Progress], Result], out: Path | None, write: Callable[[Result, Path], None]
) -> Result:
    """Does a job while its progress is shown, and writes its files if a folder is named.

    Args:
        job: Called with the progress to tell.
        out: The folder, which stays as it is if anything fails; None: nothing is written.
        write: Writes the result's files to a folder.
    """
    with result_folder(out) if out else nullcontext() as folder:
        with progress_shown() as progress:
            result = job(progress)
        if folder:
            write(result, folder)
            if not can_draw():
                click.echo(HOW_TO_DRAW, err=True)
    return result
