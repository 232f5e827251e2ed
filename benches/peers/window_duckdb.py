"""DuckDB: groups the rows of d shifted columns into a table."""

import duckdb
import numpy as np
from contestant import PAD, contest, entry

options = entry()
padded = np.load(options.work / "padded.npy")
base = duckdb.connect(config={"threads": options.threads})
base.execute("SET temp_directory = ?", [str(options.work / "duckdb")])
base.execute("SET preserve_insertion_order = false")


def build(_: object) -> duckdb.DuckDBPyConnection:
    """The unsorted leaf table."""
    rows = len(padded) - options.depth + 1
    base.register("shifted", {f"s{k}": padded[k : k + rows] for k in range(options.depth)})
    columns = ", ".join(f"s{k}" for k in range(options.depth))
    return base.execute(
        f"CREATE TABLE leaves AS SELECT {columns}, count(*) AS n FROM shifted "
        f"WHERE s0 <> {PAD} GROUP BY {columns}"
    )


def check(_: object) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    row = base.execute("SELECT count(*), sum(n) FROM leaves").fetchone()
    assert row is not None
    return {"leaves": row[0], "segments": row[1]}


contest(None, [("GROUP BY", build)], check)
