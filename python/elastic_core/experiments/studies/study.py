"""What a study is, and the cell that its lineages start from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Cell, Label, Metrics, RunCells
from elastic_core.experiments.config import Config, ExperimentConfig

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
    return Cell(
        tuple(labels.items()),
        seed,
        model or config.model,
        tokens=tokens,
        has_completions=seed == config.seed,
    )
