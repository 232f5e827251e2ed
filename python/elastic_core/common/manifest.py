"""Manifests: the sizes and hashes of the files of a folder, such as a model."""

import hashlib
from pathlib import Path

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import read_sealed_json, write_sealed_json
from elastic_core.common.folders import sync_folder

MANIFEST = "sha256.json"
"""The file of a manifest in its folder."""


def write_manifest(folder: Path) -> None:
    """Writes the size and SHA-256 of every file in a folder, which are on disk when this returns.

    Raises:
        OSError: A file cannot be read or written.
    """
    sync_folder(folder)
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": _hash(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    write_sealed_json(folder / MANIFEST, {"files": files})


def check_manifest(folder: Path, remedy: str) -> None:
    """Compares the files of a folder with its manifest; a folder without one is accepted.

    Args:
        folder: The folder.
        remedy: What to do if a file is damaged, to end the sentence.

    Raises:
        InvalidArgumentError: A file is missing or damaged, or the manifest is.
        OSError: A file cannot be read.
    """
    if not (folder / MANIFEST).exists():
        return
    files = read_sealed_json(folder / MANIFEST, remedy, lambda values: dict(values["files"]))
    for name, expected in files.items():
        file = folder / name
        if not file.is_file():
            raise InvalidArgumentError(f"{file}: the file is missing; {remedy}")
        if file.stat().st_size != expected["bytes"] or _hash(file) != expected["sha256"]:
            raise InvalidArgumentError(f"{file}: damaged since it was written; {remedy}")


def is_intact(folder: Path) -> bool:
    """Whether a folder has a manifest with which its files agree."""
    try:
        check_manifest(folder, "")
    except (InvalidArgumentError, OSError):
        return False
    return (folder / MANIFEST).exists()


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
