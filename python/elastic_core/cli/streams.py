"""The standard streams of the command line, also where the caller has closed them."""

import io
import os
import sys


def prepare_streams() -> None:
    """Makes the standard streams usable.

    Writing to a closed standard output fails, as to a pipe that nobody reads. What is written to a
    closed standard error is dropped, so it never changes the outcome. Names that are not UTF-8 are
    written as backslash escapes.
    """
    for number in range(3):
        if not _is_open(number):
            _occupy(number)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None or isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        raw = io.BufferedWriter(_Dropping(2, "w", closefd=False))  # type: ignore[type-var]
        sys.stderr = io.TextIOWrapper(
            raw, encoding=encoding, errors="backslashreplace", line_buffering=True
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Discards buffered output, which can no longer be delivered."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Dropping(io.FileIO):
    """A file that drops what cannot be written."""

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Writes as much as possible; the rest counts as written."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _occupy(number: int) -> None:
    """Opens something under a closed descriptor, which the next file would get otherwise."""
    if number == 1:
        reading, opened = os.pipe()
    else:
        opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    if number == 1 and reading != number:
        os.close(reading)
