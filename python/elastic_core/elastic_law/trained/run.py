"""A tree model learns D_p, D_a and more and more of D_t, in either order, and is scored."""

import os
from collections.abc import Sequence
from sys import getsizeof

import numpy as np

from elastic_core._core import Corpus, TreeModel
from elastic_core.common.progress import Progress
from elastic_core.elastic_law.trained.curve import RateCurve, TrainedConfig, TrainedCurve
from elastic_core.elastic_law.trained.jobs import run_all
from elastic_core.elastic_law.trained.learning import Lessons
from elastic_core.elastic_law.trained.plan import VOLUMES, check, ends, grid, rising, share
from elastic_core.elastic_law.trained.texts import Split, read


def trained(
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
) -> TrainedCurve:
    """Asks a tree model what the elasticity theorem (Thm 4.2) says of the rates.

    Each seed holds out a twentieth of the documents of each corpus and cuts the rest into pieces of
    at most 4096 bytes, which are learned in random order, each as a document. Then the rates of
    all three corpora are taken, on at most 200 kB of what was held out and of what was learned.

    `joint`: for every volume a new model learns the pieces of D_p, D_a and the first of D_t in one
    random order, which for all volumes is the same but for what is added. `sequential`: one model
    learns D_p, then D_a, then D_t, and is scored whenever it has learned the next volume.

    A volume l is the bytes of D_t / the bytes of D_a that are learned, where the paper counts
    segments. Each volume contains those before it.

    Args:
        pretrain: D_p.
        align: D_a.
        perturb: D_t.
        model_depth: Depth d of the tree model, 1 to 32.
        alphabet: `byte`, or `bpe:PATH` with the path of a `tokenizer.json`.
        order: `joint` or `sequential`.
        rate: How many times D_a and D_t are learned after D_p, where `sequential`; 1.5: once, and
            then half of the symbols. k is D_p's volume relative to D_a's times the rate.
        seeds: How many seeds.
        seed: The first of them; the others follow it.
        volumes: l, rising, above 0 unless the first is; 0 is always there. None: all that there
            is, a quarter of it, and so on, four in all.
        memory: Memory for the text and the models, 256 MiB for each that is trained at once, in
            bytes or as `4GiB`; None: half of what is free. The result does not depend on it.
        threads: Threads to work on; None: one for each core. The result does not depend on it.
        progress: Called with `read NAME` and the bytes read, then with `learn joint` or `learn
            sequential` and the bytes that all models together have learned.

    Returns:
        The rates at each volume, and what follows from them.

    Raises:
        InvalidArgumentError: An argument is not what it should be, a corpus has too few documents,
            or there is more text than memory has room for.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        OSError: A file is missing or unreadable.
    """
    check(order, rate, seeds, seed, threads)
    TreeModel(model_depth, alphabet=alphabet)  # refuses what is wrong before anything is read
    above = None if volumes is None else rising(volumes)
    trainings = seeds if order == "sequential" else seeds * (1 + len(above or range(VOLUMES)))
    threads = threads or os.cpu_count() or 1
    workers, room = share(memory, min(threads, trainings))
    corpora = (pretrain, align, perturb)
    documents = []
    for corpus in corpora:
        utf8 = alphabet.startswith("bpe:")
        documents.append(read(corpus, utf8=utf8, room=room, progress=progress))
        room -= sum(map(getsizeof, documents[-1]))
    numbers = tuple(range(seed, seed + seeds))
    splits = [_split(documents, number) for number in numbers]
    above = grid(above, min(each[2].size / each[1].size for each in splits))
    lessons = [
        Lessons(
            depth=model_depth,
            alphabet=alphabet,
            rate=rate,
            pretrain=first,
            align=second,
            perturb=third.parted(ends(above, second.size), np.random.default_rng([number, 3])),
            threads=max(1, threads // workers),
        )
        for number, (first, second, third) in zip(numbers, splits, strict=True)
    ]
    jobs = [job for each in lessons for job in each.jobs(order)]
    rates = np.concatenate(run_all(jobs, workers, order, progress))
    gamma = rates.reshape(seeds, 1 + len(above), *rates.shape[1:])
    sizes = np.array([each.sizes for each in lessons])
    k = sizes[:, 0] / (rate * sizes[:, 1])
    levels = np.array([0.0, *above])
    return TrainedCurve(
        config=TrainedConfig(
            pretrain=pretrain.name,
            align=align.name,
            perturb=perturb.name,
            model_depth=model_depth,
            alphabet=alphabet,
            order=order,
            rate=rate,
            seeds=numbers,
        ),
        bytes=sizes,
        unseen=RateCurve(levels, k, gamma[:, :, 0]),
        seen=RateCurve(levels, k, gamma[:, :, 1]),
    )


def _split(documents: Sequence[Sequence[bytes]], seed: int) -> list[Split]:
    """A seed's division of each corpus, which does not depend on the other corpora."""
    return [
        Split.draw(each, np.random.default_rng([seed, corpus]))
        for corpus, each in enumerate(documents)
    ]
