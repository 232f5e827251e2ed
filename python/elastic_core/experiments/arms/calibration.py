"""Calibration: the learning rate at which further training by itself hardly moves the base.

Before a study, as many neutral rows as the deepest alignment has are learned by the base. If they
move it by a third of the divergence of that alignment or more, the learning rates are halved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import Any, TypeVar

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.arms.protocol import ArmsConfig, Lineage, neutral_texts, trained_cell
from elastic_core.experiments.cells import Cell, Label, Metrics, RunCells, TrainingStep
from elastic_core.experiments.instruments import Instruments
from elastic_core.experiments.studies.study import base

Config = TypeVar("Config", bound=ArmsConfig)

_TRIALS = 5
_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Calibration:
    """A trial of a learning rate in the first seed.

    Attributes:
        halvings: How often the configured learning rates were halved.
        aligned: KL(base || model) after the deepest alignment, in nats per token.
        neutral: The same after as many neutral rows.
    """

    halvings: int
    aligned: float
    neutral: float

    @property
    def is_fine(self) -> bool:
        """Whether neutral rows move the base by less than a third as far as the alignment."""
        return self.neutral < _SHARE * self.aligned

    def sentence(self, rate: float) -> str:
        """What was found, as a sentence.

        Args:
            rate: The configured learning rate.
        """
        found = (
            f"as many neutral rows moved the base by {self.neutral:.4f} nats per token, and the "
            f"deepest alignment by {self.aligned:.4f}"
        )
        rate *= 0.5**self.halvings
        if self.is_fine:
            return f"Calibration chose recipe.learning_rate {rate:.3g}: {found}."
        return (
            f"Calibration found no learning rate down to {rate:.3g} at which neutral rows move the "
            f"base by less than a third of the alignment: {found}. Align with more rows."
        )


def calibrate(
    config: Config, lineages_of: Callable[[Config], Sequence[Lineage]], run_cells: RunCells
) -> Config:
    """The configuration with the learning rates that calibration chooses, if it asks for any.

    Args:
        config: The configuration.
        lineages_of: Gives the lineages of a configuration; the first one is tried.
        run_cells: Trains and measures cells.
    """
    if not config.calibrate:
        return config
    rows: list[Metrics] = []
    for halvings in range(_TRIALS):
        tried = _with_halved_rates(config, halvings)
        lineage = lineages_of(tried)[0]
        rows += run_cells(_trial(tried, lineage, halvings))
        trial = calibration_of(config, lineage, Grid(rows, [config.seed]))
        if trial is not None and trial.is_fine:
            return tried
    return tried


def calibration_of(config: ArmsConfig, lineage: Lineage, grid: Grid) -> Calibration | None:
    """The last trial of a lineage among the rows of a run; None if there is none."""

    def divergence(halvings: int, arm: str) -> float:
        return grid.value("kl_base", config.seed, **_labels(lineage, halvings, arm))

    trials = (
        Calibration(halvings, divergence(halvings, "same"), divergence(halvings, "neutral"))
        for halvings in count()
    )
    measured = list(takewhile(lambda trial: trial.aligned == trial.aligned, trials))
    return measured[-1] if measured else None


def _with_halved_rates(config: Config, halvings: int) -> Config:
    """The configuration with its learning rates halved a number of times."""
    if halvings == 0:
        return config
    factor = 0.5**halvings
    recipe = {**config.recipe, "learning_rate": config.build_recipe().learning_rate * factor}
    changes: dict[str, Any] = {"recipe": recipe}
    if "learning_rate" in config.reverse_recipe:
        rate = config.build_recipe(reverse=True).learning_rate * factor
        changes["reverse_recipe"] = {**config.reverse_recipe, "learning_rate": rate}
    return config.model_copy(update=changes)


def _trial(config: ArmsConfig, lineage: Lineage, halvings: int) -> list[Cell]:
    """The deepest alignment of the first seed, and the base after as many neutral rows."""
    root = base(config, config.seed, model=lineage.model, tokens=lineage.tokens)
    most = lineage.volumes[-1]
    trainings = {
        "same": TrainingStep(lineage.align_rows(root, lineage.first, 0, most), lineage.align),
        "neutral": TrainingStep(neutral_texts(config, root, 0, most), lineage.further),
    }
    cells = []
    for arm, step in trainings.items():
        step = replace(step, likes=lineage.first)
        cell = trained_cell(root, _labels(lineage, halvings, arm), step, (most,))
        cells.append(replace(cell, measures=(Instruments(root, ("kl",)),)))
    return cells


def _labels(lineage: Lineage, halvings: int, arm: str) -> dict[str, Label]:
    align = lineage.volumes[-1]
    return {"stage": "calibrate", "align": align, "halvings": halvings, "arm": arm}
