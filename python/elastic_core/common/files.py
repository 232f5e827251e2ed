"""Files and folders that appear whole or not at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from elastic_core._core import InvalidArgumentError

_LONGEST_SLUG = 80


@contextmanager
def result_folder(path: Path) -> Iterator[Path]:
    """A new empty folder inside `path`, whose files move to `path` once all are written.

    `path` is made if it is not there. If the block fails, `path` is as it was before. Folders are
    merged with those that are there; a file takes the place of one of the same name.

    Args:
        path: The folder that the results are for.

    Yields:
        The folder to write to.

    Raises:
        InvalidArgumentError: `path` is a file.
        OSError: `path` cannot be made or written to.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        partial = _make(path)
        try:
            yield partial
            for file in sorted(partial.iterdir()):
                _move(file, path / file.name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _move(source: Path, target: Path) -> None:
    """Moves a file, or all files of a folder, which is made if it is not there."""
    if not source.is_dir():
        source.replace(target)
        return
    target.mkdir(exist_ok=True)
    for each in sorted(source.iterdir()):
        _move(each, target / each.name)


def _make(path: Path) -> Path:
    """A new empty folder inside `path`, which is made if it is not there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=path))
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidArgumentError(
            f"{path}: a file is in the way; name a folder for the results"
        ) from error
    except OSError as error:
        error.filename = str(path)
        raise


def slugs(names: Sequence[str]) -> list[str]:
    """Names as parts of file names: letters, digits and `._-` alone, no two alike."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
        slug = start = plain[-_LONGEST_SLUG:].strip("-.") or "corpus"
        number = 1
        while slug.lower() in map(str.lower, found):
            number += 1
            slug = f"{start}-{number}"
        found.append(slug)
    return found


def write_text(file: Path, text: str) -> None:
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
