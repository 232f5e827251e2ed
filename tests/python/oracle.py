"""The token tree and the elasticity theorem, implemented naively: slow, short, easy to check."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray

Path = tuple[int, ...]


def bits(text: bytes) -> list[int]:
    """The bits of a text, most significant first."""
    return [byte >> place & 1 for byte in text for place in range(7, -1, -1)]


def segments(documents: Iterable[Sequence[int]], depth: int, segment: str, eos: int) -> list[Path]:
    """The occurrences of leaves: the segments of every document, with EOS appended."""
    paths: list[Path] = []
    for document in documents:
        closed = (*document, eos)
        starts: dict[str, Iterable[int]] = {
            "chunk": range(0, len(closed), depth),
            "prefix": [0],
            "window": range(len(closed)),
        }
        paths += [closed[start : start + depth] for start in starts[segment]]
    return paths


def leaves(paths: Iterable[Path], depth: int) -> Counter[Path]:
    """The tree pruned to `depth`: each leaf's path and how often it occurs."""
    return Counter(path[:depth] for path in paths)


def entropy(counts: Sequence[int]) -> float:
    """-sum p log2 p."""
    total = sum(counts)
    return -sum(count / total * log2(count / total) for count in counts)


def huffman_bits(counts: Sequence[int]) -> float:
    """The mean codeword length of Huffman's code; a single leaf costs one bit."""
    if len(counts) == 1:
        return 1.0
    heap, bits_in_all = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        bits_in_all += joined
        heapq.heappush(heap, joined)
    return bits_in_all / sum(counts)


def depth_row(paths: Sequence[Path], depth: int) -> dict[str, float]:
    """The row of one depth, as `docs/measure.md` defines it."""
    pruned = leaves(paths, depth)
    counts = list(pruned.values())
    above = entropy(list(leaves(paths, depth - 1).values()))
    here = entropy(counts)
    return {
        "depth": depth,
        "nodes": sum(len(path) == depth for path in pruned),
        "leaves": len(pruned),
        "singletons": counts.count(1),
        "entropy_bits": here,
        "conditional_entropy_bits": here - above,
        "huffman_bits": huffman_bits(counts),
        "theorem_bits": ceil(here),
    }


def spectrum(paths: Sequence[Path], depth: int) -> dict[int, int]:
    """The number of leaves with each count."""
    return dict(sorted(Counter(leaves(paths, depth).values()).items()))


def count(paths: Sequence[Path], start: Path) -> int:
    """The number of segments that begin with `start`."""
    return sum(path[: len(start)] == start for path in paths)


def children(paths: Sequence[Path], start: Path) -> dict[int, int]:
    """The symbols that follow `start`, each with its count."""
    size = len(start)
    following = Counter(path[size] for path in paths if len(path) > size and path[:size] == start)
    return dict(sorted(following.items()))


def joint_rates(
    distributions: ArrayLike, volumes: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The joint distribution of corpora, their rates under it, and the slopes of these rates.

    Given `distributions` P_i, shape (n, leaves), and `volumes` w_i, shape (n,), with the sum W:

    - q = sum_i w_i P_i / W, shape (leaves,);
    - gamma_i = -sum_x P_i log2 q in bits per segment, shape (n,), infinite where P_i > 0 = q;
    - d gamma_i / d w_j = (1 - sum_x P_i P_j / q) log2(e) / W at [i, j], shape (n, n); -infinite
      where both P_i and P_j have mass on leaves with q = 0, undefined where only P_i has.
    """
    p, w = np.asarray(distributions, float), np.asarray(volumes, float)
    q = w @ p / w.sum()
    both = p[:, None] * p
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = -np.where(p > 0, p * np.log2(q), 0).sum(axis=1)
        slopes = 1 - np.where(both > 0, both / q, 0).sum(axis=2)
    return q, rates, slopes * np.log2(np.e) / w.sum()
