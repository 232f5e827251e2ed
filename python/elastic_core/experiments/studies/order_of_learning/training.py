"""Training of one seed's tree models: what each learns in which order, and its rates."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import TreeModel
from elastic_core.common.progress import Progress, Step
from elastic_core.experiments.studies.order_of_learning.texts import Split, batches, texts

TABLES = 256 << 20
"""Bytes that a tree model's tables may take; the rates depend on it."""

OnLearned = Callable[[int], None]
"""Called with the number of bytes that were learned since the last call."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training.

    Attributes:
        size: Bytes that it learns.
        run: Learns them and returns the rates in bits per byte, shape (volumes, 2, 3).
    """

    size: int
    run: Callable[[OnLearned], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class SeedTraining:
    """The trainings of one seed.

    Attributes:
        depth: Depth of the tree model.
        alphabet: Its symbols.
        rate: How many times D_a and D_t are learned in the sequential order.
        pretrain: D_p.
        align: D_a.
        perturb: What each volume above 0 adds of D_t.
        threads: Threads for scoring.
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
        """Bytes to learn of D_p, D_a and all of D_t."""
        return [self.pretrain.size, self.align.size, sum(part.size for part in self.perturb)]

    def jobs(self, order: str) -> list[Job]:
        """The trainings; their concatenated rates have shape (volumes, 2, 3)."""
        if order == "sequential":
            pretrain, align, perturb = self.sizes
            passes = len(_passes(self.rate))
            return [Job(pretrain + passes * (align + perturb), self._learn_in_sequence)]
        unions = [
            [self.pretrain, self.align, *self.perturb[:volume]]
            for volume in range(1 + len(self.perturb))
        ]
        return [
            Job(sum(split.size for split in union), partial(self._learn_jointly, union))
            for union in unions
        ]

    def _learn_jointly(self, splits: Sequence[Split], on_learned: OnLearned) -> NDArray[np.float64]:
        """The rates after everything was learned in one order, shape (1, 2, 3)."""
        model = self._new_model()
        _learn(model, splits, 1, on_learned)
        return self._rates(model)[None]

    def _learn_in_sequence(self, on_learned: OnLearned) -> NDArray[np.float64]:
        """The rates after D_p and D_a, and after each part of D_t; shape (volumes, 2, 3)."""
        model = self._new_model()
        _learn(model, [self.pretrain], 1, on_learned)
        rates = []
        for part in (self.align, *self.perturb):
            _learn(model, [part], self.rate, on_learned)
            rates.append(self._rates(model))
        return np.stack(rates)

    def _new_model(self) -> TreeModel:
        return TreeModel(self.depth, alphabet=self.alphabet, memory=TABLES)

    def _rates(self, model: TreeModel) -> NDArray[np.float64]:
        """The rates on unseen and on seen text of each corpus, shape (2, 3)."""
        corpora = (self.pretrain, self.align, self.perturb[0])
        unseen = [self._rate(model, texts(split.documents, split.unseen)) for split in corpora]
        seen = [self._rate(model, texts(split.documents, split.sample)) for split in corpora]
        return np.array([unseen, seen])

    def _rate(self, model: TreeModel, documents: Sequence[bytes]) -> float:
        """Bits per byte, EOS included."""
        scores = model.log_probs(documents, threads=self.threads)
        nats = -sum(float(log_probs.sum(dtype=np.float64)) for log_probs in scores)
        return nats / math.log(2) / sum(map(len, documents))


def run_jobs(
    jobs: Sequence[Job], workers: int, subject: str, progress: Progress | None
) -> list[NDArray[np.float64]]:
    """Runs all jobs; if one fails, the others stop at their next batch.

    Args:
        jobs: The jobs.
        workers: How many run at once.
        subject: Subject of the progress steps.
        progress: Receives `learn` steps in bytes learned by all jobs together.

    Returns:
        The rates of each job, in the order of the jobs.
    """
    total = sum(job.size for job in jobs)
    lock, done, is_stopped = Lock(), 0, False

    def on_learned(size: int) -> None:
        nonlocal done
        with lock:
            if is_stopped:
                raise CancelledError
            done += size
            if progress:
                progress(Step("learn", subject, done, total, "bytes"))

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(job.run, on_learned) for job in jobs]
        try:
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
        except BaseException:
            is_stopped = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _learn(model: TreeModel, splits: Sequence[Split], rate: float, on_learned: OnLearned) -> None:
    """Learns all splits in one order, `rate` times."""
    for weight in _passes(rate):
        for batch in batches(splits):
            model.update(batch, weight)
            on_learned(sum(map(len, batch)))


def _passes(rate: float) -> list[float]:
    """The weight of each pass over text that is learned `rate` times."""
    whole, part = divmod(rate, 1)
    return [1.0] * int(whole) + [part] * (part > 0)
