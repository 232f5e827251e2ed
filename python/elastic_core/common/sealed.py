"""Seals: hashes that our own state files carry, so that no damage is mistaken for a result.

A sealed object of JSON ends with the key `check`. Objects that earlier versions wrote have no seal
and are accepted as they are.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

SEAL = "check"
"""The key of a seal."""

_VALUE = re.compile(r"[0-9a-f]{16}")


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an object with its seal as the last key.

    Raises:
        TypeError: A value is not ready for JSON.
    """
    plain = {key: value for key, value in values.items() if key != SEAL}
    return {**plain, SEAL: _hash(plain)}


def unsealed(values: Any) -> Any:
    """A value as JSON has it, without its seal.

    Raises:
        ValueError: The seal does not agree with the rest.
    """
    if not isinstance(values, dict) or not values:
        return values
    key, value = next(reversed(values.items()))
    if key != SEAL and not (isinstance(value, str) and _VALUE.fullmatch(value)):
        return values
    plain = {name: item for name, item in values.items() if name != key}
    if key != SEAL or value != _hash(plain):
        raise ValueError("the seal does not agree")
    return plain


def _hash(values: Mapping[str, Any]) -> str:
    content = json.dumps(values, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
