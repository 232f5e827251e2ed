"""Arguments that take several texts, names or numbers."""

from collections.abc import Iterable
from typing import TypeVar, cast

Item = TypeVar("Item")


def listed(value: Iterable[Item]) -> list[Item]:
    """The items of an argument, in a list.

    A single text, name or number is one item: a string is never a sequence of its letters, nor are
    `bytes` one of numbers.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return [cast("Item", value)]
    return list(value)
