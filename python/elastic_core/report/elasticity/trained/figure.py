"""The changes of a trained tree model's rates, against the volume of the perturbation."""

from typing import TYPE_CHECKING

from elastic_core.elastic_law.trained import RateCurve, TrainedCurve
from elastic_core.report.elasticity.trained.words import PER_KB, order
from elastic_core.report.plot import colour, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_LINES = (
    ("o-", r"pre-training, $\gamma_p$"),
    ("s-", r"alignment, $\gamma_a$"),
    ("^--", r"$-k$ times pre-training: $\gamma_a$ by the law"),
)


def draw(*curves: TrainedCurve) -> "Figure":
    """Draws how gamma_p and gamma_a move from their values at l = 0, with intervals shaded.

    Dashed is -k times the change of gamma_p: what gamma_a would do by the law.

    Args:
        *curves: A column for each, such as the joint and the sequential order. The upper row is
            of unseen text, the lower of seen text.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.6 + 3.6 * len(curves), 6.8), dpi=100, layout="constrained")
    panels = figure.subplots(2, len(curves), squeeze=False, sharex="col")
    for column, curve in enumerate(curves):
        for row, (name, rates) in enumerate((("unseen", curve.unseen), ("seen", curve.seen))):
            panels[row, column].set_title(_title(curve, name, rates), fontsize=9)
            _panel(panels[row, column], rates)
        panels[1, column].set_xlabel("volume $l$, $|D_t| / |D_a|$")
    for axes in panels[:, 0]:
        axes.set_ylabel("change from $l = 0$, bits per kB")
    handles, _ = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _title(curve: TrainedCurve, name: str, rates: RateCurve) -> str:
    first, second, _ = rates.level.mean[0]
    return (
        f"tree:{curve.config.model_depth}, {order(curve)}, $k$ = {curve.k.mean:.2f}\n"
        rf"{name} text, $\gamma_p$ {first:.3f} and $\gamma_a$ {second:.3f} at $l = 0$"
    )


def _panel(axes: "Axes", rates: RateCurve) -> None:
    from matplotlib.ticker import NullLocator

    volumes, by_law = rates.volumes[1:], -rates.springs[:, 0]
    axes.axhline(0, color="grey", linewidth=0.8)
    estimates = (rates.change[:, 0], rates.change[:, 1], by_law)
    for number, ((style, label), estimate) in enumerate(zip(_LINES, estimates, strict=True)):
        shade = colour(number)
        low, high = PER_KB * estimate.low, PER_KB * estimate.high
        axes.fill_between(volumes, low, high, color=shade, alpha=0.15, linewidth=0)
        axes.plot(volumes, PER_KB * estimate.mean, style, color=shade, markersize=4, label=label)
    axes.set_xscale("log")
    axes.set_xticks(volumes, [f"{volume:.3g}" for volume in volumes])
    axes.xaxis.set_minor_locator(NullLocator())
    tidy(axes)
