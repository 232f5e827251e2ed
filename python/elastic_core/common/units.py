"""Sizes and counts as people write them: `1GiB` and `20M` in, `77.1 MB` out."""

import re
from fractions import Fraction

from elastic_core._core import InvalidArgumentError, check_memory
from elastic_core.common.messages import abridged

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)\s*", re.IGNORECASE)
_COUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmbgt]?)\s*", re.IGNORECASE)
_THOUSANDS = {"": 0, "k": 1, "m": 2, "b": 3, "g": 3, "t": 4}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LARGEST = 2**63 - 1


def parse_size(size: int | str) -> int:
    """The bytes in a size such as `1GiB`, `512MB` or `2G`.

    `kB`, `MB`, ... are powers of 1000; `KiB`, `MiB`, ... and a letter alone (`M`) are powers of
    1024. Case does not matter.

    Args:
        size: A number of bytes, or a text with a number and an optional unit.

    Returns:
        The size in bytes.

    Raises:
        InvalidArgumentError: The text is not a size, or the size is out of range.
    """
    if isinstance(size, int):
        bytes_ = size
    else:
        match = _SIZE.fullmatch(size)
        if match is None or (match[3] and not match[2]):
            raise InvalidArgumentError(
                f"{abridged(size)} is not a size; write a number of bytes, or one with a unit "
                "as in 512MB"
            )
        number, power, binary, byte = match.groups()
        base = 1000 if byte and not binary else 1024
        bytes_ = int(float(number) * base ** _POWERS[power.lower()])
    if not 0 < bytes_ <= _LARGEST:
        raise InvalidArgumentError(
            f"the size {abridged(size)} is out of range; write one such as 512MB"
        )
    return bytes_


def parse_memory(memory: int | str | None) -> int | None:
    """The bytes in a memory limit; None, the default, stays None.

    Raises:
        InvalidArgumentError: The text is not a size, or more than this process can use.
    """
    if memory is None:
        return None
    bytes_ = parse_size(memory)
    check_memory(bytes_)
    return bytes_


def parse_count(count: int | str) -> int:
    """The number in a count such as `20M`, `1.5k` or `2B`; letters are powers of 1000.

    Raises:
        InvalidArgumentError: The text is not a count, or not a whole number above 0.
    """
    match = _COUNT.fullmatch(str(count))
    number = Fraction(match[1]) * 1000 ** _THOUSANDS[match[2].lower()] if match else Fraction(0)
    if number <= 0 or number.denominator != 1:
        raise InvalidArgumentError(
            f"{abridged(count)} is not a count; write one such as 500k or 20M"
        )
    return int(number)


def format_size(count: float) -> str:
    """A number of bytes with three to four digits and a decimal unit, such as `77.1 MB`."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB"))


def format_count(count: float) -> str:
    """A number with three to four digits and a decimal prefix, such as `77.1 M`."""
    return _scaled(count, ("", "k", "M", "G", "T", "P")).rstrip()


def format_duration(seconds: float) -> str:
    """A time such as `2 h 5 min`, `3 min 20 s` or `4.5 s`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def rough_duration(seconds: float) -> str:
    """An estimated time such as `12 seconds`, `3 minutes` or `1.5 hours`."""
    if seconds < 90:
        return counted(max(1, round(seconds)), "second", "seconds")
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def counted(count: int, one: str, many: str) -> str:
    """A number and what it counts, such as `1 leaf` or `1,024 leaves`."""
    return f"{count:,} {one if count == 1 else many}"


def volume(documents: int, size: int, amount: str, bad_rows: int) -> str:
    """How much of a corpus was read, such as `2 documents, 1.2 kB, 1,200 symbols`.

    Args:
        documents: Documents read.
        size: Bytes of their text.
        amount: What they contain, in words, such as `1,200 symbols`.
        bad_rows: Rows left out; mentioned if there are any.
    """
    parts = [counted(documents, "document", "documents"), format_size(size), amount]
    if bad_rows:
        parts.append(f"{counted(bad_rows, 'bad row', 'bad rows')} left out")
    return ", ".join(parts)


def _scaled(count: float, units: tuple[str, ...]) -> str:
    value = float(count)
    for unit in units[:-1]:
        if round(value, 1) < 1000:
            return f"{value:.0f} {unit}" if unit == units[0] else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {units[-1]}"
