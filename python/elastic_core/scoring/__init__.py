"""Scores of texts and of models: classifiers, losses, and the KL divergence to a reference."""

from elastic_core.scoring.divergence import Divergence, Drift, Reference
from elastic_core.scoring.loss import Loss, Ratio, completion_loss, losses
from elastic_core.scoring.scorers import Accuracy, LinearScorer, Scorer, load_scorer

__all__ = [
    "Accuracy",
    "Divergence",
    "Drift",
    "LinearScorer",
    "Loss",
    "Ratio",
    "Reference",
    "Scorer",
    "completion_loss",
    "load_scorer",
    "losses",
]
