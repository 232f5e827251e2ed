"""`elastic-core synth`: corpora whose truth is known."""

from pathlib import Path
from typing import Any

import click

from elastic_core.report.synth import FORMATS, print_result
from elastic_core.synthesis.result import CORPORA
from elastic_core.synthesis.synth import synth as draw_corpora


@click.command(
    epilog="""Example:

    \b
      elastic-core synth demo
      elastic-core measure demo/align.jsonl"""
)
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="NAME=SOURCES:SEGMENTS",
    default=CORPORA,
    show_default=True,
    help="A corpus, the numbers of its sources joined by +, and how many segments to draw. Give "
    "it several times for several.",
)
@click.option(
    "--leaves",
    type=int,
    metavar="M",
    default=1000,
    show_default=True,
    help="Leaves of each source, 2 or more.",
)
@click.option(
    "--law",
    metavar="pareto:A|geometric:R|uniform",
    help="How a source's probabilities fall with their rank; with --entropy only pareto or "
    "geometric.  [default: pareto:2; with --entropy, pareto]",
)
@click.option(
    "--entropy",
    type=float,
    metavar="BITS",
    help="Entropy of each source in bits per segment, from which A or R is found.",
)
@click.option(
    "--overlap",
    type=float,
    metavar="SHARE",
    default=0.0,
    show_default=True,
    help="Share of each source's leaves, 0 to 1, that all sources have.",
)
@click.option(
    "--depth",
    type=int,
    metavar="D",
    default=8,
    show_default=True,
    help="Depth d of the tree in symbols, 2 to 64: a leaf is d - 1 letters and EOS.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of all that is random.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Form of the result on standard output; json is truth.json.",
)
def synth(out: Path, form: str, **options: Any) -> None:
    """Draws corpora with known entropy, mass law, overlap and volume into the folder DIR.

    DIR has NAME.jsonl for each corpus, what is true of them in truth.json, and their exact
    distributions in leaves.csv. Without options they are those of the elasticity theorem.
    """
    print_result(draw_corpora(out=out, **options), out, form)
