"""The libraries that come with extras, which most of elastic-core does without."""

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_core._core import ElasticCoreError, ModelError


@contextmanager
def requires_extra(
    what: str, extra: str = "lm", error: type[ElasticCoreError] = ModelError
) -> Iterator[None]:
    """Says, where the block imports what is not installed, how to install it.

    Args:
        what: The model or the data that needs the libraries.
        extra: What brings them.
        error: What is raised.

    Raises:
        ElasticCoreError: A module is missing; of the kind `error`.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise error(
            f"{what}: {missing.name} is not installed; pip install 'elastic-core[{extra}]'"
        ) from missing
