"""Folders of results: all files of a result appear together, in place of those of an older one.

The files are collected in a temporary folder beside the final one. When all are on disk, a new
folder is renamed; one that exists is exchanged with the new one, which then also holds its other
files. A reader sees the older result or the newer, never some files of each, even if the process
is killed. Where a folder cannot be exchanged, files are renamed one by one.
"""

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from elastic_core._core import InvalidArgumentError, partial_prefix, remove_leftovers
from elastic_core.common.files import naming

PARTIAL = ".partial-"
"""What the names of half-written files and folders begin with."""

_MOST_CARRIED = 1000
"""Files that a folder may have beside those of the result; with more, it is not exchanged."""

_EXCHANGE = 2
"""The flag of `renameat2` on Linux and of `renamex_np` on macOS."""

_HERE = -100
"""`AT_FDCWD` of Linux."""


@contextmanager
def result_folder(
    path: Path, replaced: Collection[str] = (), *, overwrite: bool = True
) -> Iterator[Path]:
    """Collects the files of a result, which appear in `path` together if the block succeeds.

    Creates `path` if needed; if the block fails, `path` is left as it was. Subfolders are merged
    with existing ones, and a file replaces an existing one of the same name. Leftovers of processes
    that were killed are removed first.

    Args:
        path: The folder for the results.
        replaced: Names of files and subfolders of an older result, which are removed from `path`.
        overwrite: Whether there may be files in `path`, now or when the block ends.

    Yields:
        An empty folder to write to.

    Raises:
        InvalidArgumentError: `path` is a file, or holds files that may not be replaced.
        OSError: `path` cannot be created or written to.
    """
    if not overwrite:
        _require_empty(path)
    place = Path(os.path.realpath(path))
    missing = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        partial = _partial_folder(path, place)
        try:
            with naming(path, partial):
                yield partial
                sync_folder(partial)
                with _locked(partial.parent):
                    if not overwrite:
                        _require_empty(path)
                    _publish(partial, place, replaced)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def sync_folder(folder: Path) -> None:
    """Waits until all files of a folder are on disk, and their names.

    Raises:
        OSError: A file cannot be read, or the disk fails.
    """
    for place in (*folder.rglob("*"), folder):
        if place.is_symlink() or (os.name == "nt" and place.is_dir()):
            continue
        with naming(place, place):
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _partial_folder(path: Path, place: Path) -> Path:
    """A new empty folder for what will be in `place`, the real path of `path`."""
    try:
        if place.exists() and not place.is_dir():
            raise FileExistsError
        place.parent.mkdir(parents=True, exist_ok=True)
        parent = place.parent
        if not _can_be_renamed(place):
            place.mkdir(exist_ok=True)
            parent = place
        for folder in (place.parent, place):
            remove_leftovers(folder)
        partial = parent / f"{partial_prefix()}{secrets.token_hex(4)}"
        partial.mkdir()
        return partial
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidArgumentError(
            f"{path}: a file is in the way; name a folder for the results"
        ) from error
    except OSError as error:
        error.filename = str(path)
        raise


def _require_empty(path: Path) -> None:
    """Refuses a folder that holds anything but what others are writing there."""
    if path.is_dir() and any(not file.name.startswith(PARTIAL) for file in path.iterdir()):
        raise InvalidArgumentError(
            f"{path} is not empty: name another folder, or replace its files with `overwrite=True`"
        )


def _can_be_renamed(place: Path) -> bool:
    """Whether another folder can take the place of one, which may not exist yet.

    A mount point cannot be renamed, and a process should keep its working directory.
    """
    if not os.access(place.parent, os.W_OK | os.X_OK):
        return False
    return not place.exists() or not (place.is_mount() or Path.cwd().is_relative_to(place))


def _publish(partial: Path, place: Path, replaced: Collection[str]) -> None:
    """Puts the files of `partial`, which is on disk, into `place`."""
    if not place.exists():
        partial.rename(place)
        return
    carried: list[Path] = []
    try:
        if partial.parent == place:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(place))
        _adopt(place, partial)
        _carry(place, partial, replaced, carried)
        _exchange(partial, place)
    except OSError:
        for file in carried:
            file.unlink(missing_ok=True)
        _merge(partial, place, replaced)


def _adopt(place: Path, partial: Path) -> None:
    """Gives `partial` the mode and attributes of `place`, whose owner it must share."""
    old, new = place.stat(), partial.stat()
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(place))
    shutil.copystat(place, partial)


def _carry(old: Path, new: Path, replaced: Collection[str], carried: list[Path]) -> None:
    """Links the files that only the old folder has into the new one, and lists the links."""
    for source in old.iterdir():
        target = new / source.name
        if source.name.startswith(PARTIAL):  # Another process is writing in the folder.
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(old))
        if source.is_dir() and not source.is_symlink():
            if source.name in replaced:
                continue
            if not target.exists():
                target.mkdir()
                shutil.copystat(source, target)
            _carry(source, target, (), carried)
        elif source.name not in replaced and not target.exists():
            if len(carried) == _MOST_CARRIED:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK), str(old))
            os.link(source, target, follow_symlinks=False)
            carried.append(target)


def _exchange(one: Path, other: Path) -> None:
    """Exchanges two folders in one step.

    Raises:
        OSError: The system or the file system cannot do that.
    """
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(other))
    first, second = os.fsencode(one), os.fsencode(other)
    is_linux = sys.platform == "linux"
    paths = (_HERE, first, _HERE, second) if is_linux else (first, second)
    if function(*paths, _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _merge(partial: Path, place: Path, replaced: Collection[str]) -> None:
    """Moves files one by one, the result last, and removes those of an older result."""
    newer = {file.relative_to(partial) for file in partial.rglob("*")}
    older = [place / name for name in replaced]
    older += [file for folder in older for file in folder.rglob("*")]
    for file in sorted(partial.iterdir(), key=lambda file: (file.name == "result.json", file.name)):
        _move(file, place / file.name)
    for file in sorted(older, reverse=True):
        if file.relative_to(place) not in newer:
            file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)


def _move(source: Path, target: Path) -> None:
    """Moves a file, or every file of a folder, creating the target folder if needed."""
    if not source.is_dir():
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.move(source, target)
        return
    target.mkdir(exist_ok=True)
    for file in sorted(source.iterdir()):
        _move(file, target / file.name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time exchange what is in a folder, where the system has such locks."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Not every network file system has locks.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
