"""Runs the command line in forked processes, in each of which one operation on files goes wrong.

    python server.py SHIM [SETUP]

First runs the Python code SETUP. Reads a JSON object per line with the keys of `Request`, and
answers each with one of `Answer`. A process begins with all modules loaded, so it takes some
milliseconds.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elastic_core.cli.commands import program
from elastic_core.cli.errors import run

MODES = ("count", "kill", "break", "fill")
"""What happens at the chosen operation, as in `shim.c`: nothing; the process is killed, after half
of the bytes if it writes; the operation fails with EIO; the disk is full from there on."""

_SECONDS = 60
_BROKEN = 70


@dataclass(frozen=True)
class Request:
    """A run of the command line.

    Attributes:
        folder: The working directory; operations elsewhere are not counted.
        arguments: The arguments.
        mode: One of `MODES`.
        at: The number of the operation, from 0.
    """

    folder: str
    arguments: list[str]
    mode: str = "count"
    at: int = 0


@dataclass(frozen=True)
class Answer:
    """The end of a run.

    Attributes:
        code: The exit code; negative: the signal that ended it.
        out: Standard output.
        err: Standard error.
        operations: The names of the operations; empty if the process was killed.
        spaces: The numbers of those that take space on the disk.
        modules: The modules that were loaded during the run.
    """

    code: int
    out: str
    err: str
    operations: list[str]
    spaces: list[int]
    modules: list[str]


class Shim:
    """The compiled `shim.c`."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.operations.restype = ctypes.c_long
        self._library.operation.restype = ctypes.c_char_p

    def arm(self, folder: str, mode: str, at: int) -> None:
        """Begins to count operations below a folder."""
        path = os.fsencode(os.path.realpath(folder) + "/")
        if self._library.arm(path, MODES.index(mode), ctypes.c_long(at)):
            raise OSError("this system does not permit seccomp filters")

    def report(self) -> dict[str, Any]:
        """The operations so far, as `Answer` has them."""
        numbers = range(self._library.operations())
        return {
            "operations": [self._library.operation(at).decode() for at in numbers],
            "spaces": [at for at in numbers if self._library.takes_space(at)],
        }


def answer(shim: Shim, request: Request) -> Answer:
    """Runs the command line in a new process."""
    files = {name: os.memfd_create(name) for name in ("out", "err", "report")}
    gc.disable()
    gc.freeze()  # The new process shares what it does not touch.
    process = os.fork()
    if process == 0:
        _run(shim, request, files)
    _, status = os.waitpid(process, 0)
    texts = {}
    for name, descriptor in files.items():
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            texts[name] = file.read()
    report = json.loads(texts["report"] or '{"operations": [], "spaces": [], "modules": []}')
    code = os.waitstatus_to_exitcode(status)
    return Answer(code=code, out=texts["out"], err=texts["err"], **report)


def _run(shim: Shim, request: Request, files: dict[str, int]) -> None:
    """What the new process does; does not return."""
    code = _BROKEN
    try:
        signal.alarm(_SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(files["out"], 1)
        os.dup2(files["err"], 2)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        os.chdir(request.folder)
        sys.argv = ["elastic-core", *request.arguments]
        before = set(sys.modules)
        shim.arm(request.folder, request.mode, request.at)
        code = run(program)
        with suppress(OSError):
            sys.stdout.flush()
        report = {**shim.report(), "modules": sorted(set(sys.modules) - before)}
        os.write(files["report"], json.dumps(report).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Answers requests until standard input ends."""
    shim = Shim(Path(sys.argv[1]))
    exec(sys.argv[2] if len(sys.argv) > 2 else "", {})
    for line in sys.stdin:
        done = answer(shim, Request(**json.loads(line)))
        print(json.dumps(asdict(done)), flush=True)
        for name in done.modules:
            with suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    main()
