"""Versions recorded in result files."""

import platform
from importlib.metadata import version

from elastic_core._core import __version__


def versions(*libraries: str) -> dict[str, str]:
    """Versions of elastic-core, Python and the named libraries, by their names on PyPI.

    Raises:
        PackageNotFoundError: A library is not installed.
    """
    return {
        "elastic_core": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def versions_here() -> dict[str, str]:
    """Versions of elastic-core and Python, and the platform."""
    return {**versions(), "platform": platform.platform()}
