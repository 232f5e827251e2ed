"""Resistance: whether it is easier to return to an earlier model than to reach a later one."""

from elastic_core.experiments.studies.resistance.gaps import read_pairs
from elastic_core.experiments.studies.resistance.study import (
    STUDY,
    ResistanceConfig,
    analyse,
    run,
)

__all__ = ["STUDY", "ResistanceConfig", "analyse", "read_pairs", "run"]
