"""Hashes that identify configurations and data in result files and run folders."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any

ADDED_LATER = {"added_later": True}
"""Metadata of a field with a default that earlier versions lack, of a dataclass or a configuration.

Where it has its default, it is left out of hashes: those of existing run folders stay valid.
"""


def hashed_fields(value: Any) -> list[Field[Any]]:
    """The fields of a dataclass that its hash is made of: all but later ones at their default."""
    return [
        field
        for field in fields(value)
        if not (field.metadata.get("added_later") and getattr(value, field.name) == field.default)
    ]


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
