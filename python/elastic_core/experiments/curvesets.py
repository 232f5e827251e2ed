"""Sets of rebound curves: the tables and figures that several studies make of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.cells import Label
from elastic_core.experiments.curves import Fall, fall
from elastic_core.experiments.grid import Grid
from elastic_core.report.document import Cell, Figure, Panel, Series, Table
from elastic_core.statistics.intervals import Interval, interval

METRICS = {
    "score": ("score", "mean score"),
    "kl": ("KL to base", "KL(model || base), nats per token"),
    "kl_base": ("KL from base", "KL(base || model), nats per token"),
}
"""What is measured along a curve: its name, and the label of its axis."""

SETS = {
    "pretrain": "pre-training texts",
    "positive": "positive texts",
    "negative": "negative texts",
}
"""The data sets whose rates are measured along a curve."""


_OF_ROOTS = frozenset({"size", "pretraining"})
"""Labels that bases have too, where there are several."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of models: aligned, then trained on more and more reverse data.

    Attributes:
        name: What it is called.
        labels: The labels of its cells, but for the stage and the reverse volume.
        volumes: The reverse volumes, rising, above 0.
        sign: 1 where the score is expected to fall along it, -1 where to rise.
        start: The labels of the aligned cell, where they are others.
    """

    name: str
    labels: dict[str, Label]
    volumes: tuple[int, ...]
    sign: float = 1.0
    start: dict[str, Label] | None = None

    def values(self, grid: Grid, metric: str) -> NDArray[np.float64]:
        """A metric along the curve, shape (seeds, 1 + volumes); the first is before any reverse."""
        columns = [grid.values(metric, stage="align", **(self.start or self.labels))]
        columns += [
            grid.values(metric, stage="reverse", reverse=volume, **self.labels)
            for volume in self.volumes
        ]
        return np.column_stack(columns)

    def intervals(self, grid: Grid, metric: str) -> tuple[Interval, ...]:
        """A metric along the curve with its intervals."""
        return tuple(interval(column) for column in self.values(grid, metric).T)

    def gains(self, grid: Grid, metric: str) -> NDArray[np.float64]:
        """How far the metric is from the base's, in the direction of the alignment, as `values`."""
        sign = self.sign if metric == "score" else 1.0
        start = grid.values(metric, stage="base")[:, None]
        moved: NDArray[np.float64] = sign * (self.values(grid, metric) - start)
        return moved

    def falls(self, grid: Grid, metric: str) -> list[Fall]:
        """How the metric falls, for each seed; a score that is to rise is taken as its negative."""
        sign = self.sign if metric == "score" else 1.0
        return [fall([0, *self.volumes], sign * row) for row in self.values(grid, metric)]


def volume_table(curves: Sequence[Curve], grid: Grid, metric: str, name: str, title: str) -> Table:
    """A table in the layout of Fig. 4: a row for each curve, a column for each reverse volume."""
    volumes = sorted({volume for curve in curves for volume in curve.volumes})
    rows = []
    for curve in curves:
        at = dict(zip((0, *curve.volumes), curve.intervals(grid, metric), strict=True))
        rows.append((curve.name, *(at.get(volume) for volume in (0, *volumes))))
    headings = (("aligned", ""), *((f"{volume}", "rows") for volume in (0, *volumes)))
    return Table(name, title, headings, tuple(rows))


def fall_table(curves: Sequence[Curve], grid: Grid, metric: str, name: str, title: str) -> Table:
    """What each curve comes to: its start, first fall, plateau and the rows up to it."""
    rows = []
    for curve in curves:
        falls = curve.falls(grid, metric)
        sign = curve.sign if metric == "score" else 1.0
        rows.append(
            (
                curve.name,
                curve.intervals(grid, metric)[0],
                interval([each.first for each in falls]),
                interval([each.total for each in falls]),
                interval([sign * each.plateau for each in falls]),
                interval(np.log10([each.rows_to_plateau for each in falls])),
            )
        )
    headings = (
        ("aligned", ""),
        ("start", ""),
        ("first fall", "per 100 rows"),
        ("whole fall", ""),
        ("plateau", "fitted"),
        ("rows to plateau", "log10"),
    )
    note = (
        "First fall: what is lost up to the smallest reverse volume, per 100 rows. Plateau and "
        "rows to it (nine tenths of the way) are of an exponential fitted to each seed's curve."
    )
    return Table(name, title, headings, tuple(rows), note)


def curve_figure(curves: Sequence[Curve], grid: Grid, name: str, caption: str) -> Figure:
    """The curves, a panel for the score and each divergence; a base of all is a level line."""
    panels = []
    has_one_base = not any(_OF_ROOTS & set(curve.labels) for curve in curves)
    for metric, (title, label) in METRICS.items():
        if grid.has(metric):
            base = grid.interval(metric, stage="base")
            level = ("base", base.mean) if base.count and has_one_base else None
            lines = [curve.intervals(grid, metric) for curve in curves]
            panels.append(_panel(curves, lines, title, label, level))
    return Figure(name, caption, tuple(panels))


def rate_figure(curves: Sequence[Curve], grid: Grid, name: str, caption: str) -> Figure:
    """What is added to the rates of the base along the curves, a panel for each data set."""
    label = "rate less that of the base, bits per byte"
    panels = []
    for each, title in SETS.items():
        if grid.has(f"rate_{each}"):
            lines = [tuple(map(interval, _added(curve, grid, each).T)) for curve in curves]
            panels.append(_panel(curves, lines, title, label, ("base", 0.0)))
    return Figure(name, caption, tuple(panels))


def _panel(
    curves: Sequence[Curve],
    lines: Sequence[tuple[Interval, ...]],
    title: str,
    label: str,
    level: tuple[str, float] | None,
) -> Panel:
    series = tuple(
        Series(curve.name, tuple(map(float, (0, *curve.volumes))), line)
        for curve, line in zip(curves, lines, strict=True)
    )
    return Panel(title, "reverse rows", label, series, level=level, x_scale="symlog")


def _added(curve: Curve, grid: Grid, each: str) -> NDArray[np.float64]:
    """What is added to the base's rate of a data set, shape (seeds, 1 + volumes)."""
    base = {key: to for key, to in curve.labels.items() if key in _OF_ROOTS}
    found: NDArray[np.float64] = (
        curve.values(grid, f"rate_{each}")
        - grid.values(f"rate_{each}", stage="base", **base)[:, None]
    )
    return found


def rate_table(curves: Sequence[Curve], grid: Grid, name: str) -> Table:
    """What is added to the rates gamma of the base, aligned and after the most reverse data."""
    sets = [each for each in SETS if grid.has(f"rate_{each}")]
    rows: list[tuple[Cell, ...]] = []
    for curve in curves:
        added = {each: _added(curve, grid, each) for each in sets}
        for place, reverse in ((0, 0), (-1, curve.volumes[-1])):
            found = (interval(added[each][:, place]) for each in sets)
            rows.append((curve.name, reverse, *found))
    headings = (
        ("aligned", ""),
        ("reverse", "rows"),
        *((SETS[each], "bits/byte") for each in sets),
    )
    note = (
        "Rates gamma of texts that were not trained on (of pre-training, of its own texts), less "
        "those under the base model, seed by seed."
    )
    return Table(name, "Compression rates, less those of the base", headings, tuple(rows), note)
