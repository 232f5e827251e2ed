"""Shared by the figures of the examples: size, panels, names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from corpora import Array, Law

from elastic_core.report.plot import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROLES = ("pre-training", "alignment")
"""The datasets whose slopes are shown."""

_WIDTH = 8.2
_HEIGHT = 2.7
_DOTS = 115


def new_figure(rows: int, columns: int, **shared: Any) -> "tuple[Figure, list[list[Axes]]]":
    """A figure without a window, and its panels row by row."""
    from matplotlib.figure import Figure

    size = (_WIDTH, _HEIGHT * rows)
    figure = Figure(figsize=size, dpi=_DOTS, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared).tolist()


def line_style(number: int) -> dict[str, Any]:
    """Colour and mark of line number `number` of a panel."""
    return {"color": colour(number), "marker": "os^Dv"[number % 5], "markersize": 4}


def plot_share(axes: "Axes", at: Array, law: Law, **style: Any) -> None:
    """Draws the ratio as a share of -k, with a gap at each pole, where a slope changes its sign."""
    poles = np.flatnonzero(np.diff(np.sign(law.pretrain))) + 1
    for part in np.split(np.arange(len(at)), poles):
        axes.plot(at[part], law.share[part], **style)


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure as PNG; the same figure gives the same bytes."""
    figure.savefig(path, metadata={"Software": None})
