"""The series of a panel: lines with bands, and bars with error bars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from elastic_core.report.document import Series
from elastic_core.report.figures import COLOURS, colour, short
from elastic_core.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "os^Dv*P"


def draw_line(axes: "Axes", series: Series, number: int) -> None:
    """Draws a line with its band; a point between gaps has an error bar.

    Args:
        axes: Where to draw.
        series: The line.
        number: Which colour and marker it has.
    """
    shade = colour(number)
    marker = _MARKERS[number % len(_MARKERS)]
    means, low, high = _columns(series.y)
    axes.plot(
        series.x,
        means,
        marker=marker,
        color=shade,
        markersize=3.5,
        linewidth=1.3,
        label=short(series.name),
    )
    axes.fill_between(series.x, low, high, color=shade, alpha=0.18, linewidth=0)
    known = np.pad(np.isfinite(low), 1)
    alone = ~known[:-2] & ~known[2:]  # A band of one point has no width.
    _draw_errors(axes, series.x, series.y, shade, alone)


def draw_bars(axes: "Axes", series: Series, number: int, at: int, count: int) -> None:
    """Draws bars with error bars, one of each group.

    Args:
        axes: Where to draw.
        series: The bars.
        number: Which colour they have.
        at: Their place in the group, from 0.
        count: How many bars a group has.
    """
    width = 0.8 / count
    x = [place + (at - (count - 1) / 2) * width for place in series.x]
    means, _, _ = _columns(series.y)
    axes.bar(x, means, 0.92 * width, color=colour(number), label=short(series.name))
    _draw_errors(axes, x, series.y, COLOURS[-1])


def _draw_errors(
    axes: "Axes",
    x: Sequence[float],
    y: Sequence[Interval],
    shade: str,
    where: NDArray[np.bool_] | Literal[True] = True,
) -> None:
    means, low, high = _columns(y)
    known = np.isfinite(low) & where
    if known.any():
        reach = np.stack([means - low, high - means])[:, known]
        axes.errorbar(
            np.asarray(x)[known],
            means[known],
            reach,
            fmt="none",
            ecolor=shade,
            elinewidth=1,
            capsize=2.5,
        )


def _columns(values: Sequence[Interval]) -> tuple[NDArray[np.float64], ...]:
    """Means and ends, NaN where there are none, each of shape (points,)."""
    found = np.array([(each.mean, each.low, each.high) for each in values], np.float64)
    found = found.reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]
