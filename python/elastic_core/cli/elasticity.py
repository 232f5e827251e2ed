"""`elastic-core elasticity`: the elastic law on corpora or saved trees."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import reading_options, resource_options, saved_tree_options
from elastic_core.cli.results import computed, result_options
from elastic_core.elastic_law.study import elasticity as study
from elastic_core.elastic_law.trained import ORDERS
from elastic_core.report.elasticity import print_result
from elastic_core.report.elasticity.files import write_result
from elastic_core.report.elasticity.words import overlap_warning


@click.command(
    epilog="""Example:

    \b
      elastic-core synth play
      elastic-core elasticity --pretrain play/pretrain.jsonl --align play/align.jsonl \\
          --perturb play/perturb.jsonl --perturb play/novel.jsonl"""
)
@click.option(
    "--pretrain",
    required=True,
    metavar="P",
    help="What a model was pre-trained on: a file, a folder, a glob in quotes, or a saved tree.",
)
@click.option("--align", required=True, metavar="A", help="What it was aligned with, likewise.")
@click.option(
    "--perturb",
    required=True,
    multiple=True,
    metavar="T",
    help="What perturbs the alignment, likewise. Give it several times for several.",
)
@click.option(
    "--k",
    type=float,
    metavar="K",
    help="Volume of P relative to A.  [default: that of the corpora]",
)
@click.option(
    "--l",
    type=float,
    metavar="L",
    help="Volume of T relative to A.  [default: that of the corpora]",
)
@click.option(
    "--bootstrap",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Resample the documents N times for intervals.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="joint",
    show_default=True,
    help="joint: the token trees alone. sequential: beside them a tree model that learns P, then "
    "A, then T, and one that learns all in one random order.",
)
@click.option(
    "--rate",
    type=float,
    default=1.0,
    show_default=True,
    metavar="W",
    help="How many times the tree model learns A and T in sequence.",
)
@click.option(
    "--seeds",
    type=int,
    default=3,
    show_default=True,
    metavar="N",
    help="How often the tree model is trained, on documents in another order each time.",
)
@saved_tree_options
@reading_options
@resource_options
@result_options(
    "Folder for result.json, the figures and the resamples, which a later run takes up."
)
def elasticity(form: str, out: Path | None, **options: Any) -> None:
    """Computes how pre-training and alignment give way to a perturbation.

    A model that is trained on P, then on A, then on a little of T is taken for the joint token tree
    of the three. The rates of P and A under its ideal code change with the volume of T: by the
    elasticity theorem that of A k times as fast as that of P, the other way. The tables tell
    whether it does here, at every depth, and if not, why.
    """
    kept = out / "replicates.jsonl" if out and options["bootstrap"] else None
    result = computed(
        lambda progress: study(replicates=kept, progress=progress, **options), out, write_result
    )
    for overlap in result.overlaps:
        click.echo(f"warning: {overlap_warning(overlap)}", err=True)
    print_result(result, form)
