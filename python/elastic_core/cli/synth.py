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
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed.",
)
@format_option
def synth(out: Path, output_format: str, **options: Any) -> None:
    """Draw synthetic corpora with known ground truth.

    Entropy, law of leaf weights, overlap and volume are known. The folder DIR receives NAME.jsonl
    for each corpus, truth.json with the ground truth, and leaves.csv with the exact distributions.
    The default corpora satisfy the premises of the elasticity theorem.
    """
    result = draw_corpora(out=out, **options)
    print_result(result, document(result, out), output_format)
