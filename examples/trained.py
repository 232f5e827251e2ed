"""Compares a tree model that learns in sequence with one that learns everything in one order.

Prints how the rates of PRETRAIN and ALIGN move as more and more of PERTURB is learned, and where
both orders agree with each other and with the elasticity theorem. See `docs/trained.md`.

    python examples/trained.py 'novels/[A-J]*' imdb/train/pos 'novels/[K-Z]*' --figure trained.png
"""

from pathlib import Path

import click

import elastic_core as ec
from elastic_core.cli.progress import progress_shown
from elastic_core.experiments.studies.order_of_learning import (
    TreeCurve,
    agreement,
    change_table,
    draw,
    findings,
    learn_in_order,
    level_table,
    setting,
)
from elastic_core.report.document import Document, Heading, Text
from elastic_core.report.terminal import print_document


@click.command()
@click.argument("pretrain")
@click.argument("align")
@click.argument("perturb")
@click.option("--depth", default=8, show_default=True, help="Depth of the tree model.")
@click.option(
    "--rate",
    default=1.0,
    show_default=True,
    help="How often the sequential order learns ALIGN and PERTURB.",
)
@click.option(
    "--volume", multiple=True, type=float, help="A volume of PERTURB; repeat for several."
)
@click.option("--seeds", default=3, show_default=True, help="Number of seeds.")
@click.option("--limit", type=int, help="Read only the first documents of each corpus.")
@click.option("--sample", type=float, help="Keep each document of PRETRAIN with this probability.")
@click.option("--figure", type=click.Path(path_type=Path), help="PNG file for the figure.")
def main(
    pretrain: str,
    align: str,
    perturb: str,
    depth: int,
    rate: float,
    volume: tuple[float, ...],
    seeds: int,
    limit: int | None,
    sample: float | None,
    figure: Path | None,
) -> None:
    """Compare the joint and the sequential order; see the docstring of this file."""
    curves = []
    for order, times in (("joint", 1.0), ("sequential", rate)):
        with progress_shown() as progress:
            curve = learn_in_order(
                ec.Corpus(pretrain, limit=limit, sample=sample),
                ec.Corpus(align, limit=limit),
                ec.Corpus(perturb, limit=limit),
                model_depth=depth,
                order=order,
                rate=times,
                seeds=seeds,
                volumes=volume or None,
                progress=progress,
            )
        show(curve)
        curves.append(curve)
    print_document(Document(tuple(map(Text, agreement(*curves)))))
    if figure:
        draw(*curves).savefig(figure)


def show(curve: TreeCurve) -> None:
    """Prints the tables and findings of one order."""
    blocks = [Heading(setting(curve)), level_table(curve), change_table([curve])]
    print_document(Document((*blocks, *map(Text, findings(curve)))))
    click.echo()


if __name__ == "__main__":
    main()
