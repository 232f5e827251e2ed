"""Runs of the command line in which an operation on files fails; see `tests/faults`."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

FAULTS = Path(__file__).parents[1] / "faults"

Files: TypeAlias = dict[str, bytes | None]
"""The files below a folder by their path in it, and its folders, which have no bytes."""


def build_shim(folder: Path) -> Path:
    """Compiles `shim.c` into a library."""
    library = folder / "shim.so"
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*compiler, *flags, "-o", library, FAULTS / "shim.c"], check=True)
    return library


@dataclass(frozen=True)
class Done:
    """The end of a run; see `Answer` of `tests/faults/server.py`."""

    code: int
    out: str
    err: str
    operations: list[str]
    spaces: list[int]


class Server:
    """A process that runs the command line in forks of itself.

    Attributes:
        tried: The number of operations that went wrong, by mode.
    """

    def __init__(self, library: Path, setup: str = "") -> None:
        self.tried: dict[str, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, FAULTS / "server.py", library, setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def run(self, folder: Path, arguments: str, mode: str = "count", at: int = 0) -> Done:
        """Runs the command line in a folder; an operation goes wrong unless the mode is `count`."""
        assert self._process.stdin
        assert self._process.stdout
        request = {"folder": str(folder), "arguments": arguments.split(), "mode": mode, "at": at}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        del answer["modules"]
        if mode != "count":
            self.tried[mode] = self.tried.get(mode, 0) + 1
        return Done(**answer)

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)
        assert self._process.stdout
        self._process.stdout.close()


def files(folder: Path) -> Files:
    """What is below a folder."""
    return {
        place.relative_to(folder).as_posix(): None if place.is_dir() else place.read_bytes()
        for place in sorted(folder.rglob("*"))
    }


def restore(folder: Path, wanted: Files) -> None:
    """Makes a folder hold exactly the given files."""
    here = files(folder)
    for name in sorted(here.keys() - wanted.keys(), reverse=True):
        if here[name] is None:
            (folder / name).rmdir()
        else:
            (folder / name).unlink()
    for name, content in wanted.items():
        if content is None:
            (folder / name).mkdir(exist_ok=True)
        elif here.get(name) != content:
            (folder / name).write_bytes(content)


def is_leftover(name: str) -> bool:
    """Whether a path is below something half-written."""
    return any(part.startswith(".partial-") for part in name.split("/"))
