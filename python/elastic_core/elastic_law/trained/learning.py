"""What one seed's tree models learn, in which order, and the rates that come of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import TreeModel
from elastic_core.elastic_law.trained.jobs import Job, Told
from elastic_core.elastic_law.trained.texts import Split, batches, texts

TABLES = 256 << 20
"""Bytes that a tree model's tables may take; the rates depend on it."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What one seed has to learn.

    Attributes:
        depth: Depth of the tree model.
        alphabet: Its symbols.
        rate: How many times D_a and D_t are learned in sequence.
        pretrain: D_p.
        align: D_a.
        perturb: What each volume above 0 adds of D_t.
        threads: Threads to score on.
    """

    depth: int
    alphabet: str
    rate: float
    pretrain: Split
    align: Split
    perturb: Sequence[Split]
    threads: int

    @property
    def sizes(self) -> list[int]:
        """Bytes of D_p, D_a and all of D_t."""
        return [self.pretrain.size, self.align.size, sum(part.size for part in self.perturb)]

    def jobs(self, order: str) -> list[Job]:
        """The trainings, whose rates have shape (volumes, 2, 3) when they are put together."""
        if order == "sequential":
            pretrain, align, perturb = self.sizes
            times = len(_passes(self.rate))
            return [Job(pretrain + times * (align + perturb), self._sequential)]
        together = [
            [self.pretrain, self.align, *self.perturb[:volume]]
            for volume in range(1 + len(self.perturb))
        ]
        return [
            Job(sum(each.size for each in all_), partial(self._joint, all_)) for all_ in together
        ]

    def _joint(self, splits: Sequence[Split], told: Told) -> NDArray[np.float64]:
        """The rates once everything is learned in one order; shape (1, 2, 3)."""
        model = self._new()
        _learn(model, splits, 1, told)
        return self._rates(model)[None]

    def _sequential(self, told: Told) -> NDArray[np.float64]:
        """The rates after D_p and D_a, and after each part of D_t; shape (volumes, 2, 3)."""
        model = self._new()
        _learn(model, [self.pretrain], 1, told)
        rates = []
        for part in (self.align, *self.perturb):
            _learn(model, [part], self.rate, told)
            rates.append(self._rates(model))
        return np.stack(rates)

    def _new(self) -> TreeModel:
        return TreeModel(self.depth, alphabet=self.alphabet, memory=TABLES)

    def _rates(self, model: TreeModel) -> NDArray[np.float64]:
        """The rates on unseen and on seen text of each corpus, shape (2, 3)."""
        corpora = (self.pretrain, self.align, self.perturb[0])
        unseen = [self._rate(model, texts(each.documents, each.unseen)) for each in corpora]
        seen = [self._rate(model, texts(each.documents, each.sample)) for each in corpora]
        return np.array([unseen, seen])

    def _rate(self, model: TreeModel, documents: Sequence[bytes]) -> float:
        """Bits per byte, EOS included."""
        scores = model.log_probs(documents, threads=self.threads)
        nats = -sum(float(each.sum(dtype=np.float64)) for each in scores)
        return nats / math.log(2) / sum(map(len, documents))


def _learn(model: TreeModel, splits: Sequence[Split], rate: float, told: Told) -> None:
    """Learns all splits in one order, `rate` times."""
    for weight in _passes(rate):
        for batch in batches(splits):
            model.update(batch, weight)
            told(sum(map(len, batch)))


def _passes(rate: float) -> list[float]:
    """The weight of each pass over what is learned `rate` times."""
    whole, part = divmod(rate, 1)
    return [1.0] * int(whole) + [part] * (part > 0)
