"""Sets a tree model that learns in sequence beside one that learns everything in one order.

Prints how the rates of PRETRAIN and ALIGN move when more and more of PERTURB is learned, and
where both orders and the elasticity theorem agree. See `docs/trained.md`.

    python examples/trained.py 'novels/[A-J]*' imdb/train/pos 'novels/[K-Z]*' --figure trained.png
"""

from pathlib import Path

import click
from elastic_core.elastic_law.trained import TrainedCurve, trained
from elastic_core.report.elasticity.trained import (
    CHANGE_HEADINGS,
    LEVEL_HEADINGS,
    NAMES,
    agreement,
    change_cells,
    draw,
    findings,
    level_cells,
    setting,
)

import elastic_core as ec
from elastic_core.cli.progress import progress_shown
from elastic_core.report.tables import print_rows, terminal


@click.command()
@click.argument("pretrain")
@click.argument("align")
@click.argument("perturb")
@click.option("--depth", default=8, show_default=True, help="Depth of the tree model.")
@click.option("--rate", default=1.0, show_default=True, help="Rate of the sequential order.")
@click.option("--volume", multiple=True, type=float, help="A volume of PERTURB; several.")
@click.option("--seeds", default=3, show_default=True, help="How many seeds.")
@click.option("--limit", type=int, help="Only the first so many documents of each corpus.")
@click.option("--sample", type=float, help="Keep each document of PRETRAIN with this chance.")
@click.option("--figure", type=click.Path(path_type=Path), help="A PNG file for the figure.")
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
    """Compares the joint and the sequential order; see the head of this file."""
    curves = []
    for order, times in (("joint", 1.0), ("sequential", rate)):
        with progress_shown() as progress:
            curve = trained(
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
    for sentence in agreement(*curves):
        click.echo(sentence)
    if figure:
        draw(*curves).savefig(figure)


def show(curve: TrainedCurve) -> None:
    """Prints the tables of one order, and what they come down to."""
    console = terminal()
    console.print(setting(curve), "\n", sep="")
    print_rows(console, LEVEL_HEADINGS, level_cells(curve), NAMES)
    print_rows(console, CHANGE_HEADINGS, change_cells(curve), NAMES)
    for sentence in findings(curve):
        console.print(sentence, soft_wrap=True)
    console.print()


if __name__ == "__main__":
    main()
