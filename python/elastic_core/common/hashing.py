"""Hashes that identify configurations and data in result files and run folders."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def digest(value: Any) -> str:
    """The first 24 hexadecimal digits of the SHA-256 of a value's JSON with sorted keys.

    Values JSON cannot represent, such as paths, are hashed by their `str`.
    """
    content = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def rows_sha256(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, in hexadecimal, of rows in order: the JSON lines of the rows with sorted keys."""
    hasher = hashlib.sha256()
    for row in rows:
        hasher.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return hasher.hexdigest()
