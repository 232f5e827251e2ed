"""Rates and slopes against l: a row of two panels for each perturbation."""

from typing import TYPE_CHECKING

from elastic_core.elastic_law.result import ElasticityResult, PerturbationResult
from elastic_core.report.elasticity.panels import DATASETS, LABELS, VOLUME, mark_volume, panels
from elastic_core.report.figures import colour, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: ElasticityResult) -> "Figure":
    """Draws the change of gamma_p and gamma_a since l = 0 (left), and their slopes (right).

    Both at depth d, against l on a log axis. Lines are the ideal code; points are the Huffman code,
    whose whole bits move in jumps. The dashed line is the volume of the perturbation as it is.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    figure, rows = panels(result, columns=2)
    for (left, right), each in zip(rows, result.perturbations, strict=True):
        _changes(left, each)
        _slopes(right, each, result.depth)
        for axes in (left, right):
            axes.set_xlabel(VOLUME)
            axes.set_xscale("log")
            axes.axhline(0, color="black", linewidth=0.8)
            mark_volume(axes, each)
            tidy(axes)
        left.legend(frameon=False, fontsize=8)
    return figure


def _changes(axes: "Axes", each: PerturbationResult) -> None:
    sweep = each.sweep
    for dataset in DATASETS:
        change = sweep.gamma_bits[-1, 1:, dataset] - sweep.gamma_bits[-1, 0, dataset]
        axes.plot(
            sweep.l[1:], change, color=colour(dataset), label=f"{LABELS[dataset]}, ideal code"
        )
        jumps = sweep.huffman_bits[1:, dataset] - sweep.huffman_bits[0, dataset]
        axes.plot(
            sweep.huffman_l[1:],
            jumps,
            "o",
            color=colour(dataset),
            markersize=3,
            markerfacecolor="white",
            label=f"{LABELS[dataset]}, Huffman code",
        )
    axes.set_ylabel(r"change of $\gamma$ since $l = 0$ (bits per segment)")


def _slopes(axes: "Axes", each: PerturbationResult, depth: int) -> None:
    sweep = each.sweep
    for dataset in DATASETS:
        axes.plot(sweep.l[1:], sweep.slope_bits[-1, 1:, dataset], color=colour(dataset))
    axes.plot(
        sweep.l[1:],
        -each.k * sweep.slope_bits[-1, 1:, 0],
        "--",
        color="grey",
        label=r"$-k\, d\gamma_p/dl$, the law",
    )
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_ylabel(rf"$d\gamma/dl$ at depth {depth} (bits per segment)")
    axes.legend(frameon=False, fontsize=8)
