"""Ctrl-C, SIGTERM and SIGHUP while the command line runs; the exit code tells which it was."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

PROGRAM = "elastic-core"
"""The name of the program that the command line is."""

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_received = int(signal.SIGINT)


def exit_while_starting() -> None:
    """If this process is the program, a signal ends it in one sentence until `interrupt` is called.

    Loading the package takes half a second, in which a KeyboardInterrupt would show a traceback.
    """
    if Path(sys.argv[0] if sys.argv else "").stem == PROGRAM:
        _handle(_exit)


def interrupt() -> None:
    """From now on a signal raises KeyboardInterrupt in the main thread; ignored ones stay so."""
    _handle(_interrupt)


def exit_code() -> int:
    """The exit code after the last signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + _received


def _handle(handler: "signal._HANDLER") -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # Such as SIGHUP under nohup.
            signal.signal(number, handler)


def _exit(number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, b"error: interrupted\n")
    finally:
        os._exit(128 + number)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    global _received
    _received = number
    raise KeyboardInterrupt
