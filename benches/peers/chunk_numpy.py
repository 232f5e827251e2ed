"""numpy: reads the files, takes 8 bytes as one key, np.unique; counts the files' ends apart."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from contestant import contest, entry, skip
from numpy.typing import NDArray

options = entry()
if options.depth != 8:
    skip("a 64-bit key is 8 bytes")
files = json.loads((options.work / "files.json").read_text())

Leaves = tuple[NDArray[np.uint64], NDArray[np.intp], Counter[bytes], int]


def build(_: object) -> Leaves:
    """The sorted leaf table, the short last chunks separately, and the bytes read."""
    keys, ends, size = [], Counter[bytes](), 0
    for file in files:
        data = Path(file).read_bytes()
        whole = len(data) // 8 * 8
        keys.append(np.frombuffer(data, ">u8", whole // 8).astype(np.uint64))
        ends[data[whole:]] += 1
        size += len(data)
    values, counts = np.unique(np.concatenate(keys), return_counts=True)
    return values, counts, ends, size


def check(leaves: Leaves) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    values, counts, ends, size = leaves
    segments = int(counts.sum()) + ends.total()
    return {"leaves": len(values) + len(ends), "segments": segments, "bytes": size}


contest(None, [("read and unique", build)], check)
