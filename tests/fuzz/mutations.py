"""Seeded mutations of files: bytes, lines of text, and values of JSON and YAML."""

import copy
import random
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Mutation: TypeAlias = Callable[[random.Random, bytes, bytes], bytes]
"""Changes the bytes of a file; the other bytes are a source of foreign pieces."""

_INTEGERS = (
    *(0, 1, 0x7F, 0xFF, 0x100, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, (1 << 64) - 1),
)
_NUMBERS = (
    *(b"0", b"-1", b"256", b"4294967296", b"18446744073709551616", b"1e400", b"NaN"),
    b"9" * 5000,
)
_PIECES = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\u0000", b"\\ud83d", b"null", b"\x00"),
    *(b"\xff", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\t", b"\n", b"- ", b": ", b"# ", b"<<: "),
    *(b"*a ", b"&a ", b"| ", b"> ", b"!!float x ", b"!!python/object:os.system ", b"1:99"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 1 << 31, 1 << 64, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "\x00", "\x1b[31m", "/dev/zero", "a" * 5000, "tree:8", "hf:no/such", "\ud83d"),
    *([], {}, [None], {"": None}, [[[[]]]]),
)


def _place(draw: random.Random, data: bytes) -> int:
    """A position, more often near either end, where headers and footers are."""
    if not data:
        return 0
    last = len(data) - 1
    kind = draw.random()
    if kind < 0.25:
        return min(last, int(draw.expovariate(1 / 24)))
    if kind < 0.5:
        return max(0, last - int(draw.expovariate(1 / 64)))
    return draw.randrange(len(data))


def _flip(draw: random.Random, data: bytes, _other: bytes) -> bytes:
    changed = bytearray(data)
    bits = draw.choice([1, 1, 1, 2, 4, 16]) if data else 0
    for at in (_place(draw, data) for _ in range(bits)):
        changed[at] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _truncate(draw: random.Random, data: bytes, _: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] if draw.random() < 0.8 else data[at:]


def _append(draw: random.Random, data: bytes, _: bytes) -> bytes:
    return data + draw.choice([bytes(draw.choice([1, 8, 512])), draw.randbytes(32), data])


def _cross(draw: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: _place(draw, data)] + other[_place(draw, other) :]


def _insert(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at, start = _place(draw, data), _place(draw, other)
    return data[:at] + other[start : start + draw.choice([1, 4, 16, 256])] + data[at:]


def _repeat(draw: random.Random, data: bytes, _: bytes) -> bytes:
    start = _place(draw, data)
    end = start + draw.choice([1, 4, 16, 64, 512])
    return data[:end] + data[start:end] * draw.choice([1, 2, 50]) + data[end:]


def _drop(draw: random.Random, data: bytes, _: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] + data[at + draw.choice([1, 2, 4, 16, 64, 512]) :]


def _zero(draw: random.Random, data: bytes, _: bytes) -> bytes:
    at = _place(draw, data)
    count = len(data[at : at + draw.choice([4, 16, 64, 512])])
    return data[:at] + bytes(count) + data[at + count :]


def _integer(draw: random.Random, data: bytes, _: bytes) -> bytes:
    """Overwrites a field of 1 to 8 bytes with a number that is far off."""
    size, code = draw.choice([(1, "B"), (2, "H"), (4, "I"), (8, "Q")])
    at = _place(draw, data)
    field = struct.pack(draw.choice("<>") + code, draw.choice(_INTEGERS) % (1 << 8 * size))
    return data[:at] + field + data[at + size :]


def _number(draw: random.Random, data: bytes, other: bytes) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return _integer(draw, data, other)
    match = draw.choice(found)
    return data[: match.start()] + draw.choice(_NUMBERS) + data[match.end() :]


def _piece(draw: random.Random, data: bytes, _: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] + draw.choice(_PIECES) + data[at + draw.choice([0, 0, 1]) :]


def _nest(draw: random.Random, data: bytes, _: bytes) -> bytes:
    at, depth = _place(draw, data), draw.choice([50, 2000, 30000])
    start, end = draw.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return data[:at] + start * depth + b"1" + end * depth + data[at:]


def _line(draw: random.Random, data: bytes, other: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return _drop(draw, data, other)
    at = draw.randrange(len(lines))
    line = lines.pop(at)
    if draw.random() < 0.7:
        foreign = draw.choice([line, b"\n", b"null\n", b"[]\n", b"{}\n", b'"x"\n', b"\x00\n"])
        lines.insert(draw.randrange(len(lines) + 1), foreign)
    return b"".join(lines)


BINARY: tuple[Mutation, ...] = (
    *(_flip, _flip, _flip, _truncate, _append, _cross, _insert, _repeat, _drop, _zero),
    *(_integer, _integer),
)
"""Mutations of binary files."""

TEXT: tuple[Mutation, ...] = (
    *(_flip, _truncate, _append, _insert, _repeat, _drop, _number, _number, _piece, _piece),
    *(_nest, _line, _line),
)
"""Mutations of text files."""


def mutated(
    draw: random.Random,
    data: bytes,
    other: bytes | None = None,
    kinds: tuple[Mutation, ...] = BINARY,
) -> bytes:
    """Bytes with one to three mutations.

    Args:
        draw: The source of randomness.
        data: The bytes.
        other: Where foreign pieces come from; None: the bytes themselves.
        kinds: `BINARY` or `TEXT`.
    """
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        data = draw.choice(kinds)(draw, data, data if other is None else other)
    return data


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(child, (*path, key))


def mutated_value(draw: random.Random, value: Any) -> Any:
    """A value of JSON or YAML with one to three nodes replaced, dropped, renamed or doubled."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice([1, 1, 2, 3])):
        paths = list(_paths(value))
        if not paths:
            return draw.choice(_VALUES)
        *parents, last = draw.choice(paths)
        place = value
        for key in parents:
            place = place[key]
        match draw.choice(["replace", "replace", "near", "drop", "rename", "double"]):
            case "drop":
                del place[last]
            case "rename" if isinstance(place, dict):
                place[draw.choice(["", f"{last}x", str(last).upper()])] = place.pop(last)
            case "double" if isinstance(place, list):
                place.insert(last, copy.deepcopy(place[last]))
            case "near" if type(place[last]) in (int, float):
                place[last] = draw.choice([place[last] + 1, -place[last], place[last] * 1000])
            case _:
                place[last] = copy.deepcopy(draw.choice(_VALUES))
    return value
