"""The report of a set of curves: the tables, figures and findings that several studies share."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from elastic_core.experiments.analysis import Array, Grid, judged, with_ci, with_test
from elastic_core.experiments.curves import Curve, Falls
from elastic_core.report.document import Cell, Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import FEWEST, Interval, compare_paired, interval, slope

METRICS = {
    "score": ("score", "mean score"),
    "kl": ("KL to base", "KL(model || base), nats per token"),
    "kl_base": ("KL from base", "KL(base || model), nats per token"),
}
"""The metrics along a curve: the name of each and the label of its axis."""

TEXTS = {
    "pretrain": "pre-training texts",
    "positive": "positive texts",
    "negative": "negative texts",
}
"""The sets of texts whose compression rates are measured along a curve."""


class CurveReport:
    """Tables, figures and findings about curves that are compared with each other.

    Args:
        curves: The curves, in the order of the rows of tables.
        grid: The rows of the study.
        name: Name of the figure; names of the tables begin with it.
        title: What the curves have in common, for the titles of tables.
        caption: What the figures show.
    """

    def __init__(
        self, curves: Sequence[Curve], grid: Grid, *, name: str, title: str, caption: str
    ) -> None:
        self.curves = tuple(curves)
        self.metric = grid.main_metric
        self._grid = grid
        self._name, self._title, self._caption = name, title, caption

    @cached_property
    def falls(self) -> tuple[Falls, ...]:
        """How each curve falls in the main metric."""
        return tuple(curve.falls(self._grid, self.metric) for curve in self.curves)

    @cached_property
    def gains(self) -> tuple[Array, ...]:
        """What each alignment gained in the main metric, each of shape (seeds,)."""
        return tuple(curve.gains(self._grid, self.metric)[:, 0] for curve in self.curves)

    def volume_tables(self, metrics: Sequence[str] = tuple(METRICS)) -> tuple[Table, ...]:
        """A table for each measured metric in the layout of Fig. 4.

        It has a row for each curve and a column for each reverse volume.
        """
        return tuple(self._volume_table(name) for name in metrics if self._grid.has(name))

    def _volume_table(self, metric: str) -> Table:
        volumes = (0, *sorted({volume for curve in self.curves for volume in curve.volumes}))
        rows = []
        for curve in self.curves:
            means = dict(zip((0, *curve.volumes), self._means(curve, metric), strict=True))
            rows.append((curve.name, *(means.get(volume) for volume in volumes)))
        label = METRICS[metric][1]
        return Table(
            f"{self._name}-{metric.replace('_', '-')}",
            f"{label[:1].upper()}{label[1:]}: {self._title}",
            (("aligned", ""), *((f"{volume}", "rows") for volume in volumes)),
            tuple(rows),
        )

    def fall_table(self) -> Table:
        """The start of each curve, its first and whole fall, and its plateau."""
        bounds = self._grid.bounds(self.metric)
        rows = tuple(
            (
                curve.name,
                self._means(curve, self.metric)[0],
                interval(falls.first),
                interval(falls.total),
                interval(curve.direction(self.metric) * falls.plateau, bounds),
                interval(np.log10(falls.rows_to_plateau)),
            )
            for curve, falls in zip(self.curves, self.falls, strict=True)
        )
        title = f"Fall of the {METRICS[self.metric][0]}: {self._title}"
        headings = (
            ("aligned", ""),
            ("start", ""),
            ("first fall", "per 100 rows"),
            ("whole fall", ""),
            ("plateau", "fitted"),
            ("rows to plateau", "log10"),
        )
        note = (
            "First fall: the drop up to the smallest reverse volume, per 100 rows. The plateau is "
            "the limit of an exponential fitted to each seed's curve; the rows to it are those "
            "after which nine tenths of the way are covered. Seeds whose curve reaches no plateau "
            "within the measured volumes have neither."
        )
        return Table(f"{self._name}-fall", title, headings, rows, note)

    def rate_table(self) -> Table:
        """The change of compression rates from the base, before and after all reverse data."""
        rows: list[tuple[Cell, ...]] = []
        for curve in self.curves:
            changes = [curve.changes(self._grid, f"rate_{name}") for name in self._texts]
            for at, reverse in ((0, 0), (-1, curve.volumes[-1])):
                rows.append((curve.name, reverse, *(interval(change[:, at]) for change in changes)))
        headings = (
            ("aligned", ""),
            ("reverse", "rows"),
            *((TEXTS[name], "bits/byte") for name in self._texts),
        )
        note = (
            "Rates gamma of held-out positive and negative texts and of texts of the pre-training "
            "corpus, minus those under the same seed's base model."
        )
        title = "Compression rates relative to the base model"
        return Table(f"{self._name}-rates", title, headings, tuple(rows), note)

    def figure(self) -> Figure:
        """The curves, one panel per metric; a horizontal line marks the base if all share one."""
        has_one_base = not any(curve.base_labels for curve in self.curves)
        panels = []
        for metric, (title, label) in METRICS.items():
            if self._grid.has(metric):
                base = self._grid.interval(metric, stage="base")
                level = ("base", base.mean) if base.count and has_one_base else None
                lines = [self._means(curve, metric) for curve in self.curves]
                panels.append(self._panel(title, label, lines, level))
        return Figure(self._name, self._caption, tuple(panels))

    def rate_figure(self) -> Figure:
        """The change of compression rates along the curves, one panel per set of texts."""
        label = "rate less that of the base, bits per byte"
        panels = []
        for name in self._texts:
            changes = [curve.changes(self._grid, f"rate_{name}") for curve in self.curves]
            lines = [tuple(map(interval, change.T)) for change in changes]
            panels.append(self._panel(TEXTS[name], label, lines, ("base", 0.0)))
        return Figure(f"{self._name}-rates", f"Rates. {self._caption}", tuple(panels))

    def gain_finding(self, at: int, claim: str, training: str, addition: str = "") -> Finding:
        """Whether an alignment moved the model.

        Args:
            at: Position of the curve.
            claim: The claim.
            training: The subject of the sentence, such as `Aligning on 400 rows`.
            addition: A clause to follow the number, such as a comparison with another curve.
        """
        gain = interval(self.gains[at])
        verb = "raise" if self.curves[at].direction(self.metric) > 0 else "lower"
        words = self._change(training, verb, "gain", gain)
        return judged(claim, 1, gain, f"{words}{addition}.")

    def fall_finding(self, at: int, claim: str, training: str, addition: str = "") -> Finding:
        """Whether reverse training undid an alignment; arguments as for `gain_finding`."""
        fall = interval(self.falls[at].total)
        verb = "lower" if self.curves[at].direction(self.metric) > 0 else "raise"
        words = self._change(training, verb, "fall", fall)
        return self.if_moved(at, judged(claim, 1, fall, f"{words}{addition}."))

    def if_moved(self, at: int, finding: Finding) -> Finding:
        """The finding, without a verdict if an alignment that it depends on moved no model."""
        gain = interval(self.gains[at])
        if gain.count < FEWEST or (gain.excludes_zero and gain.mean > 0):
            return finding
        reason = (
            "No verdict: the alignment did not measurably move the model; try a larger "
            "recipe.learning_rate."
        )
        return replace(finding, verdict="open", words=f"{finding.words} {reason}")

    def _change(self, training: str, verb: str, name: str, amount: Interval) -> str:
        """A sentence on a gain or fall; a negative one is a change in the other direction."""
        if amount.mean < 0:
            return (
                f"{training} did not {verb} {self.metric_phrase}; the {name} is {with_ci(amount)}"
            )
        past = {"raise": "raised", "lower": "lowered"}[verb]
        return f"{training} {past} {self.metric_phrase} by {with_ci(amount)}"

    def trend_finding(
        self,
        claim: str,
        expected_sign: int,
        x: Sequence[float],
        values: Sequence[Array],
        words: str,
        *,
        unit: str = "",
        digits: int = 3,
        has_ends: bool = True,
    ) -> Finding:
        """Whether a quantity grows or shrinks from curve to curve: its slope over doublings of x.

        Args:
            claim: The claim.
            expected_sign: 1 if the claim says that the quantity grows, -1 if it shrinks.
            x: What the curves differ by, shape (curves,).
            values: The quantity for each curve, each of shape (seeds,).
            words: The sentence up to the number, such as `Each doubling changed the fall by`.
            unit: What follows the slope, such as ` doublings`.
            digits: Digits after the decimal point.
            has_ends: Whether the last curve is also compared with the first.
        """
        doublings = np.log2(x).tolist()
        trend = interval([slope(doublings, seed) for seed in np.array(values).T.tolist()])
        if not trend.count:
            return judged(claim, expected_sign, trend, "No seed determines the trend.")
        words = f"{words} {with_ci(trend, digits)}{unit}"
        if has_ends:
            ends = compare_paired(values[-1], values[0])
            words += (
                f"; from {self.curves[0].name} to {self.curves[-1].name} it changed by "
                f"{with_test(ends, digits)}"
            )
        return self.if_moved(-1, judged(claim, expected_sign, trend, f"{words}."))

    def plateau_finding(
        self, claim: str, x: Sequence[float], words: str, **options: Any
    ) -> Finding:
        """Whether curves reach their plateau earlier; arguments as for `trend_finding`.

        There is no verdict unless every curve reaches a plateau: those that do not would be the
        slowest, so the trend of the others says nothing.
        """
        rows = [falls.rows_to_plateau for falls in self.falls]
        finding = self.trend_finding(
            claim, -1, x, [np.log2(row) for row in rows], words, unit=" doublings", **options
        )
        if unfitted := int(np.isnan(rows).sum()):
            reason = (
                f"No verdict: {unfitted} of {np.size(rows)} curves determine no plateau within the "
                "measured volumes."
            )
            return replace(finding, verdict="open", words=f"{finding.words} {reason}")
        return finding

    @property
    def metric_phrase(self) -> str:
        """The main metric with its article, such as `the score`."""
        return f"the {METRICS[self.metric][0]}"

    @property
    def _texts(self) -> list[str]:
        return [name for name in TEXTS if self._grid.has(f"rate_{name}")]

    def _means(self, curve: Curve, metric: str) -> tuple[Interval, ...]:
        bounds = self._grid.bounds(metric)
        return tuple(interval(values, bounds) for values in curve.values(self._grid, metric).T)

    def _panel(
        self,
        title: str,
        label: str,
        lines: Sequence[tuple[Interval, ...]],
        level: tuple[str, float] | None,
    ) -> Panel:
        series = tuple(
            Series(curve.name, tuple(map(float, (0, *curve.volumes))), line)
            for curve, line in zip(self.curves, lines, strict=True)
        )
        return Panel(title, "reverse rows", label, series, level=level, x_scale="symlog")
