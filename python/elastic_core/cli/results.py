"""Shared by commands with a result: `--format`, `--out`, and running the job with progress."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from elastic_core.cli.progress import progress_shown
from elastic_core.common.folders import result_folder
from elastic_core.common.progress import Progress
from elastic_core.report.plot import HOW_TO_DRAW, can_draw
from elastic_core.report.render import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


def format_option(command: Command) -> Command:
    """`--format`: the format of the result on standard output."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="Format of the result on standard output.",
    )(command)


def result_options(files: str, default: str = "") -> Callable[[Command], Command]:
    """`--format`, and `--out`, a folder for the files of the result.

    Args:
        files: The files that are written, as the help of `--out` lists them.
        default: The folder that is used without `--out`; empty: no files are written then.
    """

    def add(command: Command) -> Command:
        command = click.option(
            "--out",
            type=click.Path(path_type=Path),
            metavar="DIR",
            show_default=default or None,
            help=f"Write {files} to this folder, created if necessary.",
        )(command)
        return format_option(command)

    return add


def computed(
    job: Callable[[Progress], Result], out: Path | None, write: Callable[[Result, Path], None]
) -> Result:
    """Runs a job, showing its progress, and writes the files of its result if asked to.

    Args:
        job: Computes the result; its argument receives the progress.
        out: The folder for the files, unchanged if anything fails; None: no files are written.
        write: Writes the files of the result to a folder.
    """
    with result_folder(out) if out else nullcontext() as folder:
        with progress_shown() as progress:
            result = job(progress)
        if folder:
            write(result, folder)
            if not can_draw():
                click.echo(HOW_TO_DRAW, err=True)
    return result
