"""Runs `elastic-core` in forks of one process that has imported what it needs.

Starting an interpreter and importing torch takes longer than most calls of the tests. A fork runs
the same script with the arguments, environment, folder, umask and standard streams of its caller,
which is `forked/elastic-core`. Usage: python program_server.py SOCKET PROGRAM
"""

import atexit
import contextlib
import gc
import importlib
import marshal
import os
import runpy
import signal
import socket
import sys
import threading
import traceback

IMPORTED = (
    "elastic_core.cli",
    "torch",
    "transformers",
    "peft",
    "sklearn.linear_model",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "elastic_core.experiments.report",
    "elastic_core.experiments.run",
)


def main(path: str, program: str) -> None:
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                break
            caller.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(caller, 8, 3)
    arguments, folder, environment, mask = marshal.loads(received(caller, length))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environment)
    for name, mode, number in (("stdin", "r", 0), ("stdout", "w", 1), ("stderr", "w", 2)):
        errors = getattr(sys, name).errors
        file = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, file)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.argv = [program, *arguments]
    code = run(program)
    # Ending the interpreter would write to every page of memory, which is then no longer shared.
    caller.sendall(str(code).encode())
    os._exit(0)


def received(caller: socket.socket, length: bytes) -> bytes:
    data = bytearray()
    while len(data) < int.from_bytes(length, "little"):
        data += caller.recv(1 << 20)
    return bytes(data)


def run(program: str) -> int:
    """The exit code of a script, after what an interpreter does when it ends."""
    code: object = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
