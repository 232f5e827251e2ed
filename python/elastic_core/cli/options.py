"""Options that several commands share, each with one meaning and one help text."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from elastic_core.common.files import STREAM, is_open_file
from elastic_core.corpora.trees import DEFAULT_SHAPE

Command = TypeVar("Command", bound=Callable[..., Any])


class _Unbounded(click.Option):
    """An option limited only by the size of machine integers, so that its help shows no range."""

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What the help shows in brackets."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def tree_options(command: Command) -> Command:
    """`--depth`, `--segment` and `--alphabet`: the shape of the tree."""
    return _tree_options(command, *DEFAULT_SHAPE)


def saved_tree_options(command: Command) -> Command:
    """`tree_options` for commands that accept saved trees, whose shape is then the default."""
    return _tree_options(command, None, None, None)


def _tree_options(
    command: Command, depth: int | None, segment: str | None, alphabet: str | None
) -> Command:
    defaults = (
        (True, True, True)
        if depth
        else [f"{default}, or that of the saved trees" for default in DEFAULT_SHAPE]
    )
    return _with(
        command,
        click.option(
            "--depth",
            type=click.IntRange(1, 64),
            metavar="D",
            default=depth,
            show_default=defaults[0],
            help="Depth d of the tree, in symbols.",
        ),
        click.option(
            "--segment",
            type=click.Choice(["chunk", "prefix", "window"]),
            default=segment,
            show_default=defaults[1],
            help="How to cut documents into segments: consecutive chunks of d symbols, only the "
            "first d symbols, or the d symbols from every position.",
        ),
        click.option(
            "--alphabet",
            metavar="bit|byte|bpe:PATH",
            default=alphabet,
            show_default=defaults[2],
            help="The symbols: bits, bytes, or tokens of the tokenizer.json at PATH.",
        ),
    )


def reading_options(command: Command) -> Command:
    """How documents are read from files; see `docs/measure.md`."""
    return _with(
        command,
        click.option(
            "--split",
            type=click.Choice(["document", "line", "paragraph"]),
            default="document",
            show_default=True,
            help="What counts as a document in a plain text file: the file, a line or a paragraph.",
        ),
        click.option(
            "--split-on",
            metavar="TEXT",
            help="Split plain text at every occurrence of TEXT, such as '<|endoftext|>'.",
        ),
        click.option(
            "--text-key",
            multiple=True,
            default=["text"],
            show_default=True,
            metavar="KEY",
            help="Key or column of the text in JSON, CSV or Parquet rows, dotted if nested. Repeat "
            "to join several.",
        ),
        click.option(
            "--include",
            multiple=True,
            metavar="GLOB",
            help="Read only matching files in folders, such as '*.jsonl'. Repeat for several.",
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="GLOB",
            help="Leave out matching files in folders. Repeat for several.",
        ),
        click.option(
            "--limit",
            cls=_Unbounded,
            type=click.IntRange(1, 2**63 - 1),
            metavar="N",
            help="Read only the first N documents of each corpus.",
        ),
        click.option(
            "--sample",
            type=float,
            metavar="FRACTION",
            help="Keep each document with this probability.",
        ),
        click.option(
            "--seed",
            cls=_Unbounded,
            type=click.IntRange(0, 2**64 - 1),
            default=0,
            show_default=True,
            metavar="N",
            help="Random seed.",
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="What to do with rows without usable text: stop, or skip and count them.",
        ),
    )


def output_option(help_text: str) -> Callable[[Command], Command]:
    """`--output FILE`, rejected before the job starts if it cannot be written, and `--force`."""
    return lambda command: _with(
        command,
        _file_option("-o", "--output", required=True, help=f"{help_text}; - is standard output."),
        force_option("Overwrite the output file if it exists."),
    )


def per_document_option(command: Command) -> Command:
    """`--per-document FILE`, checked like `--output`, and `--force`."""
    return _with(
        command,
        _file_option(
            "--per-document",
            help="Write the score of each document under each model to this Parquet file.",
        ),
        force_option("Overwrite the file of --per-document if it exists."),
    )


MODEL_OPTIONS = ("revision", "dtype", "device", "adapter", "window", "stride", "bos", "batch")
"""The parameters that `model_options` adds to a command."""


def weights_options(command: Command) -> Command:
    """Which weights of a language model are loaded."""
    return _with(
        command,
        click.option(
            "--revision",
            metavar="NAME",
            help="Branch, tag or commit of a model on the Hugging Face Hub.",
        ),
        click.option(
            "--adapter",
            type=click.Path(),
            metavar="PATH",
            help="PEFT adapter to merge into the model.",
        ),
    )


def model_options(command: Command) -> Command:
    """How a language model is loaded and reads text; see `docs/models.md`."""
    return _with(
        command,
        weights_options,
        click.option(
            "--dtype",
            type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
            default="auto",
            show_default=True,
            help="Floating-point type; auto: that of the checkpoint, float32 on a CPU.",
        ),
        click.option(
            "--device",
            metavar="auto|cpu|cuda[:N]|mps|balanced",
            default="auto",
            show_default=True,
            help="Device to run the model on; balanced: spread over all GPUs.",
        ),
        click.option(
            "--window",
            cls=_Unbounded,
            type=click.IntRange(1, 2**31 - 1),
            metavar="TOKENS",
            show_default="the model's maximum, up to 2048",
            help="Maximum tokens of context.",
        ),
        click.option(
            "--stride",
            cls=_Unbounded,
            type=click.IntRange(1, 2**31 - 1),
            metavar="TOKENS",
            show_default="half the window",
            help="Tokens scored in each window after the first.",
        ),
        click.option(
            "--bos",
            type=click.Choice(["auto", "bos", "eos", "none"]),
            default="auto",
            show_default=True,
            help="Special token at the start of every window.",
        ),
        click.option(
            "--batch",
            cls=_Unbounded,
            type=click.IntRange(1, 2**31 - 1),
            metavar="TOKENS",
            show_default="16384, 4096 on a CPU",
            help="Tokens per forward pass.",
        ),
    )


def resource_options(command: Command) -> Command:
    """`--memory` and `--threads`."""
    return _with(
        command,
        click.option(
            "--memory",
            metavar="SIZE",
            show_default="half of what is free",
            help="Memory limit, such as 512MB or 4GiB.",
        ),
        threads_option("Number of threads."),
    )


def threads_option(help_text: str) -> Callable[[Command], Command]:
    """`--threads`."""
    return click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        metavar="N",
        show_default="one per core",
        help=help_text,
    )


def _file_option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    kind = click.Path(dir_okay=False, writable=True, path_type=Path)
    return click.option(*names, type=kind, metavar="FILE", callback=_check_folder, **settings)


def force_option(help_text: str) -> Callable[[Command], Command]:
    """`--force`."""
    return click.option("--force", "overwrite", is_flag=True, help=help_text)


def dry_run_option(command: Command) -> Command:
    """`--dry-run`."""
    return click.option(
        "--dry-run",
        is_flag=True,
        help="Print what is read and the estimated time and memory, then stop.",
    )(command)


def _check_folder(
    _context: click.Context, _parameter: click.Parameter, file: Path | None
) -> Path | None:
    """Checks the folder in which a file is to be created or replaced."""
    if file is None or file == STREAM or (file.exists() and not file.is_file()):
        return file
    if is_open_file(file):
        return file
    folder = Path(os.path.realpath(file)).parent if file.is_symlink() else file.parent
    if not folder.is_dir():
        raise click.UsageError(f"{file}: there is no folder {folder}; create it first")
    if not os.access(folder, os.W_OK):
        raise click.UsageError(f"{file}: no permission to write to the folder {folder}")
    return file


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
