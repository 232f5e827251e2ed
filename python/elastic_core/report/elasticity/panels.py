"""What the figures of an elasticity study share: a grid of panels, names, marks."""

from typing import TYPE_CHECKING

from elastic_core.elastic_law.result import ElasticityResult, PerturbationResult
from elastic_core.report.elasticity.words import setting
from elastic_core.report.plot import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATASETS = (0, 1)
"""The places of pre-training and alignment among the roles."""

LABELS = ("pre-training", "alignment")
"""What the lines of `DATASETS` are called."""

VOLUME = "$l = |D_t| / |D_a|$"
"""The volume of a perturbation, as the name of an axis."""


def panels(result: ElasticityResult, columns: int) -> "tuple[Figure, list[list[Axes]]]":
    """A figure with a row of panels for each perturbation, named above its first panel."""
    from matplotlib.figure import Figure

    rows = len(result.perturbations)
    figure = Figure(figsize=(9.6, 0.6 + 3.4 * rows), dpi=160, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row, each in zip(grid, result.perturbations, strict=True):
        row[0].set_title(f"{short(each.name)}, $k$ = {each.k:.4g}", fontsize=10, loc="left")
    figure.suptitle(plain(setting(result)), fontsize=10)
    return figure, [list(row) for row in grid]


def mark_volume(axes: "Axes", each: PerturbationResult) -> None:
    """Draws a dashed line at the volume of the perturbation as it is."""
    if each.l > 0:
        axes.axvline(each.l, color="grey", linestyle=":", linewidth=1)
