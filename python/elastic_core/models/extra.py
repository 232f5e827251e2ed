"""The libraries of the extras `lm` and `train`, which most of elastic-core does without."""

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_core._core import ModelError


@contextmanager
def extra_needed(spec: str, extra: str = "lm") -> Iterator[None]:
    """Says of a model, where the block imports what is not installed, how to install it.

    Raises:
        ModelError: A module is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{spec}: {error.name} is not installed; pip install 'elastic-core[{extra}]'"
        ) from error
