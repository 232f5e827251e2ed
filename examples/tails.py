"""Tests tails of the mass distribution that begin at counts of your choice.

    python examples/tails.py novels imdb-pos --x-min 10 --x-min 30 --x-min 100

Prints, for each corpus, depth and count, the exponent of the Pareto law of the tail, its distance
and its bootstrap p-value; see `docs/mass.md`.
"""

import click
from numpy.random import SeedSequence

import elastic_core as ec
from elastic_core.mass_law.bootstrap import p_value
from elastic_core.mass_law.fit import fit_whole
from elastic_core.report.markdown import markdown_table

HEADINGS = (
    ("corpus", ""),
    ("depth", ""),
    ("x_min", ""),
    ("leaves", "%"),
    ("alpha", ""),
    ("distance", ""),
    ("p", ""),
)


@click.command()
@click.argument("corpora", nargs=-1, required=True)
@click.option(
    "--x-min",
    multiple=True,
    type=int,
    default=(10, 30, 100),
    help="Where a tail begins; repeatable.",
)
@click.option("--bootstrap", default=100, show_default=True, help="Replicates per p-value.")
def main(corpora: tuple[str, ...], x_min: tuple[int, ...], bootstrap: int) -> None:
    """Test tails of the leaves of CORPORA; see the docstring of this file."""
    rows = []
    for corpus in ec.mass(*corpora, bootstrap=0).corpora:
        for depth in corpus.depths:
            for count in x_min:
                tail = depth.spectrum.tail(count)
                if fit := fit_whole(tail):
                    p = p_value(tail, fit, fit_whole, SeedSequence(0).spawn(bootstrap))
                    share = f"{100 * tail.size / depth.leaves:.2f}"
                    figures = (share, f"{fit.law.alpha:.2f}", f"{fit.distance:.4f}", f"{p:.2f}")
                    rows.append((corpus.name, str(depth.depth), str(count), *figures))
    click.echo(markdown_table(HEADINGS, rows, ("corpus",)))


if __name__ == "__main__":
    main()
