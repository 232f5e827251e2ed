"""The registry of studies. Their names are known without loading them or what they need."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elastic_core._core import InvalidArgumentError

if TYPE_CHECKING:
    from elastic_core.experiments.studies.study import Study

STUDIES = (
    "reversion",
    "resistance",
    "rebound",
    "reversal",
    "scaling",
    "algorithms",
    "mitigation",
    "springs",
)
"""The names of all studies. Each is a module of this package, which defines `STUDY`."""


def find_study(name: str) -> "Study[Any]":
    """The study with a name.

    Raises:
        InvalidArgumentError: There is no such study.
    """
    if name not in STUDIES:
        raise InvalidArgumentError(f"unknown study {name!r}; choose one of {', '.join(STUDIES)}")
    study: Study[Any] = import_module(f"elastic_core.experiments.studies.{name}").STUDY
    return study
