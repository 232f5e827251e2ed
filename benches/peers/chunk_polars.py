"""polars: reads the files, takes 8 bytes as one key, groups; counts the files' ends apart."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from contestant import contest, entry, skip

options = entry()
if options.depth != 8:
    skip("a 64-bit key is 8 bytes")
files = json.loads((options.work / "files.json").read_text())

Leaves = tuple[pl.DataFrame, Counter[bytes], int]


def build(_: object) -> Leaves:
    """The unsorted leaf table, the short last chunks separately, and the bytes read."""
    keys, ends, size = [], Counter[bytes](), 0
    for file in files:
        data = Path(file).read_bytes()
        whole = len(data) // 8 * 8
        keys.append(np.frombuffer(data, np.uint64, whole // 8))
        ends[data[whole:]] += 1
        size += len(data)
    leaves = pl.DataFrame({"key": np.concatenate(keys)}).group_by("key").len()
    return leaves, ends, size


def check(leaves: Leaves) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    table, ends, size = leaves
    segments = int(table["len"].sum()) + ends.total()
    return {"leaves": len(table) + len(ends), "segments": segments, "bytes": size}


contest(None, [("read and group_by", build)], check)
