"""Figures with matplotlib: panels as lines with bands or bars, and what all figures share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from elastic_core.report.cells import with_minus_signs
from elastic_core.report.document import Figure, Panel, Series
from elastic_core.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
"""Colours that most people can tell apart (Okabe and Ito), one per line of a figure."""

HOW_TO_DRAW = "no figures: matplotlib is not installed; run pip install 'elastic-core[experiments]'"

_MARKERS = "os^Dv*P"
_MARKS = "●■▲◆▼★✚"
_BAR, _LEVEL = "■", "╌╌"
"""The markers of lines, bars and reference lines as characters."""

_LONGEST_NAME = 40

_COLUMNS = 3
_COLUMN_WIDTH = 3.35
"""Width of a figure of one panel, in inches: a column of a paper."""

_SHARED_WIDTH = 2.7
_HEIGHT = 2.5
_X_LABEL_WIDTH, _Y_LABEL_WIDTH = 40, 28
"""Longest lines of axis labels, in characters."""

_ENTRY_HEIGHT = 0.17
_CHARACTER = 0.07
_HANDLE = 0.58
"""Size of the legend's entries, characters and handles, in inches."""

_STYLE: dict[Any, float] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
}

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_DECADES_TO_FIRST = 0.3
"""Distance from 0 to the first point of a symlog axis, in decades."""

_LEAST_DISTANCE = 0.11
"""Least distance of two tick labels, as a share of the axis."""

_TICKS_WIDTH = 40
"""Longest row of tick labels that is not slanted, in characters."""


def can_draw() -> bool:
    """Whether matplotlib is installed, which the extra `experiments` installs."""
    return find_spec("matplotlib") is not None


def draw(figure: Figure, only: Panel | None = None, *, has_legend: bool = True) -> "Drawing":
    """Draws the panels of a figure in rows of up to three, with one legend below them.

    A series has one colour in all panels. Intervals are bands or error bars. A missing value
    leaves a gap.

    Args:
        figure: The figure; one that its subject draws is drawn by it.
        only: The panel to draw alone, in the colours that it has in the figure; None: all.
        has_legend: Whether to draw the legend; `legend` has its entries.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    if figure.draw is not None:
        return figure.draw()
    panels = figure.panels if only is None else (only,)
    count = len(panels)
    columns = min(count, _COLUMNS if count != 4 else 2)
    rows = math.ceil(count / columns)
    width = _COLUMN_WIDTH if columns == 1 else _SHARED_WIDTH * columns
    names = _names(figure)
    with mpl.rc_context(_STYLE):
        drawing = Drawing(figsize=(width, _HEIGHT * rows), dpi=200, layout="constrained")
        grid = list(drawing.subplots(rows, columns, squeeze=False).flat)
        entries: dict[str, Artist] = {}
        for panel, axes in zip(panels, grid, strict=False):
            _draw_panel(axes, panel, names)
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                entries.setdefault(label, handle)
        for axes in grid[count:]:
            axes.set_axis_off()
        if has_legend:
            _add_legend(drawing, entries, width)
    return drawing


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """An entry of a legend outside a drawing.

    Attributes:
        name: The name of a series, or of a reference line.
        mark: A character like the marker of the series.
        colour: The colour of the series, or `grey`.
    """

    name: str
    mark: str
    colour: str


def legend(figure: Figure) -> tuple[LegendEntry, ...]:
    """The legend of the panels of a figure; empty for one that its subject draws."""
    lines = {series.name for panel in figure.panels if not panel.is_bars for series in panel.series}
    entries = [
        LegendEntry(name, _MARKS[at % len(_MARKS)] if name in lines else _BAR, colour(at))
        for at, name in enumerate(_names(figure))
    ]
    levels = dict.fromkeys(
        panel.level[0]
        for panel in figure.panels
        if panel.level is not None and math.isfinite(panel.level[1])
    )
    return (*entries, *(LegendEntry(name, _LEVEL, "grey") for name in levels))


def _names(figure: Figure) -> list[str]:
    """The names of all series, whose places decide their colours and markers."""
    return list(dict.fromkeys(series.name for panel in figure.panels for series in panel.series))


def save(drawing: "Drawing", folder: Path, stem: str) -> None:
    """Writes a drawing as `STEM.png` and `STEM.svg`, byte for byte the same every time.

    Args:
        drawing: A matplotlib figure.
        folder: An existing folder.
        stem: Name of the files, without extension.

    Raises:
        OSError: A file cannot be written.
    """
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "elastic-core"}):
        drawing.savefig(folder / f"{stem}.png")
        drawing.set_layout_engine("none")  # The layout stays, and takes half of the time.
        drawing.savefig(folder / f"{stem}.svg", metadata={"Date": None})


def colour(number: int) -> str:
    """The colour of line `number`, counted from 0; they repeat."""
    return COLOURS[number % len(COLOURS)]


def tidy(axes: "Axes") -> None:
    """Adds a faint grid and removes the frame on the right and at the top."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def short(name: str) -> str:
    """A name for a legend: its end where it is too long, and `plain`."""
    text = name if len(name) <= _LONGEST_NAME else "..." + name[3 - _LONGEST_NAME :]
    return plain(text)


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula, with minus signs, and valid in UTF-8."""
    return with_minus_signs(text).replace("$", r"\$").encode("utf-8", "backslashreplace").decode()


def short_number(value: float) -> str:
    """A number with three digits, such as `500`, `2.05k` or `1M`."""
    for unit, letter in _PREFIXES:
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _add_legend(drawing: "Drawing", entries: "dict[str, Artist]", width: float) -> None:
    """Puts the legend below the panels, whose height stays."""
    if not entries:
        return
    columns = _legend_columns(list(entries), width)
    rows = math.ceil(len(entries) / columns)
    drawing.set_figheight(drawing.get_figheight() + _ENTRY_HEIGHT * rows)
    drawing.legend(
        handles=list(entries.values()),
        labels=list(entries),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        columnspacing=1.2,
        handlelength=1.8,
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """The greatest number of columns that fit; they are filled one after the other."""
    for columns in range(len(labels), 1, -1):
        rows = math.ceil(len(labels) / columns)
        longest = (max(map(len, labels[at : at + rows])) for at in range(0, len(labels), rows))
        if sum(_HANDLE + _CHARACTER * length for length in longest) <= width:
            return columns
    return 1


def _draw_panel(axes: "Axes", panel: Panel, names: Sequence[str]) -> None:
    positions = sorted({x for series in panel.series for x in series.x})
    if not panel.ticks:
        _set_scale(axes, panel.x_scale, positions)
    for at, series in enumerate(panel.series):
        number = names.index(series.name)
        if panel.is_bars:
            _draw_bars(axes, series, number, at, len(panel.series))
        else:
            _draw_line(axes, series, number)
    if panel.is_bars:
        axes.axhline(0, color="grey", linewidth=0.8)
    if panel.level is not None and math.isfinite(panel.level[1]):
        name, value = panel.level
        axes.axhline(value, color="grey", linestyle="--", linewidth=1, label=short(name))
    axes.set_title(plain(panel.title), loc="left")
    axes.set_xlabel(_broken(plain(panel.x_label), _X_LABEL_WIDTH))
    axes.set_ylabel(_broken(plain(panel.y_label), _Y_LABEL_WIDTH))
    tidy(axes)
    axes.set_axisbelow(True)
    if panel.ticks:
        _label_positions(axes, panel.ticks)
    else:
        _mark_positions(axes, positions)


def _broken(label: str, width: int) -> str:
    """An axis label, with its unit on a line of its own where it is too long for one."""
    name, comma, unit = label.rpartition(", ")
    return f"{name},\n{unit}" if comma and len(label) > width else fill(label, width)


def _draw_line(axes: "Axes", series: Series, number: int) -> None:
    """Draws a line with its band, in the colour and with the marker `number`."""
    shade = colour(number)
    means, low, high = _columns(series.y)
    axes.plot(
        series.x,
        means,
        marker=_MARKERS[number % len(_MARKERS)],
        color=shade,
        markersize=3.5,
        linewidth=1.3,
        label=short(series.name),
    )
    axes.fill_between(series.x, low, high, color=shade, alpha=0.18, linewidth=0)
    known = np.pad(np.isfinite(low), 1)
    is_alone = ~known[:-2] & ~known[2:]  # The band of a single point has no width.
    _draw_errors(axes, series.x, series.y, shade, is_alone)


def _draw_bars(axes: "Axes", series: Series, number: int, at: int, count: int) -> None:
    """Draws bars with error bars, each at place `at` of a group of `count` bars."""
    width = 0.8 / count
    x = [position + (at - (count - 1) / 2) * width for position in series.x]
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
        axes.errorbar(
            np.asarray(x)[known],
            means[known],
            np.stack([means - low, high - means])[:, known],
            fmt="none",
            ecolor=shade,
            elinewidth=1,
            capsize=2.5,
        )


def _columns(values: Sequence[Interval]) -> tuple[NDArray[np.float64], ...]:
    """Means, lower and upper bounds, each of shape (points,), NaN where missing."""
    columns = np.array([(value.mean, value.low, value.high) for value in values], np.float64)
    columns = columns.reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _set_scale(axes: "Axes", scale: str, positions: Sequence[float]) -> None:
    """Scales the horizontal axis; `symlog` is linear from 0 to the first position above 0."""
    positive = [position for position in positions if position > 0]
    if scale == "symlog" and positive:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=_DECADES_TO_FIRST)
    elif scale == "log":
        axes.set_xscale("log")


def _mark_positions(axes: "Axes", positions: Sequence[float]) -> None:
    """Labels a logarithmic axis at the points, as far as there is room."""
    from matplotlib.ticker import NullLocator

    if axes.get_xscale() == "linear" or not positions:
        return
    axes.xaxis.set_minor_locator(NullLocator())
    transform = axes.xaxis.get_transform()
    low, high = transform.transform(np.array(axes.get_xlim()))
    points = (transform.transform(np.array(positions)) - low) / (high - low)
    labelled: list[tuple[float, float]] = []
    for position, point in zip(positions, points, strict=True):
        if not labelled or point - labelled[-1][1] >= _LEAST_DISTANCE:
            labelled.append((position, point))
    ticks = [position for position, _ in labelled]
    axes.set_xticks(ticks, [plain(short_number(tick)) for tick in ticks])


def _label_positions(axes: "Axes", labels: Sequence[str]) -> None:
    """Writes labels at 0, 1, ..., slanted where there are many or long ones."""
    is_tight = max(map(len, labels)) * len(labels) > _TICKS_WIDTH
    slant: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(labels)), map(plain, labels), **(slant if is_tight else {}))
