"""Optional libraries, which the extras of the package install."""

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_core._core import ElasticCoreError, ModelError


@contextmanager
def requires_extra(
    what: str, extra: str = "lm", error: type[ElasticCoreError] = ModelError
) -> Iterator[None]:
    """Reports how to install the libraries that the block fails to import.

    Args:
        what: The model or file that needs the libraries.
        extra: The extra that installs them.
        error: The type of the error.

    Raises:
        ElasticCoreError: A module is missing; of type `error`.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("elastic_core"):
            raise
        raise error(
            f"{what}: {missing.name} is not installed; pip install 'elastic-core[{extra}]'"
        ) from missing
