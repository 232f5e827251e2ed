"""Report on the order of learning: tables, findings in words, and a figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from elastic_core.common.units import counted
from elastic_core.experiments.studies.order_of_learning.result import RateCurve, TreeCurve
from elastic_core.report.cells import ABSENT
from elastic_core.report.document import Block, Figure, Table, Text
from elastic_core.report.plot import colour, tidy
from elastic_core.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_TEXT, _VOLUME = ("text", ""), ("l", "of |D_a|")

_PER_KB = 1000
_WHOSE = ("pre-training's", "alignment's")
_MOVED = {1: "rose", -1: "fell", 0: "did not clearly change"}
_VERDICTS = ("holds", "does not hold", "open")
_SIGNS = ("agree", "differ", "open")
_LINES = (
    ("o-", r"pre-training, $\gamma_p$"),
    ("s-", r"alignment, $\gamma_a$"),
    ("^--", r"$-k$ times pre-training: $\gamma_a$ by the law"),
)


def setting(curve: TreeCurve) -> str:
    """What was trained: model, order, rate, number of seeds and the resulting k."""
    config = curve.config
    return (
        f"tree:{config.model_depth}, alphabet {config.alphabet}, order {_order(curve)}, "
        f"{counted(len(config.seeds), 'seed', 'seeds')}, k = {curve.k.mean:.2f}"
    )


def level_table(curve: TreeCurve) -> Table:
    """The rates at each volume, with half the width of their intervals."""
    return Table(
        name="levels",
        title="",
        headings=(
            _TEXT,
            _VOLUME,
            *((name, "bits/byte") for name in ("pre-training", "alignment", "perturbation")),
        ),
        rows=tuple(
            (name, f"{volume:.3g}", *(_with_half(rate, 4) for rate in level))
            for name, rates in curve.kinds
            for volume, level in zip(rates.volumes, rates.levels, strict=True)
        ),
        text_columns=("text",),
    )


def change_table(curves: Sequence[TreeCurve]) -> Table:
    """The changes from l = 0 in each order, the ratio of the changes, and the net force."""
    return Table(
        name="changes",
        title="",
        headings=(
            ("order", ""),
            _TEXT,
            _VOLUME,
            *((name, "bits/kB") for name in ("pre-training", "alignment")),
            ("ratio", "align./pre-tr."),
            ("law", "-k"),
            ("force", "bits/kB"),
        ),
        rows=tuple(
            (
                curve.config.order,
                name,
                f"{volume:.3g}",
                *(_with_half(change, 1, _PER_KB) for change in shift.change[:2]),
                _with_ends(shift.ratio),
                f"{-curve.k.mean:.2f}",
                _with_half(shift.net_force, 1, _PER_KB),
            )
            for curve in curves
            for name, rates in curve.kinds
            for volume, shift in zip(rates.volumes[1:], rates.shifts, strict=True)
        ),
        text_columns=("order", "text"),
    )


def findings(curve: TreeCurve) -> list[str]:
    """A sentence for unseen and one for seen text: how the rates moved, and the verdict on the law.

    Each is about the smallest volume at which both rates clearly moved, or else the largest.
    """
    sentences = []
    for name, rates in curve.kinds:
        is_clear = [all(_sign(change) for change in shift.change[:2]) for shift in rates.shifts]
        at = is_clear.index(True) if any(is_clear) else -1
        shift = rates.shifts[at]
        pretrain, align = shift.change[:2]
        sentences.append(
            f"{curve.config.order}, {name} text, l = {rates.volumes[1:][at]:.3g}: "
            f"the pre-training's rate {_MOVED[_sign(pretrain)]} "
            f"({_with_half(pretrain, 1, _PER_KB)} bits/kB), "
            f"the alignment's {_MOVED[_sign(align)]} ({_with_half(align, 1, _PER_KB)}); "
            f"ratio {_with_ends(shift.ratio)}, law {-curve.k.mean:.2f}: {shift.verdict}."
        )
    return sentences


def agreement(joint: TreeCurve, sequential: TreeCurve) -> list[str]:
    """At which volumes the signs of the changes agree in both orders, and the law holds.

    Args:
        joint: The rates in the joint order.
        sequential: Those in the sequential order, at the same volumes.
    """
    sentences = []
    for (name, one), (_, other) in zip(joint.kinds, sequential.kinds, strict=True):
        volumes = one.volumes[1:].tolist()
        for corpus, whose in enumerate(_WHOSE):
            signs = [
                _compare_signs(first.change[corpus], second.change[corpus])
                for first, second in zip(one.shifts, other.shifts, strict=True)
            ]
            where = _where(signs, volumes, _SIGNS)
            sentences.append(f"Signs of the {whose} rate on {name} text: {where}.")
        for curve, rates in ((joint, one), (sequential, other)):
            where = _where([shift.verdict for shift in rates.shifts], volumes, _VERDICTS)
            sentences.append(f"The law in the {curve.config.order} order on {name} text: {where}.")
    return sentences


def draw(*curves: TreeCurve) -> "Drawing":
    """Draws how gamma_p and gamma_a move from their values at l = 0, with intervals shaded.

    The dashed line is -k times the change of gamma_p: what gamma_a would do by the law.

    Args:
        *curves: A column for each, such as the joint and the sequential order. The upper row is
            unseen text, the lower seen text.

    Returns:
        A matplotlib figure that belongs to no window.
    """
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(0.6 + 3.6 * len(curves), 6.8), dpi=100, layout="constrained")
    panels = figure.subplots(2, len(curves), squeeze=False, sharex="col")
    for column, curve in enumerate(curves):
        for row, (name, rates) in enumerate(curve.kinds):
            panels[row, column].set_title(_title(curve, name, rates), fontsize=9)
            _draw_panel(panels[row, column], rates)
        panels[1, column].set_xlabel("volume $l$, $|D_t| / |D_a|$")
    for axes in panels[:, 0]:
        axes.set_ylabel("change from $l = 0$, bits per kB")
    handles, _ = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


@dataclass(frozen=True, slots=True)
class OrderComparison:
    """The same question put to tree models in both orders, as it accompanies the law of the trees.

    Attributes:
        joint: Everything is learned in one random order.
        sequential: D_p is learned first, then D_a, then D_t, the last two `rate` times.
    """

    joint: TreeCurve
    sequential: TreeCurve

    def to_dict(self) -> dict[str, Any]:
        """The `trained` of the JSON of an elasticity study."""
        return {"joint": self.joint.to_dict(), "sequential": self.sequential.to_dict()}

    def blocks(self, name: str) -> Sequence[Block]:
        """The part of the report that is about the tree models.

        Args:
            name: File name of the figure, without extension.
        """
        joint, sequential = self.joint, self.sequential
        config = sequential.config
        sentences = [*findings(joint), *findings(sequential), *agreement(joint, sequential)]
        return (
            Text(
                f"A tree model of depth {config.model_depth}, "
                f"{counted(len(config.seeds), 'seed', 'seeds')}, sequential at rate "
                f"{config.rate:g}: change of its rates since l = 0, in bits per kB.",
                is_note=True,
            ),
            change_table((joint, sequential)),
            *map(Text, sentences),
            Figure(
                name,
                "Changes of the rates of tree models since l = 0, in both orders of learning.",
                draw=partial(draw, joint, sequential),
            ),
        )


def _title(curve: TreeCurve, name: str, rates: RateCurve) -> str:
    pretrain, align, _ = rates.levels[0]
    return (
        f"tree:{curve.config.model_depth}, {_order(curve)}, $k$ = {curve.k.mean:.2f}\n"
        rf"{name} text, $\gamma_p$ {pretrain.mean:.3f} and $\gamma_a$ {align.mean:.3f} at $l = 0$"
    )


def _draw_panel(axes: "Axes", rates: RateCurve) -> None:
    from matplotlib.ticker import NullLocator

    volumes, shifts = rates.volumes[1:], rates.shifts
    axes.axhline(0, color="grey", linewidth=0.8)
    lines = (
        [shift.change[0] for shift in shifts],
        [shift.change[1] for shift in shifts],
        [_negated(shift.forces[0]) for shift in shifts],
    )
    for number, ((style, label), line) in enumerate(zip(_LINES, lines, strict=True)):
        shade = colour(number)
        low, high = (
            [_PER_KB * (math.nan if end is None else end) for end in ends]
            for ends in zip(*((one.low, one.high) for one in line), strict=True)
        )
        means = [_PER_KB * one.mean for one in line]
        axes.fill_between(volumes, low, high, color=shade, alpha=0.15, linewidth=0)
        axes.plot(volumes, means, style, color=shade, markersize=4, label=label)
    axes.set_xscale("log")
    axes.set_xticks(volumes, [f"{volume:.3g}" for volume in volumes])
    axes.xaxis.set_minor_locator(NullLocator())
    tidy(axes)


def _negated(one: Interval) -> Interval:
    if one.low is None or one.high is None:
        return Interval(-one.mean, None, None, one.count)
    return Interval(-one.mean, -one.high, -one.low, one.count)


def _order(curve: TreeCurve) -> str:
    """The order of learning, and its rate if it has one."""
    config = curve.config
    rate = f", rate {config.rate:g}" if config.order == "sequential" else ""
    return f"{config.order}{rate}"


def _sign(change: Interval) -> int:
    """1 or -1 where the whole interval is above or below 0, else 0."""
    return (1 if change.mean > 0 else -1) if change.excludes_zero else 0


def _compare_signs(one: Interval, other: Interval) -> str:
    product = _sign(one) * _sign(other)
    return "open" if product == 0 else "agree" if product > 0 else "differ"


def _with_half(one: Interval, digits: int, factor: float = 1) -> str:
    """A mean and half the width of its interval, such as `-1.20 ±0.31`."""
    text = f"{factor * one.mean:z.{digits}f}"
    if one.low is None or one.high is None:
        return text
    return f"{text} ±{factor * (one.high - one.low) / 2:.{digits}f}"


def _with_ends(ratio: Interval) -> str:
    """A ratio and its interval, such as `-3.10 [-4.00, -2.20]`; `[-]` where it is unbounded."""
    text = f"{ratio.mean:z.2f}" if math.isfinite(ratio.mean) else ABSENT
    if ratio.low is None or ratio.high is None:
        return f"{text} [{ABSENT}]"
    return f"{text} [{ratio.low:z.2f}, {ratio.high:z.2f}]"


def _where(outcomes: Sequence[str], volumes: Sequence[float], order: Sequence[str]) -> str:
    """The volumes of each outcome, such as `agree at l = 0.25, 1; differ at l = 0.0625`."""
    parts = []
    for outcome in order:
        at = [
            f"{volume:.3g}" for volume, one in zip(volumes, outcomes, strict=True) if one == outcome
        ]
        if at:
            parts.append(f"{outcome} at l = {', '.join(at)}")
    return "; ".join(parts)
