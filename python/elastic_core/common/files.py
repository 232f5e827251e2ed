"""Result files: written whole or not at all, JSON lines that survive a kill.

Every file is written under a temporary name beside its final one and renamed when it is complete,
so a reader never sees half of it. It is on disk before it is renamed. State files carry seals; see
`elastic_core.common.sealed`.
"""

import json
import math
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from elastic_core._core import InvalidArgumentError, partial_prefix, remove_leftovers
from elastic_core.common.sealed import sealed, unsealed

STREAM = Path("-")
"""The path that stands for standard input and output."""

Value = TypeVar("Value")

_LONGEST_SLUG = 80


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file atomically and creates its folder if needed.

    Several processes may write the same file at once; the last one wins. Bytes of file names that
    are not UTF-8 (lone surrogates) are written as backslash escapes.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    partial = path.with_name(f"{partial_prefix()}{secrets.token_hex(4)}")
    with naming(path, partial):
        try:
            with partial.open("x", encoding="utf-8", errors="backslashreplace", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def naming(path: Path, partial: Path) -> Iterator[None]:
    """Makes errors of the system name a path in place of nothing or of a temporary one.

    Args:
        path: The file or folder that is written.
        partial: The temporary file or folder that becomes it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            # Messages of our own say what they are about; those of the system do not.
            if error.errno is not None and error.strerror == os.strerror(error.errno):
                error.filename = os.fspath(path)
        elif Path(os.fsdecode(error.filename)).is_relative_to(partial):
            rest = Path(os.fsdecode(error.filename)).relative_to(partial)
            error.filename, error.filename2 = os.fspath(path / rest), None
        raise


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
            f"{os.fspath(path)} exists: name another file, or overwrite it with `overwrite=True`"
        )


def is_open_file(path: Path) -> bool:
    """Whether a path is another name of a file that a process has open, as `/dev/stdout` does."""
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


def write_sealed_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes an object with its seal atomically, as indented JSON.

    Raises:
        ValueError: The object contains NaN or an infinity; see `without_nan`.
        OSError: The file cannot be written.
    """
    write_json(path, sealed(json.loads(json_text(values))))


def read_sealed_json(path: Path, remedy: str, parse: Callable[[Any], Value]) -> Value:
    """Reads what `write_sealed_json` wrote.

    Args:
        path: The file.
        remedy: What to do if it is damaged, to end the sentence.
        parse: Turns the values, without the seal, into the result.

    Raises:
        InvalidArgumentError: The file is damaged.
        OSError: It cannot be read.
    """
    try:
        return parse(unsealed(json.loads(path.read_bytes())))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(f"{path}: damaged since it was written; {remedy}") from error


def append_json_line(path: Path, row: Mapping[str, Any]) -> None:
    """Appends a row with its seal to a JSON lines file; it is on disk when this returns.

    A torn last line, left by a process that was killed while writing it, is removed first. Creates
    the file and its folder if needed. Only one process may append to a file at a time.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path, path), path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(_json_line(row).encode())
        file.flush()
        os.fsync(file.fileno())


def write_json_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a JSON lines file of rows with seals atomically.

    Raises:
        OSError: The file cannot be written.
    """
    write_text(path, "".join(map(_json_line, rows)))


def read_json_lines(path: Path, *, skip_damaged: bool = False) -> list[Any]:
    """The rows of a JSON lines file, without their seals; none if there is no such file.

    A torn last line, one without a newline, is skipped: its row was never complete.

    Args:
        path: The file.
        skip_damaged: Skip every damaged line instead of raising; for files whose rows can be
            recomputed.

    Raises:
        InvalidArgumentError: A complete line is damaged: not an object, or its seal disagrees.
        OSError: The file cannot be read.
    """
    if not path.exists():
        return []
    rows = []
    *complete, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(complete, 1):
        try:
            row = unsealed(json.loads(line))
            if not isinstance(row, dict):
                raise ValueError("not an object")
            rows.append(row)
        except (ValueError, RecursionError) as error:
            if not skip_damaged:
                raise InvalidArgumentError(
                    f"{path}: line {number} is damaged; remove that line and run the command again"
                ) from error
    return rows


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(sealed(row)) + "\n"


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
