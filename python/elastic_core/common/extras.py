"""Optional libraries, which the extras of the package install."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from elastic_core._core import ElasticCoreError, ModelError


@contextmanager
def requires_extra(
    what: str, extra: str = "lm", error: type[ElasticCoreError] = ModelError
) -> Iterator[None]:
    """Reports how to install the libraries that the block fails to import.

    Args:
        what: The model, file or command that needs the libraries.
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
        raise error(_remedy(what, missing.name, extra)) from missing


def check_extra(
    what: str,
    libraries: Iterable[str],
    extra: str = "lm",
    error: type[ElasticCoreError] = ModelError,
) -> None:
    """Checks that libraries are installed, without the seconds that importing them can take.

    Args:
        what: The model, file or command that needs the libraries.
        libraries: Their names.
        extra: The extra that installs them.
        error: The type of the error.

    Raises:
        ElasticCoreError: A library is missing; of type `error`.
    """
    for name in libraries:
        if find_spec(name) is None:
            raise error(_remedy(what, name, extra))


def _remedy(what: str, library: str, extra: str) -> str:
    return f"{what}: {library} is not installed; pip install 'elastic-core[{extra}]'"
