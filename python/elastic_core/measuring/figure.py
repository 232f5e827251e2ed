"""The figure of a measurement: entropy and rate against depth, a line for each corpus."""

import math
from typing import TYPE_CHECKING

from elastic_core.measuring.result import MeasureConfig, MeasureResult
from elastic_core.report.plot import colour, plain, short, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: MeasureResult) -> "Figure":
    """Draws entropy (left) and rate (right) against depth.

    The left plot shows the entropy H_k of the tree pruned to depth k in bits per segment and,
    dotted, log2 of its leaves, the entropy if all leaves were equally likely. The right plot shows
    H_k / k, the bits per symbol of the ideal code, and, dashed, the conditional entropy
    H_k - H_(k-1), the bits that the k-th symbol adds.

    Args:
        result: The measurement.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(9.6, 4.4), dpi=160, layout="constrained")
    left, right = figure.subplots(1, 2)
    handles = []
    for number, corpus in enumerate(result.corpora):
        shade = colour(number)
        depths = [row.depth for row in corpus.depths]
        entropy = [row.entropy_bits for row in corpus.depths]
        uniform = [math.log2(row.leaves) for row in corpus.depths]
        mean = [bits / depth for bits, depth in zip(entropy, depths, strict=True)]
        added = [row.conditional_entropy_bits for row in corpus.depths]
        left.plot(depths, uniform, ":", color=shade)
        left.plot(depths, entropy, "o-", color=shade, markersize=4)
        right.plot(depths, added, "s--", color=shade, markersize=3.5, markerfacecolor="white")
        right.plot(depths, mean, "o-", color=shade, markersize=4)
        handles.append(Line2D([], [], color=shade, marker="o", label=short(corpus.name)))
    _label(left, "Entropy", "bits per segment")
    _label(right, "Rate", "bits per symbol")
    _explain(left, ("o-", "entropy $H_k$"), (":", r"$\log_2$ leaves, if equally likely"))
    _explain(right, ("o-", "mean $H_k / k$"), ("s--", "conditional $H_k - H_{k-1}$"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(plain(setting(result.config)), fontsize=10)
    return figure


def _label(axes: "Axes", title: str, unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, fontsize=11)
    axes.set_xlabel("depth $k$ (symbols)")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)


def _explain(axes: "Axes", *lines: tuple[str, str]) -> None:
    """Adds a legend of the line styles."""
    for style, text in lines:
        axes.plot([], [], style, color="grey", markersize=4, label=text)
    axes.legend(frameon=False, fontsize=9)


def setting(config: MeasureConfig) -> str:
    """The alphabet, segmentation and depth of a measurement."""
    return f"alphabet {config.alphabet}, segment {config.segment}, depth {config.depth}"
