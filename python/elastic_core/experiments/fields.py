"""The types of keys of a configuration: counts, names, and numbers that are no booleans."""

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import parse_count


def _count(value: Any) -> int:
    """A count, which may stand alone in a list."""
    return parse_count(value[0] if isinstance(value, list) and len(value) == 1 else value)


Count = Annotated[int, BeforeValidator(_count), Field(ge=1, le=2**63 - 1)]
"""A positive whole number, written 20000 or `20k`."""


def _counts(value: Any) -> Any:
    """A list of counts, which may be one without brackets."""
    if isinstance(value, str) and "," in value:
        raise InvalidArgumentError(f"write a list in brackets and quotes, such as '[{value}]'")
    return value if isinstance(value, list | tuple) else [value]


Names = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
"""Several names, or a single one."""
Counts = Annotated[
    list[Count],
    BeforeValidator(_counts),
    Field(min_length=1),
]
"""One or more counts; one may be written without brackets."""


def refuse_boolean(key: str, value: Any, annotation: Any) -> None:
    """Refuses `true` and `false`, alone or in a list, where a type has numbers but no booleans.

    Args:
        key: The key, to begin the message; empty: whoever catches the error names it.
        value: The value of the key.
        annotation: The type of the key.

    Raises:
        InvalidArgumentError: The value is a boolean where a number is meant.
    """
    items = value if isinstance(value, list | tuple) else [value]
    types = _types(annotation)
    if bool in types or not types & {int, float}:
        return
    for item in items:
        if isinstance(item, bool):
            place = f"{key} {item}: " if key else ""
            raise InvalidArgumentError(f"{place}{str(item).lower()} is not a number; write one")


def _types(annotation: Any) -> set[Any]:
    """The types that an annotation consists of."""
    return {annotation}.union(*map(_types, get_args(annotation)))
