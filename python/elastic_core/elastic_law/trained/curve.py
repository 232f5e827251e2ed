"""How the rates of a trained tree model answer to a perturbation: plain frozen records."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common import schemas
from elastic_core.elastic_law.trained.estimate import Estimate

CORPORA = ("pretrain", "align", "perturb")
"""The corpora, in the order of every axis that runs over them."""


@dataclass(frozen=True, slots=True)
class TrainedConfig:
    """Everything that decides what the trainings give.

    Attributes:
        pretrain: The paths of D_p, joined.
        align: Those of D_a.
        perturb: Those of D_t.
        model_depth: Depth d of the tree model.
        alphabet: Its symbols.
        order: `joint` or `sequential`.
        rate: How many times D_a and D_t are learned.
        seeds: The seeds, each of which divides and orders the documents anew.
    """

    pretrain: str
    align: str
    perturb: str
    model_depth: int
    alphabet: str
    order: str
    rate: float
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RateCurve:
    """The rates on one kind of text, and what follows from them.

    A change is that from volume 0, taken seed by seed on the same text. S seeds, L volumes.

    Attributes:
        volumes: l, relative to D_a; shape (L,), rising from 0.
        k: Volume of D_p relative to D_a as each seed learned them, shape (S,).
        gamma: Rates of D_p, D_a and D_t in bits per byte, EOS included; shape (S, L, 3).
    """

    volumes: NDArray[np.float64]
    k: NDArray[np.float64]
    gamma: NDArray[np.float64]

    @property
    def level(self) -> Estimate:
        """The rates themselves, shape (L, 3)."""
        return Estimate.of(self.gamma)

    @property
    def change(self) -> Estimate:
        """The changes of the rates, in bits per byte; shape (L - 1, 3)."""
        return Estimate.of(self._change)

    @property
    def springs(self) -> Estimate:
        """The change of gamma_p times k, and that of gamma_a; shape (L - 1, 2)."""
        return Estimate.of(self._springs)

    @property
    def force(self) -> Estimate:
        """The sum of both springs, which the law says is 0; shape (L - 1,)."""
        return Estimate.of(self._springs.sum(axis=-1))

    @property
    def ratio(self) -> Estimate:
        """The change of gamma_a by that of gamma_p, which the law says is -k; shape (L - 1,)."""
        return Estimate.ratio(self._change[:, :, 1], self._change[:, :, 0])

    @property
    def law(self) -> NDArray[np.int8]:
        """Whether -k is in the interval of `ratio`; int8, shape (L - 1,).

        1: it is. -1: it is not, for the interval of `force` does not hold 0. 0: it cannot be told,
        for that of `force` holds 0, but `ratio` could be anything.
        """
        held = np.isfinite(self.ratio.low).astype(np.int8)
        return np.where(self.force.signs == 0, held, np.int8(-1))

    @property
    def _change(self) -> NDArray[np.float64]:
        return self.gamma[:, 1:] - self.gamma[:, :1]

    @property
    def _springs(self) -> NDArray[np.float64]:
        stiffness = np.stack([self.k, np.ones_like(self.k)], axis=-1)
        return self._change[:, :, :2] * stiffness[:, None, :]

    def to_dict(self) -> list[dict[str, Any]]:
        """A row for each volume; the changes from volume 0 are absent in its own."""
        level, change, springs = self.level, self.change, self.springs
        force, ratio, law = self.force, self.ratio, self.law
        rows = []
        for number, volume in enumerate(self.volumes.tolist()):
            row = {"volume": volume, "gamma": _named(level[number])}
            if number:
                row["change"] = _named(change[number - 1])
                row["springs"] = _named(springs[number - 1])
                row["force"] = force[number - 1].to_dict()
                row["ratio"] = ratio[number - 1].to_dict()
                row["law"] = {1: True, -1: False, 0: None}[int(law[number - 1])]
            rows.append(row)
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class TrainedCurve:
    """The rates of a tree model after more and more of a perturbation.

    Attributes:
        config: What was asked.
        bytes: Bytes of D_p, D_a and the most of D_t that each seed learned from, int64, shape
            (S, 3).
        unseen: Rates on documents that were held out: what to expect of the source.
        seen: Rates on a sample of what was learned: what the theorem speaks of. That of D_t is
            learned at every volume but 0.
    """

    config: TrainedConfig
    bytes: NDArray[np.int64]
    unseen: RateCurve
    seen: RateCurve

    @property
    def k(self) -> Estimate:
        """Volume of D_p relative to D_a, over the seeds; arrays of shape ()."""
        return Estimate.of(self.unseen.k)

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON; an interval that there is not is None.

        Under `seeds` are the rates themselves, `[seed][volume][corpus]` in bits per byte.
        """
        return {
            "schema": schemas.TREE_CURVE,
            "config": asdict(self.config),
            "bytes": self.bytes.tolist(),
            "k": self.k.to_dict(),
            "unseen": self.unseen.to_dict(),
            "seen": self.seen.to_dict(),
            "seeds": {
                "unseen": self.unseen.gamma.tolist(),
                "seen": self.seen.gamma.tolist(),
            },
        }


def _named(estimate: Estimate) -> dict[str, Any]:
    """The estimates of the corpora, as many as there are."""
    return {
        name: estimate[number].to_dict()
        for number, name in enumerate(CORPORA[: len(estimate.mean)])
    }
