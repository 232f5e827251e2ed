"""Springs: volume times change of KL, against l."""

from typing import TYPE_CHECKING

from elastic_core.elastic_law.result import ElasticityResult
from elastic_core.report.elasticity.panels import DATASETS, LABELS, VOLUME, mark_volume, panels
from elastic_core.report.plot import colour, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: ElasticityResult) -> "Figure":
    """Draws |D_i| times the change of KL(P_i || q) since l = 0, for pre-training and alignment.

    On the left at the least depth, on the right at depth d, in units of |D_a|. Springs in series
    would stretch by equal and opposite amounts: the grey line is minus that of the pre-training.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    depths = (0, result.depth - 1) if result.depth > 1 else (0,)
    figure, rows = panels(result, columns=len(depths))
    for row, each in zip(rows, result.perturbations, strict=True):
        for axes, at in zip(row, depths, strict=True):
            sweep = each.sweep
            for dataset in DATASETS:
                axes.plot(
                    sweep.l[1:],
                    sweep.spring_bits[at, 1:, dataset],
                    color=colour(dataset),
                    label=LABELS[dataset],
                )
            mirrored = -sweep.spring_bits[at, 1:, 0]
            axes.plot(sweep.l[1:], mirrored, "--", color="grey", label="pre-training, mirrored")
            axes.axhline(0, color="black", linewidth=0.8)
            axes.set_xscale("log")
            axes.set_yscale("symlog", linthresh=1e-4)
            axes.set_xlabel(VOLUME)
            axes.set_ylabel(rf"$|D|\,\Delta$KL at depth {at + 1} (bits)")
            mark_volume(axes, each)
            tidy(axes)
        row[0].legend(frameon=False, fontsize=8)
    return figure
