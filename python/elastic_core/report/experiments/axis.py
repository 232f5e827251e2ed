"""The horizontal axis of a panel: its scale, and names where the points are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elastic_core.report.figures import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_STEP = 0.3
"""How far from 0 the first point of a symlog axis is, in decades."""

_APART = 0.11
"""The least distance of two names, as a share of the axis."""

_ROOM = 40
"""Characters that the names of places have side by side."""


def set_scale(axes: "Axes", scale: str, places: Sequence[float]) -> None:
    """Scales the axis before anything is drawn.

    Args:
        axes: Where nothing is drawn yet.
        scale: `linear`, `log`, or `symlog`, which is linear from 0 to the first point above 0.
        places: Where the points will be, rising.
    """
    above = [place for place in places if place > 0]
    if scale == "symlog" and above:
        axes.set_xscale("symlog", linthresh=above[0], linscale=_STEP)
    elif scale == "log":
        axes.set_xscale("log")


def mark_places(axes: "Axes", places: Sequence[float]) -> None:
    """Marks a scaled axis where the points are, as far as there is room for numbers.

    Args:
        axes: Where everything is drawn.
        places: Where the points are, rising.
    """
    from matplotlib.ticker import NullLocator

    if axes.get_xscale() == "linear" or not places:
        return
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.xaxis.get_transform().transform(np.array(axes.get_xlim()))
    points = axes.xaxis.get_transform().transform(np.array(places))
    shown: list[tuple[float, float]] = []
    for place, point in zip(places, (points - low) / (high - low), strict=True):
        if not shown or point - shown[-1][1] >= _APART:
            shown.append((place, point))
    axes.set_xticks([place for place, _ in shown], [short_number(place) for place, _ in shown])


def name_places(axes: "Axes", names: Sequence[str]) -> None:
    """Writes names at 0, 1, ..., aslant where there are many or long ones."""
    longest = max(map(len, names))
    is_tight = longest * len(names) > _ROOM
    slant: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    labels = [plain(name) for name in names]
    axes.set_xticks(range(len(names)), labels, **(slant if is_tight else {}))


def short_number(value: float) -> str:
    """A number with three digits, such as `500`, `2.05k` or `1M`."""
    for unit, letter in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"
