"""The ratio of the slopes beside -k: over k, and over depth."""

from typing import TYPE_CHECKING

import numpy as np

from elastic_core.elastic_law.result import ElasticityResult, PerturbationResult
from elastic_core.report.elasticity.panels import panels
from elastic_core.report.plot import colour, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINEAR = 1.0


def draw(result: ElasticityResult) -> "Figure":
    """Draws the ratio at l = 0 against k (left), and ratio and coverage against depth (right).

    On the left a line for each depth; the law is the diagonal. On the right, at the k of the
    corpora, the ratio as a share of -k, which is 1 where the law holds, with its interval if there
    is one, and the coverage c.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    figure, rows = panels(result, columns=2)
    for (left, right), each in zip(rows, result.perturbations, strict=True):
        _over_k(left, each)
        _over_depth(right, each)
        tidy(left)
        tidy(right)
    return figure


def _over_k(axes: "Axes", each: PerturbationResult) -> None:
    import matplotlib as mpl

    shades = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(each.law)))
    k = each.over_k.k
    for row, ratio, shade in zip(each.law, each.over_k.ratio, shades, strict=True):
        # Where the slope of the pre-training is 0 the ratio has a pole, which is no line.
        poles = np.flatnonzero((ratio[1:] * ratio[:-1] < 0) & (abs(ratio[1:] - ratio[:-1]) > 2))
        line = np.insert(-ratio, poles + 1, np.nan)
        at = np.insert(k, poles + 1, np.nan)
        axes.plot(at, line, color=shade, linewidth=1.2, label=f"{row.depth}")
    axes.plot(k, k, "--", color="black", linewidth=1, label="law")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=_LINEAR)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axvline(each.k, color="grey", linestyle=":", linewidth=1)
    axes.set_xlabel("$k = |D_p| / |D_a|$")
    axes.set_ylabel(r"minus ratio of the slopes at $l = 0$")
    axes.legend(title="depth", frameon=False, fontsize=7, title_fontsize=7, ncols=2)


def _over_depth(axes: "Axes", each: PerturbationResult) -> None:
    from matplotlib.ticker import MaxNLocator

    known = [row for row in each.law if row.ratio is not None]
    depths = [row.depth for row in known]
    shares = [-(row.ratio or 0.0) / each.k for row in known]
    axes.plot(depths, shares, "o-", color=colour(0), markersize=4, label="ratio / $-k$")
    for row in known:
        if row.intervals and (interval := row.intervals.get("ratio")):
            ends = [-interval.high / each.k, -interval.low / each.k]
            axes.plot([row.depth, row.depth], ends, color=colour(0), linewidth=3, alpha=0.4)
    coverage = [row.coverage for row in each.law]
    axes.plot(
        [row.depth for row in each.law],
        coverage,
        "s--",
        color=colour(2),
        markersize=3.5,
        label="coverage $c$",
    )
    axes.axhline(1, color="black", linestyle="--", linewidth=1)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(min(-0.5, max(-2.0, min(shares, default=0.0) - 0.1)), 2.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("depth (symbols)")
    axes.legend(frameon=False, fontsize=8)
