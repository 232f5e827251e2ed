"""`elastic-core synth`: synthetic text with known ground truth, corpora or a language."""

from pathlib import Path
from typing import Any

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.options import force_option
from elastic_core.cli.progress import progress_shown
from elastic_core.cli.results import format_option
from elastic_core.report.render import print_result
from elastic_core.synthesis import report
from elastic_core.synthesis.language.report import document
from elastic_core.synthesis.language.synth import synth_language
from elastic_core.synthesis.result import CORPORA
from elastic_core.synthesis.synth import synth as draw_corpora

_DEFAULT = "corpora"

_seed_option = click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed.",
)


class _WithDefault(click.Group):
    """A group whose default command may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Inserts the name of the default command unless a command or the help is asked for."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_WithDefault,
    subcommand_metavar="[corpora|language] [OPTIONS] DIR",
    epilog="""Example:

    \b
      elastic-core synth sets
      elastic-core measure sets/align.jsonl
      elastic-core synth language speech""",
)
def synth() -> None:
    """Draw synthetic text with known ground truth.

    The folder DIR receives the text and truth.json. The command corpora may be left out: synth DIR
    is synth corpora DIR.
    """


@synth.command(
    epilog="""Example:

    \b
      elastic-core synth sets
      elastic-core measure sets/align.jsonl"""
)
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    "specs",
    multiple=True,
    metavar="NAME=SOURCES:SEGMENTS",
    default=CORPORA,
    show_default=True,
    help="A corpus: its source numbers joined by +, and the number of segments to draw. Repeat for "
    "several.",
)
@click.option(
    "--leaves",
    type=int,
    metavar="M",
    default=1000,
    show_default=True,
    help="Leaves of each source, at least 2.",
)
@click.option(
    "--law",
    metavar="pareto:A|geometric:R|uniform",
    show_default="pareto:2; with --entropy, pareto",
    help="How probabilities fall with rank within a source; with --entropy, only pareto or "
    "geometric.",
)
@click.option(
    "--entropy",
    type=float,
    metavar="BITS",
    help="Entropy of each source in bits per segment; determines A or R.",
)
@click.option(
    "--overlap",
    type=float,
    metavar="SHARE",
    default=0.0,
    show_default=True,
    help="Fraction of leaves that all sources have in common, 0 to 1.",
)
@click.option(
    "--depth",
    type=int,
    metavar="D",
    default=8,
    show_default=True,
    help="Depth d of the tree in symbols, 2 to 64: a leaf is d - 1 letters and EOS.",
)
@_seed_option
@format_option
def corpora(out: Path, output_format: str, specs: tuple[str, ...], **options: Any) -> None:
    """Draw corpora of independent segments.

    Entropy, law of leaf weights, overlap and volume are known. The folder DIR receives NAME.jsonl
    for each corpus, truth.json with the ground truth, and leaves.csv with the exact distributions.
    The default corpora satisfy the premises of the elasticity theorem.
    """
    result = draw_corpora(out=out, corpora=specs, **options)
    print_result(result, report.document(result, out), output_format)


@synth.command(
    epilog="""Example:

    \b
      elastic-core synth language speech --documents 20k
      elastic-core measure speech/pretrain.jsonl --model tree:12"""
)
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--shares",
    metavar="SHARE,...",
    default="0.3,0.3,0.4",
    show_default=True,
    help="Share of each style in pre-training: positive, negative and any others; sum 1.",
)
@click.option(
    "--documents",
    metavar="N",
    default="100k",
    show_default=True,
    help="Number of pre-training documents.",
)
@click.option(
    "--rows",
    metavar="N",
    default="2000",
    show_default=True,
    help="Number of rows in each other file.",
)
@click.option(
    "--classes",
    type=int,
    metavar="N",
    default=6,
    show_default=True,
    help="Number of word classes; a sentence has at most one word of each.",
)
@click.option(
    "--words",
    type=int,
    metavar="N",
    default=3,
    show_default=True,
    help="Number of words in each class that a style prefers.",
)
@click.option(
    "--contrast",
    type=float,
    metavar="RATIO",
    default=5.0,
    show_default=True,
    help="How many times as likely words are under the style that prefers them as under another.",
)
@click.option(
    "--opening",
    type=int,
    metavar="N",
    default=6,
    show_default=True,
    help="Number of style-free words at the beginning of a document: the prompt.",
)
@click.option(
    "--sentences",
    type=int,
    metavar="N",
    default=12,
    show_default=True,
    help="Maximum number of sentences in a document.",
)
@click.option(
    "--end",
    type=float,
    metavar="P",
    default=0.25,
    show_default=True,
    help="Probability that a document ends after a sentence.",
)
@_seed_option
@force_option("Replace the files of DIR if it is not empty.")
@format_option
def language(out: Path, output_format: str, shares: str, **options: Any) -> None:
    """Draw a language whose documents have a latent style.

    All styles have the same syntax and the same entropy. The folder DIR receives pretrain.jsonl in
    several styles; positive.jsonl and negative.jsonl, each in one of them; novel.jsonl, in a style
    absent from pre-training; neutral.jsonl, drawn like pre-training; and truth.json with the
    entropy rate, the Bayes-optimal loss, all probabilities, and the curves of ideal learners.
    """
    with progress_shown() as progress:
        result = synth_language(shares=_shares(shares), out=out, progress=progress, **options)
    print_result(result, document(result, out), output_format)


def _shares(text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise InvalidArgumentError(
            f"--shares {text}: not numbers separated by commas, such as 0.3,0.3,0.4"
        ) from error
