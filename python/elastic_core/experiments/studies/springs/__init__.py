"""Springs: rates of an aligned model under reverse data, beside those that token trees predict."""

from elastic_core.experiments.studies.springs.prediction import SETS, TreeLaw, predict
from elastic_core.experiments.studies.springs.report import analyse
from elastic_core.experiments.studies.springs.result import ORDERS, SpringResult, skill
from elastic_core.experiments.studies.springs.study import SpringsConfig, run
from elastic_core.experiments.studies.study import Study

STUDY = Study("springs", SpringsConfig, run, analyse)

__all__ = [
    "ORDERS",
    "SETS",
    "STUDY",
    "SpringResult",
    "SpringsConfig",
    "TreeLaw",
    "analyse",
    "predict",
    "run",
    "skill",
]
