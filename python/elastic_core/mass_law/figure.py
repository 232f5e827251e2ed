"""The figure of a test: the distribution of leaf counts, and the fitted laws."""

from typing import TYPE_CHECKING, Any

import numpy as np

from elastic_core.mass_law.result import CorpusMass, DepthMass, MassConfig, MassResult, TailFit
from elastic_core.report.plot import colour, plain, short, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_PANELS = 4
_POINTS = 80
_LAWS = {
    "pareto": ("Pareto", "-", 2.2),
    "lognormal": ("lognormal", "-", 1.4),
    "zipf-mandelbrot": ("Zipf-Mandelbrot", "--", 1.4),
    "exponential": ("exponential", ":", 1.4),
}
_WHOLE = "-."
_POINT = "#999999"
_COLOURS = {law: colour(number) for number, law in enumerate(_LAWS)}


def draw(result: MassResult) -> "Figure":
    """Draws the share of leaves that occur at least x times against x, both axes logarithmic.

    There is a row of panels for each corpus, with a panel for each of at most four depths. Points
    are leaves, at most 80 of their counts. Lines are the laws fitted to the tail, scaled by the
    share of leaves in the tail; the thin black line is the Poisson-Pareto law of all leaves.

    Args:
        result: The test.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    from matplotlib.figure import Figure

    shown = _shown(min(corpus.depth for corpus in result.corpora))
    rows, columns = len(result.corpora), len(shown)
    size = (max(2.5 * columns, 5.5), 2.5 * rows + 1.1)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey="row")
    for corpus, line in zip(result.corpora, panels, strict=True):
        for axes, depth in zip(line, shown, strict=True):
            _panel(axes, corpus.depths[depth - 1])
        line[0].set_ylabel(f"{short(corpus.name)}\nshare of leaves", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("occurs at least $x$ times", fontsize=9)
    handles = _explain(panels[0, 0])
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    figure.suptitle(plain(setting(result.corpora[0], result.config)), fontsize=10)
    return figure


def _shown(depth: int) -> list[int]:
    """At most four depths from 1 to `depth`, evenly spaced in log."""
    return sorted({round(float(step)) for step in np.geomspace(1, depth, min(depth, _PANELS))})


def _panel(axes: "Axes", row: DepthMass) -> None:
    spectrum, survival = row.spectrum, row.spectrum.survival()
    some = spectrum.spaced(_POINTS)
    axes.plot(spectrum.counts[some], survival[some], "o", color=_POINT, markersize=3)
    for law, (_, style, width) in _LAWS.items():
        if row.tail:
            _line(axes, row, row.tail, law, style, color=_COLOURS[law], linewidth=width)
    _line(axes, row, row.whole, row.whole.tested, _WHOLE, color="black", linewidth=1)
    axes.set(xscale="log", yscale="log", ylim=(0.4 / spectrum.size, 2))
    axes.set_title(f"depth {row.depth}: {_title(row)}", fontsize=9)
    axes.tick_params(labelsize=8)
    tidy(axes)


def _line(axes: "Axes", row: DepthMass, fit: TailFit, law: str, style: str, **look: Any) -> None:
    fitted = next((candidate.law for candidate in fit.laws if candidate.name == law), None)
    if fitted:
        x = np.unique(np.geomspace(fit.x_min, row.spectrum.counts[-1], 400).round())
        axes.plot(x, fit.leaf_share * fitted.survival(x), style, **look)


def _title(row: DepthMass) -> str:
    return {"tail": "tail plausible"}.get(row.verdict, row.verdict)


def _explain(axes: "Axes") -> list["Line2D"]:
    """The entries of the legend."""
    points = axes.plot([], [], "o", color=_POINT, label="leaves")
    lines = [
        axes.plot([], [], style, color=_COLOURS[law], linewidth=width, label=label)
        for law, (label, style, width) in _LAWS.items()
    ]
    whole = axes.plot(
        [], [], _WHOLE, color="black", linewidth=1, label="Poisson-Pareto, all leaves"
    )
    return [handle for entry in (points, *lines, whole) for handle in entry]


def setting(corpus: CorpusMass, config: MassConfig) -> str:
    """The alphabet, segmentation, depth and number of replicates of a test."""
    return (
        f"alphabet {corpus.alphabet}, segment {corpus.segment}, depth {corpus.depth}, "
        f"bootstrap {config.bootstrap}"
    )
