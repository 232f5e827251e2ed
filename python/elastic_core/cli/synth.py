"""`elastic-core synth`: synthetic corpora with known ground truth."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.results import format_option
from elastic_core.report.render import print_result
from elastic_core.synthesis.report import document
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
    help="A corpus: the numbers of its sources joined by +, and the number of segments to draw. "
    "Repeatable.",
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
    help="How a source's probabilities fall with their rank; with --entropy only pareto or "
    "geometric.  [default: pareto:2; with --entropy, pareto]",
)
@click.option(
    "--entropy",
    type=float,
    metavar="BITS",
    help="Entropy of each source in bits per segment, which determines A or R.",
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
    help="Seed of everything random.",
)
@format_option
def synth(out: Path, output_format: str, **options: Any) -> None:
    """Draw corpora with known entropy, mass law, overlap and volume into the folder DIR.

    Writes NAME.jsonl for each corpus, truth.json with what is known about them, and leaves.csv with
    their exact distributions. The default corpora are those of the elasticity theorem.
    """
    result = draw_corpora(out=out, **options)
    print_result(result, document(result, out), output_format)
