"""The forms that every result comes in: a table, JSON, Markdown, CSV."""

import json
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

FORMATS = ("table", "json", "markdown", "csv")
"""The names that `print_form` and the command line know."""


class Recorded(Protocol):
    """A result that has a schema."""

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values that JSON can hold."""
        ...


AnyResult = TypeVar("AnyResult", bound=Recorded)


def json_text(result: Recorded) -> str:
    """The result as JSON of its schema, with a line end."""
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def print_form(
    result: AnyResult,
    form: str,
    *,
    table: Callable[[AnyResult], None],
    markdown: Callable[[AnyResult], str],
    csv: Callable[[AnyResult], str],
) -> None:
    """Prints a result to standard output.

    Args:
        result: The result.
        form: One of `FORMATS`.
        table: Prints it as a table.
        markdown: Makes Markdown of it.
        csv: Makes CSV of it.
    """
    match form:
        case "json":
            sys.stdout.write(json_text(result))
        case "markdown":
            sys.stdout.write(markdown(result))
        case "csv":
            sys.stdout.write(csv(result))
        case _:
            table(result)
