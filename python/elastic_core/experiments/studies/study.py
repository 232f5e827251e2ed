"""What a study is, and the cells that most studies train: base, aligned, reverse-trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows, RunCells, TrainingStep
from elastic_core.experiments.config import Config, ExperimentConfig
from elastic_core.experiments.rows import Subset

OPPOSITE = {"positive": "negative", "negative": "positive"}
"""The side on which reverse training takes place, by the side of the alignment."""

SIGN = {"positive": 1.0, "negative": -1.0}
"""The sign of the change of the score that training on a side causes."""


@dataclass(frozen=True, slots=True)
class Study(Generic[Config]):
    """A study.

    Attributes:
        name: Name on the command line.
        config: Class of its configuration.
        run: Requests cells, in one or more calls; later requests may depend on earlier results.
            The same results must lead to the same requests, so that a run can be resumed.
        analyse: Turns the rows of all cells into an analysis.
    """

    name: str
    config: type[Config]
    run: Callable[[Config, RunCells], None]
    analyse: Callable[[Config, Sequence[Metrics]], Analysis]


def base(
    config: ExperimentConfig,
    seed: int,
    *,
    model: str | None = None,
    tokens: int | None = None,
    **labels: Label,
) -> Cell:
    """The model that a lineage starts from.

    Args:
        config: The configuration.
        seed: The seed.
        model: Name of the model; None: that of the configuration.
        tokens: Tokens of pre-training; None: all.
        **labels: Labels besides stage and seed.
    """
    labels = {"stage": "base", **labels, "seed": seed}
    return Cell(tuple(labels.items()), seed, model or config.model, tokens=tokens)


def aligned(
    config: ExperimentConfig,
    parent: Cell,
    side: str,
    count: int,
    *,
    rows: Rows | None = None,
    labels: Mapping[str, Label] | None = None,
    is_kept: bool = False,
    **changes: Any,
) -> Cell:
    """A model aligned with rows of one side.

    Args:
        config: The configuration.
        parent: The cell whose model is trained.
        side: `positive` or `negative`.
        count: Number of rows.
        rows: The rows; None: the first rows of the side.
        labels: Labels besides the side and the number of rows.
        is_kept: Whether cells that are requested later start from this model.
        **changes: Changes to the recipe.
    """
    merged = {**dict(parent.labels), "stage": "align", "first": side, "align": count}
    merged |= labels or {}
    training = TrainingStep(rows or Subset(side, count), config.build_recipe(**changes), side)
    return Cell(tuple(merged.items()), parent.seed, parent.model, parent, training, is_kept=is_kept)


def reverse_trained(
    config: ExperimentConfig,
    parent: Cell,
    count: int,
    *,
    rows: Rows | None = None,
    labels: Mapping[str, Label] | None = None,
    **changes: Any,
) -> Cell:
    """An aligned model trained on rows of the opposite side.

    Args:
        config: The configuration.
        parent: The aligned cell.
        count: Number of rows.
        rows: The rows; None: the first rows of the opposite side.
        labels: Labels besides the number of rows.
        **changes: Changes to the recipe of reverse training.
    """
    merged = {**dict(parent.labels), "stage": "reverse", "reverse": count, **(labels or {})}
    side = OPPOSITE[str(merged["first"])]
    recipe = config.build_recipe(reverse=True, **changes)
    training = TrainingStep(rows or Subset(side, count), recipe, side)
    return Cell(tuple(merged.items()), parent.seed, parent.model, parent, training)


def with_reversals(config: ExperimentConfig, start: Cell, volumes: Sequence[int]) -> list[Cell]:
    """An aligned cell, and after it the cell trained on each number of reverse rows."""
    return [start, *(reverse_trained(config, start, count) for count in sorted(volumes))]
