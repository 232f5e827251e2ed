"""The standard streams of the command line, also where the caller has closed them."""

import io
import os
import sys


def prepare_streams() -> None:
    """Makes the standard streams usable.

    Writing to a closed standard output fails, as to a full disk; what is written to a closed
    standard error is dropped, so it never changes the outcome. Names that are not UTF-8 are written
    as backslash escapes.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        _occupy(number, flags)
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


def _occupy(number: int, flags: int) -> None:
    """Opens the null device under a closed descriptor, which the next file would get otherwise."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, flags)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
