"""The lineages that most studies are made of: base, aligned, trained against the alignment."""

from collections.abc import Mapping
from typing import Any

from elastic_core.experiments.cells import Cell, Label, Rows, TrainingStep
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.rows import Subset

OTHER = {"positive": "negative", "negative": "positive"}
"""The side that is trained on against the alignment with a side."""

SIGN = {"positive": 1.0, "negative": -1.0}
"""Times which the score rises with more of a side."""


def base(
    config: ExperimentConfig,
    seed: int,
    *,
    model: str | None = None,
    tokens: int | None = None,
    **labels: Label,
) -> Cell:
    """The model that a lineage begins with.

    Args:
        config: The configuration.
        seed: The seed.
        model: The model; None: that of the configuration.
        tokens: After how many tokens of pre-training; None: after all.
        **labels: Where it stands in the study, besides its stage and seed.
    """
    named = {"stage": "base", **labels, "seed": seed}
    return Cell(tuple(named.items()), seed, model or config.model, tokens=tokens)


def aligned(
    config: ExperimentConfig,
    parent: Cell,
    side: str,
    count: int,
    *,
    rows: Rows | None = None,
    labels: Mapping[str, Label] | None = None,
    kept: bool = False,
    **more: Any,
) -> Cell:
    """A model trained on so many rows of a side.

    Args:
        config: The configuration.
        parent: The model that is trained.
        side: The side.
        count: How many rows.
        rows: The rows; None: the first of the side.
        labels: Where it stands in the study, besides the side and how many rows.
        kept: Whether cells that are asked for later go on from it.
        **more: What is different in the recipe.
    """
    named = {**dict(parent.labels), "stage": "align", "first": side, "align": count}
    named |= labels or {}
    training = TrainingStep(rows or Subset(side, count), config.build_recipe(**more), side)
    return Cell(tuple(named.items()), parent.seed, parent.model, parent, training, is_kept=kept)


def against(
    config: ExperimentConfig,
    parent: Cell,
    count: int,
    *,
    rows: Rows | None = None,
    labels: Mapping[str, Label] | None = None,
    **more: Any,
) -> Cell:
    """An aligned model trained on so many rows of the other side.

    Args:
        config: The configuration.
        parent: The aligned model.
        count: How many rows.
        rows: The rows; None: the first of the other side.
        labels: Where it stands in the study, besides how many rows.
        **more: What is different in the recipe.
    """
    named = {**dict(parent.labels), "stage": "reverse", "reverse": count, **(labels or {})}
    side = OTHER[str(named["first"])]
    recipe = config.build_recipe(reverse=True, **more)
    training = TrainingStep(rows or Subset(side, count), recipe, side)
    return Cell(tuple(named.items()), parent.seed, parent.model, parent, training)
