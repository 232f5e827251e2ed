"""numpy: packs d ids into two 64-bit keys, sorts by both, compares neighbours."""

import numpy as np
from contestant import PAD, contest, entry, skip
from numpy.typing import NDArray

options = entry()
if options.depth > 8:
    skip("two 64-bit keys hold 8 ids")
padded = np.load(options.work / "padded.npy")


def build(_: object) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.intp]]:
    """The sorted leaf table: the keys of each leaf and its count."""
    rows = len(padded) - options.depth + 1
    high, low = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for k in range(options.depth):
        key = high if k < 4 else low
        np.left_shift(key, 16, out=key)
        np.bitwise_or(key, padded[k : k + rows], out=key)
    starts_in_text = padded[:rows] != PAD
    high, low = high[starts_in_text], low[starts_in_text]
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    first = np.ones(len(high), bool)
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    at = np.flatnonzero(first)
    return high[at], low[at], np.diff(np.append(at, len(high)))


def check(
    leaves: tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.intp]],
) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    return {"leaves": len(leaves[0]), "segments": int(leaves[2].sum())}


contest(None, [("lexsort", build)], check)
