"""Figures of an elasticity study: rates against l, the ratio of the slopes, springs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elastic_core.elastic_law.result import ElasticityResult, PerturbationResult
from elastic_core.report.plot import colour, plain, short, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DATASETS = (0, 1)
_LABELS = ("pre-training", "alignment")
_VOLUME = "$l = |D_t| / |D_a|$"


def setting(result: ElasticityResult) -> str:
    """The shape of the trees: alphabet, segmentation and depth."""
    return f"alphabet {result.alphabet}, segment {result.segment}, depth {result.depth}"


def draw_curves(result: ElasticityResult) -> "Figure":
    """Draws the change of gamma_p and gamma_a since l = 0 (left), and their slopes (right).

    Both are at depth d, against l on a log axis. Lines are the ideal code; points are the Huffman
    code, whose whole bits move in jumps. The dotted line marks the volume of the perturbation.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window, with a row for each perturbation.
    """
    figure, rows = _panels(result, columns=2)
    for (left, right), perturbation in zip(rows, result.perturbations, strict=True):
        _draw_changes(left, perturbation)
        _draw_slopes(right, perturbation, result.depth)
        for axes in (left, right):
            axes.set_xlabel(_VOLUME)
            axes.set_xscale("log")
            axes.axhline(0, color="black", linewidth=0.8)
            _mark_volume(axes, perturbation)
            tidy(axes)
        left.legend(frameon=False, fontsize=8)
    return figure


def draw_ratios(result: ElasticityResult) -> "Figure":
    """Draws the ratio at l = 0 against k (left), and ratio and coverage against depth (right).

    On the left there is a line for each depth; the law is the diagonal. On the right, at the k of
    the corpora, are the ratio as a share of -k, which is 1 where the law holds, with its interval
    if it has one, and the coverage c.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window, with a row for each perturbation.
    """
    figure, rows = _panels(result, columns=2)
    for (left, right), perturbation in zip(rows, result.perturbations, strict=True):
        _draw_over_k(left, perturbation)
        _draw_over_depth(right, perturbation)
        tidy(left)
        tidy(right)
    return figure


def draw_springs(result: ElasticityResult) -> "Figure":
    """Draws |D_i| times the change of KL(P_i || q) since l = 0, for pre-training and alignment.

    On the left at the smallest depth, on the right at depth d, in units of |D_a|. Springs in series
    would stretch by equal and opposite amounts: the grey line is minus that of the pre-training.

    Args:
        result: The study.

    Returns:
        A matplotlib figure that belongs to no window, with a row for each perturbation.
    """
    depths = (0, result.depth - 1) if result.depth > 1 else (0,)
    figure, rows = _panels(result, columns=len(depths))
    for row, perturbation in zip(rows, result.perturbations, strict=True):
        for axes, at in zip(row, depths, strict=True):
            _draw_forces(axes, perturbation, at)
        row[0].legend(frameon=False, fontsize=8)
    return figure


def _panels(result: ElasticityResult, columns: int) -> "tuple[Figure, list[list[Axes]]]":
    """A figure with a row of panels for each perturbation, named above its first panel."""
    from matplotlib.figure import Figure

    rows = len(result.perturbations)
    figure = Figure(figsize=(9.6, 0.6 + 3.4 * rows), dpi=160, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row, perturbation in zip(grid, result.perturbations, strict=True):
        title = f"{short(perturbation.name)}, $k$ = {perturbation.k:.4g}"
        row[0].set_title(title, fontsize=10, loc="left")
    figure.suptitle(plain(setting(result)), fontsize=10)
    return figure, [list(row) for row in grid]


def _mark_volume(axes: "Axes", perturbation: PerturbationResult) -> None:
    """Draws a dotted line at the volume of the perturbation."""
    if perturbation.l > 0:
        axes.axvline(perturbation.l, color="grey", linestyle=":", linewidth=1)


def _draw_changes(axes: "Axes", perturbation: PerturbationResult) -> None:
    sweep = perturbation.sweep
    for dataset in _DATASETS:
        change = sweep.gamma_bits[-1, 1:, dataset] - sweep.gamma_bits[-1, 0, dataset]
        axes.plot(
            sweep.l[1:], change, color=colour(dataset), label=f"{_LABELS[dataset]}, ideal code"
        )
        jumps = sweep.huffman_bits[1:, dataset] - sweep.huffman_bits[0, dataset]
        axes.plot(
            sweep.huffman_l[1:],
            jumps,
            "o",
            color=colour(dataset),
            markersize=3,
            markerfacecolor="white",
            label=f"{_LABELS[dataset]}, Huffman code",
        )
    axes.set_ylabel(r"change of $\gamma$ since $l = 0$ (bits per segment)")


def _draw_slopes(axes: "Axes", perturbation: PerturbationResult, depth: int) -> None:
    sweep = perturbation.sweep
    for dataset in _DATASETS:
        axes.plot(sweep.l[1:], sweep.slope_bits[-1, 1:, dataset], color=colour(dataset))
    axes.plot(
        sweep.l[1:],
        -perturbation.k * sweep.slope_bits[-1, 1:, 0],
        "--",
        color="grey",
        label=r"$-k\, d\gamma_p/dl$, the law",
    )
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_ylabel(rf"$d\gamma/dl$ at depth {depth} (bits per segment)")
    axes.legend(frameon=False, fontsize=8)


def _draw_over_k(axes: "Axes", perturbation: PerturbationResult) -> None:
    import matplotlib as mpl

    shades = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(perturbation.law)))
    k = perturbation.over_k.k
    for law, ratio, shade in zip(perturbation.law, perturbation.over_k.ratio, shades, strict=True):
        # The ratio has a pole where the slope of the pre-training is 0; the line breaks there.
        poles = np.flatnonzero((ratio[1:] * ratio[:-1] < 0) & (abs(ratio[1:] - ratio[:-1]) > 2))
        y = np.insert(-ratio, poles + 1, np.nan)
        x = np.insert(k, poles + 1, np.nan)
        axes.plot(x, y, color=shade, linewidth=1.2, label=f"{law.depth}")
    axes.plot(k, k, "--", color="black", linewidth=1, label="law")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1.0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axvline(perturbation.k, color="grey", linestyle=":", linewidth=1)
    axes.set_xlabel("$k = |D_p| / |D_a|$")
    axes.set_ylabel(r"minus ratio of the slopes at $l = 0$")
    axes.legend(title="depth", frameon=False, fontsize=7, title_fontsize=7, ncols=2)


def _draw_over_depth(axes: "Axes", perturbation: PerturbationResult) -> None:
    from matplotlib.ticker import MaxNLocator

    known = [law for law in perturbation.law if law.ratio is not None]
    shares = [-(law.ratio or 0.0) / perturbation.k for law in known]
    depths = [law.depth for law in known]
    axes.plot(depths, shares, "o-", color=colour(0), markersize=4, label="ratio / $-k$")
    for law in known:
        if law.intervals and (interval := law.intervals.get("ratio")):
            ends = [-interval.high / perturbation.k, -interval.low / perturbation.k]
            axes.plot([law.depth, law.depth], ends, color=colour(0), linewidth=3, alpha=0.4)
    axes.plot(
        [law.depth for law in perturbation.law],
        [law.coverage for law in perturbation.law],
        "s--",
        color=colour(2),
        markersize=3.5,
        label="coverage $c$",
    )
    axes.axhline(1, color="black", linestyle="--", linewidth=1)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(_lower_limit(shares), 2.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("depth (symbols)")
    axes.legend(frameon=False, fontsize=8)


def _lower_limit(shares: Sequence[float]) -> float:
    """The lower end of the axis of shares: low enough for them, from -0.5 down to -2."""
    return min(-0.5, max(-2.0, min(shares, default=0.0) - 0.1))


def _draw_forces(axes: "Axes", perturbation: PerturbationResult, at: int) -> None:
    """Draws the springs at the depth of index `at`."""
    sweep = perturbation.sweep
    for dataset in _DATASETS:
        axes.plot(
            sweep.l[1:],
            sweep.spring_bits[at, 1:, dataset],
            color=colour(dataset),
            label=_LABELS[dataset],
        )
    mirrored = -sweep.spring_bits[at, 1:, 0]
    axes.plot(sweep.l[1:], mirrored, "--", color="grey", label="pre-training, mirrored")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_xlabel(_VOLUME)
    axes.set_ylabel(rf"$|D|\,\Delta$KL at depth {at + 1} (bits)")
    _mark_volume(axes, perturbation)
    tidy(axes)
