"""A tree model learns D_p, D_a and more and more of D_t, in either order, and is scored."""

import math
import os
from collections.abc import Sequence
from itertools import pairwise
from sys import getsizeof

import numpy as np

from elastic_core._core import Corpus, InvalidArgumentError, TreeModel, available_memory
from elastic_core.common.progress import Progress
from elastic_core.common.units import format_size, parse_memory
from elastic_core.experiments.studies.order_of_learning.result import (
    RateCurve,
    TreeCurve,
    TreeCurveConfig,
)
from elastic_core.experiments.studies.order_of_learning.texts import Split, read
from elastic_core.experiments.studies.order_of_learning.training import (
    TABLES,
    SeedTraining,
    run_jobs,
)

ORDERS = ("joint", "sequential")
"""The orders of learning."""

_DEFAULT_VOLUMES = 4
_FACTOR = 4
_SMALLEST_PART = 8


def learn_in_order(
    pretrain: Corpus,
    align: Corpus,
    perturb: Corpus,
    *,
    model_depth: int = 8,
    alphabet: str = "byte",
    order: str = "joint",
    rate: float = 1.0,
    seeds: int = 3,
    seed: int = 0,
    volumes: Sequence[float] | None = None,
    memory: int | str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> TreeCurve:
    """Measures on a tree model what the elasticity theorem (Thm 4.2) says of the rates.

    Each seed holds out a twentieth of the documents of each corpus and cuts the rest into pieces of
    at most 4096 bytes, which are learned in random order, each as a document. Then the rates of
    all three corpora are measured, on at most 200 kB of held-out and of learned text.

    `joint`: for every volume a new model learns the pieces of D_p, D_a and the first of D_t in one
    random order, which is the same for all volumes apart from what is added. `sequential`: one
    model learns D_p, then D_a, then D_t, and is scored whenever it has learned the next volume.

    A volume l is the bytes of D_t over the bytes of D_a that are learned, where the paper counts
    segments. Each volume contains the smaller ones.

    Args:
        pretrain: D_p.
        align: D_a.
        perturb: D_t.
        model_depth: Depth d of the tree model, 1 to 32.
        alphabet: `byte`, or `bpe:PATH` with the path of a `tokenizer.json`.
        order: `joint` or `sequential`.
        rate: How many times D_a and D_t are learned after D_p in the `sequential` order; 1.5: once,
            and then with half the weight. k is D_p's volume over D_a's times the rate.
        seeds: Number of seeds.
        seed: The first seed; the others follow it.
        volumes: l, ascending; 0 is always included. None: all the text there is, a quarter of it,
            and so on, four volumes in all.
        memory: Memory for text and models, in bytes or as `4GiB`; each model that is trained at the
            same time takes 256 MiB. None: half of what is free. It does not affect the result.
        threads: Number of threads; None: one for each core. It does not affect the result.
        progress: Receives `read NAME` steps in bytes of text, then `learn joint` or `learn
            sequential` steps in bytes learned by all models together.

    Returns:
        The rates at each volume, and what follows from them.

    Raises:
        InvalidArgumentError: An argument is invalid, a corpus has too few documents, or the text
            does not fit into memory.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        OSError: A file is missing or unreadable.
    """
    check_training(order, rate, seeds, seed)
    if threads is not None and threads < 1:
        raise InvalidArgumentError(f"threads {threads}: must be at least 1")
    TreeModel(model_depth, alphabet=alphabet)  # rejects bad values before anything is read
    above = None if volumes is None else _above_zero(volumes)
    points = 1 + (_DEFAULT_VOLUMES if above is None else len(above))
    threads = threads or os.cpu_count() or 1
    trainings = seeds if order == "sequential" else seeds * points
    workers, room = _share_memory(memory, min(threads, trainings))
    documents = []
    for corpus in (pretrain, align, perturb):
        utf8 = alphabet.startswith("bpe:")
        documents.append(read(corpus, utf8=utf8, room=room, progress=progress))
        room -= sum(map(getsizeof, documents[-1]))
    seed_range = tuple(range(seed, seed + seeds))
    splits = [_split(documents, number) for number in seed_range]
    above = _volumes(above, min(third.size / second.size for _, second, third in splits))
    trained = [
        SeedTraining(
            depth=model_depth,
            alphabet=alphabet,
            rate=rate,
            pretrain=first,
            align=second,
            perturb=third.cut_at(_ends(above, second.size), np.random.default_rng([number, 3])),
            threads=max(1, threads // workers),
        )
        for number, (first, second, third) in zip(seed_range, splits, strict=True)
    ]
    jobs = [job for training in trained for job in training.jobs(order)]
    rates = np.concatenate(run_jobs(jobs, workers, order, progress))
    gamma = rates.reshape(seeds, 1 + len(above), *rates.shape[1:])
    sizes = np.array([training.sizes for training in trained])
    k = sizes[:, 0] / (rate * sizes[:, 1])
    levels = np.array([0.0, *above])
    return TreeCurve(
        config=TreeCurveConfig(
            pretrain=pretrain.name,
            align=align.name,
            perturb=perturb.name,
            model_depth=model_depth,
            alphabet=alphabet,
            order=order,
            rate=rate,
            seeds=seed_range,
        ),
        bytes=sizes,
        unseen=RateCurve(levels, k, gamma[:, :, 0]),
        seen=RateCurve(levels, k, gamma[:, :, 1]),
    )


def check_training(order: str, rate: float, seeds: int, seed: int) -> None:
    """Rejects bad arguments of `learn_in_order` that have nothing to do with the corpora.

    Raises:
        InvalidArgumentError: An argument is invalid.
    """
    if order not in ORDERS:
        raise InvalidArgumentError(f"unknown order {order!r}: choose {', '.join(ORDERS)}")
    if not (rate > 0 and math.isfinite(rate)):
        raise InvalidArgumentError(f"rate {rate}: must be more than 0")
    if order == "joint" and rate != 1:
        raise InvalidArgumentError(
            f"rate {rate}: the joint order learns everything once; choose sequential"
        )
    if seeds < 1:
        raise InvalidArgumentError(f"seeds {seeds}: must be at least 1")
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")


def _above_zero(volumes: Sequence[float]) -> list[float]:
    """The volumes above 0, which must ascend."""
    above = [float(volume) for volume in volumes]
    if above[:1] == [0]:
        del above[0]
    if not above or not all(one < other < math.inf for one, other in pairwise([0.0, *above])):
        listed = ", ".join(f"{volume:g}" for volume in volumes) or "none"
        raise InvalidArgumentError(
            f"volumes {listed}: give one or more above 0, in ascending order"
        )
    return above


def _volumes(above: list[float] | None, most: float) -> list[float]:
    """The volumes above 0, of which `most` is the largest that the text allows."""
    if above is None:
        return [most / _FACTOR**step for step in reversed(range(_DEFAULT_VOLUMES))]
    if above[-1] > most:
        raise InvalidArgumentError(
            f"volume {above[-1]:g}: there is only {most:.4g} times as much text to learn of the "
            "perturbation as of the alignment; give more text, or smaller volumes"
        )
    return above


def _ends(volumes: Sequence[float], size: int) -> list[int]:
    """The volumes in bytes, where `size` bytes are volume 1."""
    ends = [int(volume * size) for volume in volumes]
    if min(np.diff([0, *ends])) < _SMALLEST_PART:
        raise InvalidArgumentError(
            f"volumes {', '.join(f'{volume:g}' for volume in volumes)}: less than {_SMALLEST_PART} "
            "bytes of text lie between two of them; give more text, or volumes further apart"
        )
    return ends


def _share_memory(memory: int | str | None, workers: int) -> tuple[int, int]:
    """How many of at most `workers` models fit, and the bytes that are left for the text."""
    total = parse_memory(memory)
    total = available_memory() // 2 if total is None else total
    if total <= TABLES:
        raise InvalidArgumentError(
            f"memory {format_size(total)}: a tree model takes {format_size(TABLES)}, and the text "
            "is held beside it; give more"
        )
    workers = max(1, min(workers, total // 2 // TABLES))
    return workers, total - workers * TABLES


def _split(documents: Sequence[Sequence[bytes]], seed: int) -> list[Split]:
    """A seed's split of each corpus, which does not depend on the other corpora."""
    return [
        Split.draw(texts, np.random.default_rng([seed, corpus]))
        for corpus, texts in enumerate(documents)
    ]
