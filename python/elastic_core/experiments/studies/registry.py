"""The registry of studies: `find_study` by name."""

from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.studies.algorithms import STUDY as ALGORITHMS
from elastic_core.experiments.studies.mitigation import STUDY as MITIGATION
from elastic_core.experiments.studies.rebound import STUDY as REBOUND
from elastic_core.experiments.studies.resistance import STUDY as RESISTANCE
from elastic_core.experiments.studies.reversal import STUDY as REVERSAL
from elastic_core.experiments.studies.scaling import STUDY as SCALING
from elastic_core.experiments.studies.springs import STUDY as SPRINGS
from elastic_core.experiments.studies.study import Study

STUDIES: dict[str, Study[Any]] = {
    study.name: study
    for study in (RESISTANCE, REBOUND, REVERSAL, SCALING, ALGORITHMS, MITIGATION, SPRINGS)
}
"""All studies by name. To add one, import its `STUDY`, list it here and in `cli/experiment.py`."""


def find_study(name: str) -> Study[Any]:
    """The study with a name.

    Raises:
        InvalidArgumentError: There is no such study.
    """
    if name not in STUDIES:
        raise InvalidArgumentError(f"unknown study {name!r}; choose one of {', '.join(STUDIES)}")
    return STUDIES[name]
