"""What is left open in a call of `trained` is decided here, and what cannot be is refused."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from elastic_core._core import InvalidArgumentError, available_memory
from elastic_core.common.units import format_size, parse_memory
from elastic_core.elastic_law.trained.learning import TABLES

ORDERS = ("joint", "sequential")
"""The orders of learning."""

VOLUMES = 4
"""How many volumes above 0 there are unless somebody says otherwise."""

_FACTOR = 4
_LEAST_PART = 8


def check(order: str, rate: float, seeds: int, seed: int, threads: int | None) -> None:
    """Refuses what has nothing to do with the corpora; the arguments are those of `trained`.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
    """
    if order not in ORDERS:
        raise InvalidArgumentError(f"unknown order {order!r}: choose {', '.join(ORDERS)}")
    if not (rate > 0 and math.isfinite(rate)):
        raise InvalidArgumentError(f"rate {rate}: must be more than 0")
    if order == "joint" and rate != 1:
        raise InvalidArgumentError(
            f"rate {rate}: everything is learned once in the joint order; choose sequential"
        )
    if seeds < 1:
        raise InvalidArgumentError(f"seeds {seeds}: must be at least 1")
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
    if threads is not None and threads < 1:
        raise InvalidArgumentError(f"threads {threads}: must be at least 1")


def rising(volumes: Sequence[float]) -> list[float]:
    """The volumes above 0.

    Raises:
        InvalidArgumentError: They do not rise from 0, or there is none.
    """
    above = [float(volume) for volume in volumes]
    if above[:1] == [0]:
        del above[0]
    if not above or not all(one < other < math.inf for one, other in pairwise([0.0, *above])):
        told = ", ".join(f"{volume:g}" for volume in volumes) or "none"
        raise InvalidArgumentError(f"volumes {told}: give one or more above 0, each above the last")
    return above


def grid(volumes: list[float] | None, most: float) -> list[float]:
    """The volumes above 0, of which `most` is the largest that there is text for.

    Raises:
        InvalidArgumentError: There is not text enough for a volume.
    """
    if volumes is None:
        return [most / _FACTOR**step for step in reversed(range(VOLUMES))]
    if volumes[-1] > most:
        raise InvalidArgumentError(
            f"volume {volumes[-1]:g}: what can be learned of the perturbation is {most:.4g} times "
            "what is learned of the alignment; give more text, or smaller volumes"
        )
    return volumes


def ends(volumes: Sequence[float], size: int) -> list[int]:
    """The volumes in bytes, where `size` bytes are volume 1.

    Raises:
        InvalidArgumentError: There is next to no text between two volumes.
    """
    found = [int(volume * size) for volume in volumes]
    if min(np.diff([0, *found])) < _LEAST_PART:
        raise InvalidArgumentError(
            f"volumes {', '.join(f'{volume:g}' for volume in volumes)}: less than {_LEAST_PART} "
            "bytes of text lie between two of them; give more text, or volumes further apart"
        )
    return found


def share(memory: int | str | None, workers: int) -> tuple[int, int]:
    """How many models may be trained at once, and the bytes that are left for the text.

    Args:
        memory: Memory for all, in bytes or as `4GiB`; None: half of what is free.
        workers: The most models that there is work for.

    Raises:
        InvalidArgumentError: The memory is not enough for one model and some text.
    """
    total = parse_memory(memory)
    total = available_memory() // 2 if total is None else total
    if total <= TABLES:
        raise InvalidArgumentError(
            f"memory {format_size(total)}: a tree model takes {format_size(TABLES)}, and the text "
            "is held beside it; give more"
        )
    workers = max(1, min(workers, total // 2 // TABLES))
    return workers, total - workers * TABLES
