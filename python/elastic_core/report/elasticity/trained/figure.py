"""The changes of a trained tree model's rates, against the volume of the perturbation."""

from typing import TYPE_CHECKING

from elastic_core.elasticity.trained import Estimate, RateCurve, TrainedCurve
from elastic_core.report.elasticity.trained.words import PER_KB, setting
from elastic_core.report.figures import colour, plain, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(*curves: TrainedCurve) -> "Figure":
    """Draws how gamma_p and gamma_a move from their values at l = 0, with intervals shaded.

    Dashed is -k times the change of gamma_p: what gamma_a would do by the law.

    Args:
        *curves: A column for each, such as the joint and the sequential one; a row of panels is
            of unseen text, the other of seen text.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8 * len(curves), 7.2), dpi=110, layout="constrained")
    panels = figure.subplots(2, len(curves), squeeze=False, sharex=True)
    for column, curve in enumerate(curves):
        for row, (name, rates) in enumerate((("unseen", curve.unseen), ("seen", curve.seen))):
            _panel(panels[row, column], rates)
            panels[row, column].set_title(f"{curve.config.order}, {name} text", fontsize=11)
        panels[1, column].set_xlabel("volume $l$ of the perturbation, $|D_t| / |D_a|$")
    for row in (0, 1):
        panels[row, 0].set_ylabel("change from $l = 0$, bits per kB")
    figure.suptitle(plain("\n".join(map(setting, curves))), fontsize=9)
    return figure


def _panel(axes: "Axes", rates: RateCurve) -> None:
    from matplotlib.ticker import NullFormatter

    volumes = rates.volumes[1:]
    level = rates.level.mean[0]
    lines = (
        (rates.change[:, 0], "o-", rf"$\gamma_p$ ({level[0]:.3f} at $l = 0$)"),
        (rates.change[:, 1], "s-", rf"$\gamma_a$ ({level[1]:.3f} at $l = 0$)"),
        (_flipped(rates.springs[:, 0]), "^--", r"$\gamma_a$ by the law, $-k \Delta\gamma_p$"),
    )
    axes.axhline(0, color="grey", linewidth=0.8)
    for number, (estimate, style, label) in enumerate(lines):
        shade = colour(number)
        axes.plot(volumes, PER_KB * estimate.mean, style, color=shade, markersize=4, label=label)
        low, high = PER_KB * estimate.low, PER_KB * estimate.high
        axes.fill_between(volumes, low, high, color=shade, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(volumes, [f"{volume:.3g}" for volume in volumes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=8)
    tidy(axes)


def _flipped(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.mean, -estimate.high, -estimate.low)
