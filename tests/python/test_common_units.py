"""Parsing and formatting of sizes, counts and durations."""

import pytest

from elastic_core import InvalidArgumentError
from elastic_core.common.units import (
    format_count,
    format_duration,
    format_size,
    parse_count,
    parse_memory,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("1B", 1),
        ("512MB", 512 * 10**6),
        ("512 mb", 512 * 10**6),
        ("2G", 2 * 2**30),
        ("1GiB", 2**30),
        ("1.5kib", 1536),
        ("1TB", 10**12),
    ],
)
def test_sizes_are_parsed(text: int | str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "much", "-1", "1iB", "1 GiB 2", "1PB", "nan", "0", 0, -5, "9" * 30 + "GiB"]
)
def test_invalid_sizes_are_rejected(text: int | str) -> None:
    with pytest.raises(InvalidArgumentError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (7, 7),
        ("7", 7),
        ("20M", 20 * 10**6),
        ("1.5k", 1500),
        ("2b", 2 * 10**9),
        (" 3 G ", 3 * 10**9),
    ],
)
def test_counts_are_parsed(text: int | str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "many", "-1", "1Mi", "1.5", "0k", 0, -5, "1e6"])
def test_invalid_counts_are_rejected(text: int | str) -> None:
    with pytest.raises(InvalidArgumentError, match="count"):
        parse_count(text)


def test_a_missing_memory_size_stays_none() -> None:
    assert parse_memory(None) is None


def test_a_memory_size_beyond_the_machine_is_refused() -> None:
    assert parse_memory("1MiB") == 1 << 20
    with pytest.raises(
        InvalidArgumentError, match="a memory budget of 1048576000 MiB is more than"
    ):
        parse_memory("1000TiB")


@pytest.mark.parametrize(
    ("count", "size", "number"),
    [
        (0, "0 B", "0"),
        (999, "999 B", "999"),
        (1000, "1.0 kB", "1.0 k"),
        (999_999, "1.0 MB", "1.0 M"),
        (77_123_456, "77.1 MB", "77.1 M"),
        (5 * 10**15, "5.0 PB", "5.0 P"),
    ],
)
def test_sizes_and_counts_are_formatted(count: int, size: str, number: str) -> None:
    assert format_size(count) == size
    assert format_count(count) == number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.56, "4.6 s"), (59.97, "1 min 0 s"), (72, "1 min 12 s"), (3599.6, "1 h 0 min")],
)
def test_durations_are_formatted(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
