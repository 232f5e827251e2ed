"""Result files and folders: written whole or not at all, JSON lines that survive a kill.

Every file is written under a temporary name beside its final one and renamed when it is complete,
so a reader never sees half of it.
"""

import json
import math
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from elastic_core._core import InvalidArgumentError

STREAM = Path("-")
"""The path that stands for standard input and output."""

_LONGEST_SLUG = 80


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file atomically and creates its folder if needed.

    Several processes may write the same file at once; the last one wins. Bytes of file names that
    are not UTF-8 (lone surrogates) are written as backslash escapes.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with partial.open("x", encoding="utf-8", errors="backslashreplace", newline="") as out:
            out.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def require_new(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuses to replace an existing file.

    Standard output (`-`), pipes, devices and files that are open already (such as `/dev/stdout`)
    are not replaced but written to, and therefore accepted.

    Args:
        path: The file to write.
        overwrite: Accept any path.

    Raises:
        InvalidArgumentError: There is a file at `path`.
    """
    file = Path(path)
    if not overwrite and file != STREAM and file.is_file() and not is_open_file(file):
        raise InvalidArgumentError(
            f"{os.fspath(path)} exists: name another file, or overwrite it with --force"
        )


def is_open_file(path: Path) -> bool:
    """Whether a path stands for a file that is open in a process, as `/dev/stdout` does."""
    link = Path(os.path.realpath(path.parent), path.name)
    target = link.parent / link.readlink() if link.is_symlink() else link
    folders = (Path(os.path.realpath(name.parent)) for name in (link, target))
    return any(folder.is_relative_to("/proc") for folder in folders)


def json_text(value: Any) -> str:
    """A value as indented JSON with a final newline; non-ASCII characters stay as they are.

    Raises:
        ValueError: The value contains NaN or an infinity; see `without_nan`.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Writes `json_text` of a value atomically.

    Raises:
        ValueError: The value contains NaN or an infinity; see `without_nan`.
        OSError: The file cannot be written.
    """
    write_text(path, json_text(value))


def append_json_line(path: Path, row: Any) -> None:
    """Appends a row to a JSON lines file; the row is on disk when this returns.

    A torn last line, left by a process that was killed while writing it, is removed first. Creates
    the file and its folder if needed. Only one process may append to a file at a time.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
                file.seek(0, os.SEEK_END)
        file.write(_json_line(row).encode())
        file.flush()
        os.fsync(file.fileno())


def write_json_lines(path: Path, rows: Sequence[Any]) -> None:
    """Writes a JSON lines file atomically.

    Raises:
        OSError: The file cannot be written.
    """
    write_text(path, "".join(map(_json_line, rows)))


def read_json_lines(path: Path, *, skip_damaged: bool = False) -> list[Any]:
    """The rows of a JSON lines file; none if there is no such file.

    A torn last line, one without a newline, is skipped: its row was never complete.

    Args:
        path: The file.
        skip_damaged: Skip every line that is not JSON instead of raising; for files whose rows
            can be recomputed.

    Raises:
        InvalidArgumentError: A complete line is not JSON.
        OSError: The file cannot be read.
    """
    if not path.exists():
        return []
    rows = []
    *complete, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(complete, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if not skip_damaged:
                raise InvalidArgumentError(
                    f"{path}: line {number} is damaged; remove that line and run the command again"
                ) from error
    return rows


def _json_line(row: Any) -> str:
    return json.dumps(row) + "\n"


def without_nan(value: Any) -> Any:
    """A value with every NaN and infinity replaced by None, because JSON has no word for them.

    Args:
        value: Anything JSON can represent, nested to any depth, and numpy arrays and numbers, which
            become lists and Python numbers. Tuples become lists.
    """
    match value:
        case dict():
            return {key: without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [without_nan(item) for item in value]
        case np.ndarray() | np.generic():
            return without_nan(value.tolist())
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


@contextmanager
def result_folder(path: Path) -> Iterator[Path]:
    """Collects result files in a temporary folder and moves them to `path` if the block succeeds.

    Creates `path` if needed; if the block fails, `path` is left as it was. Subfolders are merged
    with existing ones, and a file replaces an existing one of the same name.

    Args:
        path: The folder for the results.

    Yields:
        An empty folder inside `path` to write to.

    Raises:
        InvalidArgumentError: `path` is a file.
        OSError: `path` cannot be created or written to.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        partial = _partial_folder(path)
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
    """Moves a file, or every file of a folder, creating the target folder if needed."""
    if not source.is_dir():
        source.replace(target)
        return
    target.mkdir(exist_ok=True)
    for file in sorted(source.iterdir()):
        _move(file, target / file.name)


def _partial_folder(path: Path) -> Path:
    """A new empty folder inside `path`, which is created if needed."""
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
    """Names as distinct parts of file names, using only ASCII letters, digits and `._-`.

    Slugs that differ only in case count as equal and are numbered, because some file systems
    ignore case.
    """
    unique: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
        slug = stem = plain[-_LONGEST_SLUG:].strip("-.") or "corpus"
        number = 1
        while slug.lower() in map(str.lower, unique):
            number += 1
            slug = f"{stem}-{number}"
        unique.append(slug)
    return unique
