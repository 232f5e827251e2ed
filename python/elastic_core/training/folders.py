"""Folders of trainings: one that holds something else is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError


def check_same(folder: Path, what: str, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuses a folder that holds something made in another way than is asked.

    Args:
        folder: The folder.
        what: What it holds, such as `run`.
        found: How that was made, as its JSON says.
        asked: How it is to be made, as JSON would give it back.

    Raises:
        InvalidArgumentError: Something asked is not what was found.
    """
    for name, value in asked.items():
        if found.get(name) != value:
            raise InvalidArgumentError(
                f"{folder}: it holds a {what} with {name} {found.get(name)!r}, not {value!r}; "
                "choose another folder"
            )
