"""Reversion: does further training bring an aligned model back to its base?

Aligned models, and the base itself as a placebo, are trained further on several arms: text like the
pre-training, text of the opposite side, novel text. What is left of the alignment is the difference
of the two, so that whatever training as such does to a model cancels out.
"""

from elastic_core.experiments.studies.reversion.cells import ReversionConfig, run
from elastic_core.experiments.studies.reversion.report import analyse
from elastic_core.experiments.studies.study import Study

STUDY = Study("reversion", ReversionConfig, run, analyse)
