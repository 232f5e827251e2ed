"""Scores of texts and of models: classifiers, the KL divergence to a reference, losses."""

from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.scoring.divergence import Divergence, Drift, Reference
from elastic_core.scoring.linear import Accuracy, LinearScorer
from elastic_core.scoring.loss import Loss, losses
from elastic_core.scoring.ratio import Ratio
from elastic_core.scoring.scorer import Scorer

__all__ = [
    "Accuracy",
    "Divergence",
    "Drift",
    "LinearScorer",
    "Loss",
    "Ratio",
    "Reference",
    "Scorer",
    "load_scorer",
    "losses",
]


def load_scorer(spec: str, **options: Any) -> Scorer:
    """Loads a classifier or a reward model of transformers.

    Args:
        spec: A folder with a checkpoint, or `hf:` and a folder or a name on the Hugging Face hub.
        **options: Those of `elastic_core.scoring.classifier.load`: label, revision, dtype, device,
            window, batch.

    Raises:
        InvalidArgumentError: The spec is neither, or an option is not what it should be.
        ModelError: The model cannot be loaded.
    """
    if not (spec.startswith("hf:") or Path(spec).is_dir()):
        raise InvalidArgumentError(
            f"unknown scorer {spec!r}: name hf:NAME or a folder with a checkpoint"
        )
    with requires_extra(spec):
        from elastic_core.scoring import classifier
    return classifier.load(spec, **options)
