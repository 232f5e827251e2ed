"""`elastic-core pretrain`: train a new small model on a corpus."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import dry_run_option, reading_options
from elastic_core.cli.progress import progress_shown
from elastic_core.common.printable import printable
from elastic_core.common.units import format_count
from elastic_core.corpora.sources import ReadOptions, check_reading, open_corpus
from elastic_core.training.pretraining.plan import describe_plan
from elastic_core.training.pretraining.pretrain import pretrain as pretrain_model
from elastic_core.training.pretraining.schedule import SCHEDULES


@click.command(
    epilog="""Example:

    \b
      seq 2000 > n.txt
      elastic-core pretrain n.txt --model scratch:0.3M --tokens 4k --out tiny"""
)
@click.argument("corpus", type=click.Path())
@click.option(
    "--model",
    required=True,
    metavar="scratch:SIZE",
    help="The new model; SIZE is 0.3M, 1M, 3M, 10M, 30M or 100M parameters.",
)
@click.option(
    "--tokens",
    metavar="N",
    show_default="the largest branch",
    help="Number of tokens to train on, such as 20M, rounded up to whole steps.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the model, its loss curve and result.json.",
)
@click.option(
    "--checkpoints",
    metavar="N,...",
    default="",
    help="Token counts at which to save checkpoints, such as 1M,5M.",
)
@click.option(
    "--branch",
    "branches",
    metavar="N,...",
    default="",
    help="Token counts of further models annealed from the same run, such as 1M,2M,5M.",
)
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    show_default="wsd with --branch, else cosine",
    help="Schedule of the learning rate; wsd: warm-up, stable, decay.",
)
@click.option(
    "--warm-up",
    metavar="N",
    show_default="20 steps",
    help="Tokens of the warm-up of wsd.",
)
@click.option(
    "--decay",
    type=float,
    metavar="SHARE",
    show_default="0.2",
    help="Share of the tokens in the decay phase of wsd.",
)
@click.option(
    "--batch",
    type=int,
    metavar="TOKENS",
    show_default="set by the size",
    help="Tokens per step.",
)
@click.option(
    "--context",
    type=int,
    metavar="TOKENS",
    show_default="set by the size",
    help="Context length of the model.",
)
@click.option(
    "--learning-rate",
    type=float,
    metavar="RATE",
    show_default="set by the size",
    help="Peak learning rate.",
)
@click.option(
    "--repeat/--no-repeat",
    default=True,
    show_default=True,
    help="Repeat the corpus if it has fewer tokens, or stop with an error.",
)
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Floating-point type; auto: bfloat16 if the device is fast with it.",
)
@click.option(
    "--device",
    metavar="auto|cpu|cuda|mps",
    default="auto",
    show_default=True,
    help="Device to train on.",
)
@reading_options
@dry_run_option
def pretrain(
    corpus: str,
    checkpoints: str,
    branches: str,
    out: Path,
    split: str,
    text_key: tuple[str, ...],
    limit: int | None,
    sample: float | None,
    seed: int,
    on_bad_row: str,
    split_on: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    **options: Any,
) -> None:
    """Train a new small transformer on CORPUS.

    Its tokenizer is trained on CORPUS first. DIR is a checkpoint folder that transformers and
    elastic-core load. If interrupted, run the same command again to resume.
    """
    reading = ReadOptions(
        split, text_key, limit, sample, seed, on_bad_row, split_on, include, exclude
    )
    opened = open_corpus((corpus,), reading)
    check_reading([opened], split, text_key, split_on)
    options |= {
        "checkpoints": _counts(checkpoints),
        "branches": _counts(branches),
        "seed": seed,
    }
    if dry_run:
        click.echo(printable(describe_plan(opened, **options)))
        return
    with progress_shown() as progress:
        result = pretrain_model(opened, out=out, progress=progress, **options)
    click.echo(
        f"{out}: {format_count(result.parameters)} parameters, trained on "
        f"{format_count(result.config.tokens)} tokens ({result.epochs:.2f} epochs), "
        f"loss {result.loss:.3f} nats per token",
        err=True,
    )


def _counts(text: str) -> list[str]:
    return [count.strip() for count in text.split(",") if count.strip()]
