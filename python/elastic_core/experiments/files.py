"""Files of a run that are whole, or not there."""

import os
import tempfile
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Writes a text aside and moves it to its place; others that write the same do no harm.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
