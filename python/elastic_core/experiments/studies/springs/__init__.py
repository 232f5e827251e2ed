"""Springs: rates of an aligned model under reverse data, beside those that token trees predict."""

from elastic_core.experiments.studies.springs.prediction import SETS, TreeLaw, predict
from elastic_core.experiments.studies.springs.result import SpringResult
from elastic_core.experiments.studies.springs.study import STUDY, SpringsConfig, analyse, run

__all__ = ["SETS", "STUDY", "SpringResult", "SpringsConfig", "TreeLaw", "analyse", "predict", "run"]
