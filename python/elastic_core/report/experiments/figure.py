"""Figures of studies: lines with bands, or bars with error bars, in panels side by side."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from elastic_core.report.document import Figure, Panel
from elastic_core.report.experiments.axis import mark_places, name_places, set_scale
from elastic_core.report.experiments.series import draw_bars, draw_line
from elastic_core.report.figures import plain, short, tidy

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_COLUMNS = 3
_COLUMN_WIDTH = 3.35
"""Inches of a column of a paper, which a figure of one panel fills."""

_SHARED_WIDTH = 2.7
_HEIGHT = 2.5
_ACROSS, _UPWARD = 40, 28
"""Characters of a line of the labels of axes."""

_ENTRY_HEIGHT = 0.17
_CHARACTER = 0.062
_HANDLE = 0.5
_STYLE: dict[Any, float] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
}


def draw(figure: Figure, only: Panel | None = None) -> "Drawing":
    """Draws the panels in rows of up to three, and one legend below them.

    A series has one colour in all panels. Bands and error bars are the intervals; a number without
    an interval has neither, and where there is no number there is a gap.

    Args:
        figure: The figure, with a panel at least.
        only: The panel that is drawn alone, in the colours that it has in the figure; None: all.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    panels = figure.panels if only is None else (only,)
    count = len(panels)
    columns = min(count, _COLUMNS if count != 4 else 2)
    rows = math.ceil(count / columns)
    width = _COLUMN_WIDTH if columns == 1 else _SHARED_WIDTH * columns
    names = list(dict.fromkeys(each.name for panel in figure.panels for each in panel.series))
    with mpl.rc_context(_STYLE):
        made = Drawing(figsize=(width, _HEIGHT * rows), dpi=200, layout="constrained")
        grid = list(made.subplots(rows, columns, squeeze=False).flat)
        entries: dict[str, Artist] = {}
        for panel, axes in zip(panels, grid, strict=False):
            _draw_panel(axes, panel, names)
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                entries.setdefault(label, handle)
        for axes in grid[count:]:
            axes.set_axis_off()
        _add_legend(made, entries, width)
    return made


def _add_legend(figure: "Drawing", entries: "dict[str, Artist]", width: float) -> None:
    """Puts the legend below the panels, which keep their height."""
    if not entries:
        return
    columns = _legend_columns(list(entries), width)
    figure.set_figheight(figure.get_figheight() + _ENTRY_HEIGHT * math.ceil(len(entries) / columns))
    figure.legend(
        handles=list(entries.values()),
        labels=list(entries),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        columnspacing=1.2,
        handlelength=1.8,
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """The most columns that fit, which are filled one after the other."""
    for columns in range(len(labels), 1, -1):
        lines = math.ceil(len(labels) / columns)
        longest = (max(map(len, labels[at : at + lines])) for at in range(0, len(labels), lines))
        if sum(_HANDLE + _CHARACTER * length for length in longest) <= width:
            return columns
    return 1


def _draw_panel(axes: "Axes", panel: Panel, names: Sequence[str]) -> None:
    places = sorted({x for series in panel.series for x in series.x})
    if not panel.ticks:
        set_scale(axes, panel.x_scale, places)
    for at, series in enumerate(panel.series):
        number = names.index(series.name)
        if panel.is_bars:
            draw_bars(axes, series, number, at, len(panel.series))
        else:
            draw_line(axes, series, number)
    if panel.is_bars:
        axes.axhline(0, color="grey", linewidth=0.8)
    if panel.level is not None and math.isfinite(panel.level[1]):
        name, value = panel.level
        axes.axhline(value, color="grey", linestyle="--", linewidth=1, label=short(name))
    axes.set_title(plain(panel.title), loc="left")
    axes.set_xlabel(_broken(plain(panel.x_label), _ACROSS))
    axes.set_ylabel(_broken(plain(panel.y_label), _UPWARD))
    tidy(axes)
    axes.set_axisbelow(True)
    if panel.ticks:
        name_places(axes, panel.ticks)
    else:
        mark_places(axes, places)


def _broken(label: str, width: int) -> str:
    """A label of an axis, its unit on a line of its own where it is too long for one."""
    name, comma, unit = label.rpartition(", ")
    return f"{name},\n{unit}" if comma and len(label) > width else fill(label, width)
