"""The libraries that come with the extra `train`, which most files are read without."""

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_core._core import InvalidArgumentError


@contextmanager
def extra_needed(source: str) -> Iterator[None]:
    """Says of data, where the block imports what is not installed, how to install it.

    Raises:
        InvalidArgumentError: A module is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidArgumentError(
            f"{source}: {error.name} is not installed; pip install 'elastic-core[train]'"
        ) from error
