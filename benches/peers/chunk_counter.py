"""collections.Counter: reads the files and counts slices of d bytes."""

import json
from collections import Counter
from pathlib import Path

from contestant import contest, entry

options = entry()
files = json.loads((options.work / "files.json").read_text())

Leaves = tuple[Counter[bytes], Counter[bytes], int]


def build(_: object) -> Leaves:
    """The leaves as a dictionary, the short last chunks separately, and the bytes read."""
    leaves, ends, size, d = Counter[bytes](), Counter[bytes](), 0, options.depth
    for file in files:
        data = Path(file).read_bytes()
        whole = len(data) // d * d
        leaves.update(data[at : at + d] for at in range(0, whole, d))
        ends[data[whole:]] += 1
        size += len(data)
    return leaves, ends, size


def check(leaves: Leaves) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    whole, ends, size = leaves
    segments = whole.total() + ends.total()
    return {"leaves": len(whole) + len(ends), "segments": segments, "bytes": size}


contest(None, [("read and count slices", build)], check)
