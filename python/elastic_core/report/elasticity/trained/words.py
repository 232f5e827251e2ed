"""The words and figures that tables of a trained tree model's rates are made of."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.units import counted
from elastic_core.elastic_law.trained import Estimate, RateCurve, TrainedCurve
from elastic_core.report.tables import ABSENT, Headings

LEVEL_HEADINGS: Headings = (
    ("text", ""),
    ("l", "of |D_a|"),
    ("pre-training", "bits/byte"),
    ("alignment", "bits/byte"),
    ("perturbation", "bits/byte"),
)
"""The columns of `level_cells`."""

CHANGE_HEADINGS: Headings = (
    ("text", ""),
    ("l", "of |D_a|"),
    ("pre-training", "bits/kB"),
    ("alignment", "bits/kB"),
    ("ratio", "align./pre-tr."),
    ("law", "-k"),
    ("force", "bits/kB"),
)
"""The columns of `change_cells`."""

NAMES = ("text",)
"""The columns whose cells are words."""

PER_KB = 1000
"""Bits per byte times this are bits per kB, the unit of changes."""

_MOVED = {1: "rose", -1: "fell", 0: "did not move for sure"}
_AGREED = {1: "agree", -1: "differ", 0: "cannot be told"}
_LAW = {1: "holds", -1: "fails", 0: "cannot be told"}


def setting(curve: TrainedCurve) -> str:
    """What was trained: model, order, rate, seeds, and the k that came of it."""
    config = curve.config
    return (
        f"tree:{config.model_depth}, alphabet {config.alphabet}, order {order(curve)}, "
        f"{counted(len(config.seeds), 'seed', 'seeds')}, k = {curve.k.mean:.2f}"
    )


def order(curve: TrainedCurve) -> str:
    """The order of learning, and the rate where there is one."""
    config = curve.config
    rate = f", rate {config.rate:g}" if config.order == "sequential" else ""
    return f"{config.order}{rate}"


def level_cells(curve: TrainedCurve) -> list[tuple[str, ...]]:
    """The rates as texts, in the order of `LEVEL_HEADINGS`, each with half of its interval."""
    return [
        (name, f"{volume:.3g}", *(_spread(rates.level[row, corpus], 4) for corpus in range(3)))
        for name, rates in _kinds(curve)
        for row, volume in enumerate(rates.volumes)
    ]


def change_cells(curve: TrainedCurve) -> list[tuple[str, ...]]:
    """The changes from l = 0 as texts, in the order of `CHANGE_HEADINGS`."""
    return [
        (
            name,
            f"{volume:.3g}",
            *(_spread(rates.change[row, corpus], 1, PER_KB) for corpus in range(2)),
            _interval(rates.ratio[row]),
            f"{-curve.k.mean:.2f}",
            _spread(rates.force[row], 1, PER_KB),
        )
        for name, rates in _kinds(curve)
        for row, volume in enumerate(rates.volumes[1:])
    ]


def findings(curve: TrainedCurve) -> list[str]:
    """A sentence for unseen and one for seen text: what the rates did, and what the law says.

    It is about the least volume at which both moved for sure, or else about the largest.
    """
    sentences = []
    for name, rates in _kinds(curve):
        sure = np.flatnonzero((rates.change.signs[:, :2] != 0).all(axis=1))
        row = int(sure[0]) if len(sure) else -1
        pretrain, align = rates.change[row, 0], rates.change[row, 1]
        sentences.append(
            f"{curve.config.order}, {name} text, l = {rates.volumes[1:][row]:.3g}: "
            f"the pre-training's rate {_MOVED[int(pretrain.signs)]} "
            f"({_spread(pretrain, 1, PER_KB)} bits/kB), "
            f"the alignment's {_MOVED[int(align.signs)]} ({_spread(align, 1, PER_KB)}); "
            f"ratio {_interval(rates.ratio[row])}, law {-curve.k.mean:.2f}: "
            f"{_LAW[int(rates.law[row])]}."
        )
    return sentences


def agreement(joint: TrainedCurve, sequential: TrainedCurve) -> list[str]:
    """Where the signs of the changes in both orders agree, and which ratios allow the law.

    Args:
        joint: The rates in the joint order.
        sequential: Those in sequence, at the same volumes.
    """
    sentences = []
    for (name, one), (_, other) in zip(_kinds(joint), _kinds(sequential), strict=True):
        signs = one.change.signs * other.change.signs
        for corpus, whose in enumerate(("pre-training's", "alignment's")):
            told = _where(signs[:, corpus], one.volumes[1:], _AGREED)
            sentences.append(f"Signs of the {whose} rate on {name} text: {told}.")
        for curve, rates in ((joint, one), (sequential, other)):
            told = _where(rates.law, rates.volumes[1:], _LAW)
            sentences.append(f"The law in the {curve.config.order} order on {name} text: {told}.")
    return sentences


def _kinds(curve: TrainedCurve) -> list[tuple[str, RateCurve]]:
    return [("unseen", curve.unseen), ("seen", curve.seen)]


def _spread(estimate: Estimate, digits: int, unit: float = 1) -> str:
    """A mean and half of its interval, such as `-1.20 ±0.31`."""
    mean, half = (unit * float(each) for each in (estimate.mean, estimate.high - estimate.mean))
    return f"{mean:z.{digits}f}" + ("" if math.isnan(half) else f" ±{half:.{digits}f}")


def _interval(estimate: Estimate) -> str:
    """A ratio and its interval, such as `-3.10 [-4.00, -2.20]`; `[-]` where it has no bounds."""
    mean, low, high = (float(each) for each in (estimate.mean, estimate.low, estimate.high))
    told = f"{mean:z.2f}" if math.isfinite(mean) else ABSENT
    return f"{told} [{ABSENT if math.isnan(low) else f'{low:z.2f}, {high:z.2f}'}]"


def _where(found: NDArray[np.int8], volumes: NDArray[np.float64], words: Mapping[int, str]) -> str:
    """What is found at which volumes, such as `agree at l = 0.25, 1; differ at l = 0.0625`."""
    return "; ".join(
        f"{word} at l = {', '.join(f'{volume:.3g}' for volume in volumes[found == value])}"
        for value, word in words.items()
        if (found == value).any()
    )
