"""infini-gram: builds its suffix array over the same ids in its own file format.

Its index counts n-grams of any length but has no statistics. Peak memory is that of its largest
process; the parallel ones take more in total.
"""

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from contestant import contest, entry, skip

options = entry()
if importlib.util.find_spec("infini_gram") is None:
    skip("pip install infini-gram")
index = Path(tempfile.mkdtemp(dir=options.work))
for name in ("tokenized.0", "offset.0"):
    os.link(options.work / "infini-gram" / name, index / name)


def build(_: object) -> int:
    """Runs the indexing step; tokenizing is skipped, because its output was prepared."""
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    subprocess.run(
        [
            *(sys.executable, "-m", "infini_gram.indexing"),
            *("--data_dir", str(index), "--save_dir", str(index), "--token_dtype", "u16"),
            *("--cpus", str(options.threads), "--mem", "4", "--ulimit", str(most_files)),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return (index / "table.0").stat().st_size


try:
    contest(None, [("index", build)])
finally:
    shutil.rmtree(index)
