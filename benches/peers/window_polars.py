"""polars: groups the rows of d shifted columns."""

import numpy as np
import polars as pl
from contestant import PAD, contest, entry

options = entry()
padded = np.load(options.work / "padded.npy")


def build(_: object) -> pl.DataFrame:
    """The unsorted leaf table."""
    rows = len(padded) - options.depth + 1
    shifted = pl.DataFrame({f"s{k}": padded[k : k + rows] for k in range(options.depth)})
    return shifted.lazy().filter(pl.col("s0") != PAD).group_by(shifted.columns).len().collect()


def check(leaves: pl.DataFrame) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    return {"leaves": len(leaves), "segments": int(leaves["len"].sum())}


contest(None, [("group_by", build)], check)
