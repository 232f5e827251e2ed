"""The rates of a tree model after more and more of a perturbation, and what follows from them.

`TreeCurve.to_dict` is the schema `elastic-core/tree-curve/1`, which `docs/trained.md` describes.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.files import without_nan
from elastic_core.common.schemas import TREE_CURVE
from elastic_core.experiments.spring_law import Array, SpringPair
from elastic_core.statistics.intervals import Interval, interval

CORPORA = ("pretrain", "align", "perturb")
"""The corpora, in the order of every axis over corpora."""

_LAW = {"holds": True, "does not hold": False, "open": None}


@dataclass(frozen=True, slots=True)
class TreeCurveConfig:
    """Everything that determines the rates.

    Attributes:
        pretrain: The paths of D_p, joined.
        align: The paths of D_a.
        perturb: The paths of D_t.
        model_depth: Depth d of the tree model.
        alphabet: Its symbols.
        order: `joint` or `sequential`.
        rate: How many times D_a and D_t are learned.
        seeds: The seeds; each splits and orders the documents differently.
    """

    pretrain: str
    align: str
    perturb: str
    model_depth: int
    alphabet: str
    order: str
    rate: float
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """How the rates moved from volume 0 to another volume, on the same text of each seed.

    Attributes:
        change: The changes of gamma_p, gamma_a and gamma_t, in bits per byte.
        forces: The forces of pre-training and alignment, in bits for each byte of D_a.
        net_force: Their sum, which the law says is 0.
        ratio: The change of gamma_a over that of gamma_p; see `SpringPair.ratios`.
        verdict: Whether the forces are equal and opposite up to a margin; see
            `SpringPair.verdict`.
    """

    change: tuple[Interval, ...]
    forces: tuple[Interval, ...]
    net_force: Interval
    ratio: Interval
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """The keys that a row of the JSON has for volumes above 0."""
        return {
            "change": _by_corpus(self.change),
            "springs": _by_corpus(self.forces),
            "force": _ends(self.net_force),
            "ratio": _ends(self.ratio),
            "law": _LAW[self.verdict],
        }


# Not slotted: `cached_property` needs a `__dict__`.
@dataclass(frozen=True, eq=False)
class RateCurve:
    """The rates on one kind of text, for S seeds and L volumes.

    Attributes:
        volumes: l, relative to D_a; shape (L,), ascending from 0.
        k: Volume of D_p relative to D_a as each seed learned them, shape (S,).
        gamma: Rates of D_p, D_a and D_t in bits per byte, EOS included; shape (S, L, 3).
    """

    volumes: NDArray[np.float64]
    k: NDArray[np.float64]
    gamma: NDArray[np.float64]

    @cached_property
    def levels(self) -> tuple[tuple[Interval, ...], ...]:
        """The rates of the three corpora at each volume."""
        return tuple(_over_seeds(self.gamma[:, at]) for at in range(len(self.volumes)))

    @cached_property
    def shifts(self) -> tuple[Shift, ...]:
        """What changed from volume 0, for each volume above it."""
        change = self.gamma[:, 1:] - self.gamma[:, :1]
        springs = SpringPair(self.k[:, None], change[:, :, 0], change[:, :, 1])
        forces = np.stack([springs.pretrain_force, springs.align_force], axis=-1)
        columns = zip(
            _over_seeds(springs.net_force),
            springs.ratios(),
            strict=True,
        )
        return tuple(
            Shift(
                change=_over_seeds(change[:, at]),
                forces=_over_seeds(forces[:, at]),
                net_force=net_force,
                ratio=ratio,
                verdict=SpringPair(self.k, change[:, at, 0], change[:, at, 1]).verdict(),
            )
            for at, (net_force, ratio) in enumerate(columns)
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """A row for each volume; that of volume 0 has no changes."""
        rows = [
            {"volume": volume, "gamma": _by_corpus(level)}
            for volume, level in zip(self.volumes.tolist(), self.levels, strict=True)
        ]
        changed = [row | shift.to_dict() for row, shift in zip(rows[1:], self.shifts, strict=True)]
        return [rows[0], *changed]


@dataclass(frozen=True, slots=True, eq=False)
class TreeCurve:
    """The rates of a tree model after more and more of a perturbation.

    Attributes:
        config: What determines them.
        bytes: Bytes of D_p, D_a and the largest part of D_t that each seed learned, int64, shape
            (S, 3).
        unseen: Rates on held-out documents: what to expect of the source.
        seen: Rates on a sample of what was learned, of which the theorem speaks. That of D_t is
            learned at every volume but 0.
    """

    config: TreeCurveConfig
    bytes: NDArray[np.int64]
    unseen: RateCurve
    seen: RateCurve

    @property
    def k(self) -> Interval:
        """Volume of D_p relative to D_a, over the seeds."""
        return _over_seeds(self.unseen.k[:, None])[0]

    @property
    def kinds(self) -> tuple[tuple[str, RateCurve], ...]:
        """The rates by the name of the text: `unseen`, `seen`."""
        return (("unseen", self.unseen), ("seen", self.seen))

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON; missing ends of intervals are None.

        `seeds` has the rates of each seed, `[seed][volume][corpus]` in bits per byte.
        """
        return {
            "schema": TREE_CURVE,
            "config": asdict(self.config),
            "bytes": self.bytes.tolist(),
            "k": _ends(self.k),
            **{name: rates.to_dict() for name, rates in self.kinds},
            "seeds": {name: rates.gamma.tolist() for name, rates in self.kinds},
        }


def _over_seeds(values: Array) -> tuple[Interval, ...]:
    """The interval of each column of an array of shape (seeds, columns)."""
    means = values.mean(axis=0).tolist()
    return tuple(
        replace(interval(column), mean=mean) for column, mean in zip(values.T, means, strict=True)
    )


def _by_corpus(intervals: tuple[Interval, ...]) -> dict[str, Any]:
    return {name: _ends(one) for name, one in zip(CORPORA, intervals, strict=False)}


def _ends(one: Interval) -> dict[str, Any]:
    ends: dict[str, Any] = without_nan({"mean": one.mean, "low": one.low, "high": one.high})
    return ends
