"""`elastic-core elasticity`: the elastic law on corpora or saved trees."""

from pathlib import Path
from typing import Any

import click

from elastic_core.cli.options import (
    dry_run_option,
    reading_options,
    resource_options,
    saved_tree_options,
)
from elastic_core.cli.results import computed, result_options
from elastic_core.common.printable import printable
from elastic_core.elastic_law.report import document, overlap_warning
from elastic_core.experiments.elasticity import elasticity as study
from elastic_core.experiments.elasticity_plan import describe_plan
from elastic_core.experiments.studies.order_of_learning import ORDERS
from elastic_core.report.render import print_result, write_folder


@click.command(
    epilog="""Example:

    \b
      elastic-core synth play
      elastic-core elasticity --pretrain play/pretrain.jsonl \\
          --align play/align.jsonl --perturb play/perturb.jsonl \\
          --perturb play/novel.jsonl"""
)
@click.option(
    "--pretrain",
    required=True,
    type=click.Path(),
    metavar="P",
    help="Pre-training data: a file, a folder, a quoted glob, or a saved tree.",
)
@click.option(
    "--align",
    required=True,
    type=click.Path(),
    metavar="A",
    help="Alignment data, in the same form.",
)
@click.option(
    "--perturb",
    required=True,
    type=click.Path(),
    multiple=True,
    metavar="T",
    help="Perturbation data, in the same form; repeat for several.",
)
@click.option(
    "--k",
    type=float,
    metavar="K",
    show_default="that of the corpora",
    help="Volume of P relative to A.",
)
@click.option(
    "--l",
    type=float,
    metavar="L",
    show_default="that of the corpora",
    help="Volume of T relative to A.",
)
@click.option(
    "--bootstrap",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Resample the documents N times to compute intervals. A later run with the same --out "
    "reuses the resamples.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="joint",
    show_default=True,
    help="joint: token trees only. sequential: also train a tree model on P, then A, then T, and "
    "another on all three in one random order.",
)
@click.option(
    "--rate",
    type=float,
    default=1.0,
    show_default=True,
    metavar="W",
    help="Number of passes over A and T in the sequential order.",
)
@click.option(
    "--seeds",
    type=int,
    default=3,
    show_default=True,
    metavar="N",
    help="Number of seeds to train tree models with; each orders the documents differently.",
)
@saved_tree_options
@reading_options
@resource_options
@dry_run_option
@result_options("result.json, the figures and the resamples")
def elasticity(dry_run: bool, output_format: str, out: Path | None, **options: Any) -> None:
    """Test the elasticity theorem on the token trees of your text.

    The joint token tree of P, A and T represents a model that was pre-trained on P, aligned on A
    and perturbed with a little of T. As the volume of T grows, the rates of P and A under its ideal
    code change. The theorem says that the change for A is -k times that for P. The tables report at
    which depths this holds, and why it fails elsewhere.
    """
    if dry_run:
        click.echo(printable(describe_plan(**options)))
        return
    replicates = out / "replicates.jsonl" if out and options["bootstrap"] else None
    result = computed(
        lambda progress: study(replicates=replicates, progress=progress, **options),
        out,
        lambda result, folder: write_folder(result, document(result), folder),
    )
    for overlap in result.overlaps:
        click.echo(printable(f"warning: {overlap_warning(overlap)}"), err=True)
    print_result(result, document(result), output_format)
