"""Options that several commands share, each with one meaning and one help text."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from elastic_core.corpora.trees import DEFAULT_SHAPE

Command = TypeVar("Command", bound=Callable[..., Any])


def tree_options(command: Command) -> Command:
    """`--depth`, `--segment` and `--alphabet`: what the tree is made of."""
    return _tree_options(command, *DEFAULT_SHAPE)


def saved_tree_options(command: Command) -> Command:
    """The same where sources may be saved trees, whose shape is then the default."""
    return _tree_options(command, None, None, None)


def _tree_options(
    command: Command, depth: int | None, segment: str | None, alphabet: str | None
) -> Command:
    usual = "" if depth else "  [default: {}, or that of the saved trees]"
    return _with(
        command,
        click.option(
            "--depth",
            type=int,
            callback=_within(1, 64),
            metavar="D",
            default=depth,
            show_default=True,
            help="Depth d of the tree in symbols, 1 to 64." + usual.format(DEFAULT_SHAPE[0]),
        ),
        click.option(
            "--segment",
            type=click.Choice(["chunk", "prefix", "window"]),
            default=segment,
            show_default=True,
            help="What of a document is coded: consecutive chunks of d symbols, its first d "
            "symbols alone, or the d symbols from every position on."
            + usual.format(DEFAULT_SHAPE[1]),
        ),
        click.option(
            "--alphabet",
            metavar="bit|byte|bpe:PATH",
            default=alphabet,
            show_default=True,
            help="What a symbol is; PATH is that of a tokenizer.json."
            + usual.format(DEFAULT_SHAPE[2]),
        ),
    )


def reading_options(command: Command) -> Command:
    """How documents are cut out of files."""
    return _with(
        command,
        click.option(
            "--split",
            type=click.Choice(["document", "line", "paragraph"]),
            default="document",
            show_default=True,
            help="What is a document in a plain text file: the file, a line or a paragraph.",
        ),
        click.option(
            "--text-key",
            multiple=True,
            default=["text"],
            show_default=True,
            metavar="KEY",
            help="Where a jsonl or Parquet row has its text; dots lead inwards. Give it "
            "several times to join several texts.",
        ),
        click.option(
            "--limit",
            type=int,
            callback=_within(1, 2**63 - 1),
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
            type=int,
            callback=_within(0, 2**64 - 1),
            default=0,
            show_default=True,
            metavar="N",
            help="Seed of all that is random.",
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="What a row without usable text does: end the job, or be left out and counted.",
        ),
    )


def output_option(help_text: str) -> Callable[[Command], Command]:
    """`--output FILE`, refused before the work begins where no file can be written."""
    return _written("-o", "--output", required=True, help=help_text)


def per_document_option(command: Command) -> Command:
    """`--per-document FILE`, refused as `--output` is."""
    return _written(
        "--per-document",
        help="Parquet file for what each model makes of each document.",
    )(command)


MODEL_OPTIONS = ("revision", "dtype", "device", "adapter", "window", "stride", "bos", "batch")
"""The parameters that `model_options` adds to a command."""


def model_options(command: Command) -> Command:
    """How a language model is loaded, and what it sees of a text; see `docs/models.md`."""
    return _with(
        command,
        click.option(
            "--revision",
            metavar="NAME",
            help="Branch, tag or commit of a model on the Hugging Face hub.",
        ),
        click.option(
            "--dtype",
            type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
            default="auto",
            show_default=True,
            help="Numbers to compute with; auto: the checkpoint's own, float32 on a CPU.",
        ),
        click.option(
            "--device",
            metavar="auto|cpu|cuda[:N]|mps|balanced",
            default="auto",
            show_default=True,
            help="Where the model runs; balanced: spread over all GPUs.",
        ),
        click.option(
            "--adapter",
            metavar="PATH",
            help="A PEFT adapter that is merged into the model.",
        ),
        click.option(
            "--window",
            type=int,
            callback=_within(1, 2**31 - 1),
            metavar="TOKENS",
            help="Most tokens that the model sees at once.  [default: all it can, up to 2048]",
        ),
        click.option(
            "--stride",
            type=int,
            callback=_within(1, 2**31 - 1),
            metavar="TOKENS",
            help="New tokens in each further window.  [default: half the window]",
        ),
        click.option(
            "--bos",
            type=click.Choice(["auto", "bos", "eos", "none"]),
            default="auto",
            show_default=True,
            help="Special token that every window begins with.",
        ),
        click.option(
            "--batch",
            type=int,
            callback=_within(1, 2**31 - 1),
            metavar="TOKENS",
            help="Tokens in one forward pass.  [default: 16384, 4096 on a CPU]",
        ),
    )


def resource_options(command: Command) -> Command:
    """`--memory` and `--threads`."""
    return _with(
        command,
        click.option(
            "--memory",
            metavar="SIZE",
            help="Memory to stay within, such as 512MB or 4GiB.  [default: half of what is free]",
        ),
        threads_option("Threads to work on.  [default: one for each core]"),
    )


def threads_option(help_text: str) -> Callable[[Command], Command]:
    """`--threads`."""
    return click.option(
        "--threads", type=int, callback=_within(1, 1024), metavar="N", help=help_text
    )


def force_option(command: Command) -> Command:
    """`--force`: the file to write may be there."""
    return click.option(
        "--force", "overwrite", is_flag=True, help="Overwrite the file to write if it is there."
    )(command)


def _within(
    lowest: int, highest: int
) -> Callable[[click.Context, click.Parameter, int | None], int | None]:
    def check(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
        if value is None or lowest <= value <= highest:
            return value
        raise click.BadParameter(f"{value} is not from {lowest} to {highest}", context, parameter)

    return check


def _written(*names: str, **more: Any) -> Callable[[Command], Command]:
    kind = click.Path(dir_okay=False, writable=True, path_type=Path)
    return click.option(*names, type=kind, metavar="FILE", callback=_check_folder, **more)


def _check_folder(
    _context: click.Context, _parameter: click.Parameter, file: Path | None
) -> Path | None:
    if file is None:
        return None
    if not file.parent.is_dir():
        raise click.UsageError(f"{file}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise click.UsageError(f"{file}: no permission to write to the folder {file.parent}")
    return file


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
