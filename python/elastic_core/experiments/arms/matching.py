"""The cells of studies with arms: after every alignment, or after those with equal gain.

Where gains have to be equal, each alignment stops where its measured gain is nearest to the target.
The analysis repeats that choice on the stored rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import NULL, Grid
from elastic_core.experiments.arms.outcome import Alignment, Outcome
from elastic_core.experiments.arms.protocol import (
    ArmsConfig,
    Lineage,
    aligned_cell,
    arm_cells,
    base_cell,
)
from elastic_core.experiments.cells import Cell, Label, RunCells
from elastic_core.experiments.fields import Counts
from elastic_core.models.spec import ModelSpec
from elastic_core.statistics.effects import over_seeds
from elastic_core.training.finetuning.recipe import Recipe

_TOLERANCE = 1.5
"""The largest ratio of two gains that count as equal."""


class NullConfig(ArmsConfig):
    """The key of studies that can take a null model through their protocol.

    Attributes:
        null_model: A tree model that goes through the same protocol, such as `tree:4`, pre-trained
            on `pretrain.corpus`. It only counts text, so an effect that it shows as well is no
            evidence that networks are elastic. It is drawn in figures, and no claim rests on it.
            None: there is none.
    """

    extent: ClassVar[frozenset[str]] = ArmsConfig.extent | {"null_model"}

    null_model: str | None = None

    @model_validator(mode="after")
    def _check_null(self) -> Self:
        null = self.null_model
        if null is not None and not ModelSpec.parse(null, must_exist=False).is_tree:
            raise InvalidArgumentError(
                f"null_model {null}: the null model is a tree model; write tree:DEPTH"
            )
        return self

    def null_of(self, lineage: Lineage) -> list[Lineage]:
        """The lineage of the null model beside that of a model, if there is a null model."""
        if self.null_model is None:
            return []
        own: dict[str, Label] = {NULL: self.null_model}
        null = Lineage(
            f"{self.null_model} {lineage.name}".strip(),
            lineage.first,
            lineage.volumes,
            Recipe(),
            Recipe(),
            labels={**lineage.labels, **own},
            base_labels={**lineage.base_labels, **own},
            placebo_labels={**lineage.placebo_labels, **own},
            model=self.null_model,
            tokens=lineage.tokens,
        )
        return [null]


class VolumesConfig(NullConfig):
    """The keys of studies in which every alignment is trained further.

    Attributes:
        align: Numbers of rows to align with; each a multiple of the rows of a step.
    """

    extent: ClassVar[frozenset[str]] = NullConfig.extent | {"align"}

    align: Counts = Field([96, 192, 384])

    @property
    def volumes(self) -> tuple[int, ...]:
        """The alignment volumes, increasing."""
        return tuple(sorted(self.align))


class MatchedConfig(NullConfig):
    """The keys of studies that compare alignments at equal gain.

    Attributes:
        align: Numbers of rows after which an alignment may stop.
        gain: The margin at which it stops, in nats per token; None: half of what the first
            alignment of the study gains with the most rows, seed by seed. A null model stops at
            half of its own largest gain.
    """

    align: Counts = Field([48, 96, 144, 192, 256, 384])
    gain: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @property
    def target_phrase(self) -> str:
        """The gain at which an alignment stops, in words."""
        if self.gain is None:
            return "half of what the first one gains with the most rows"
        return f"{self.gain:g} nats per token"

    @property
    def volumes(self) -> tuple[int, ...]:
        """The numbers of rows after which an alignment may stop, increasing."""
        return tuple(sorted(self.align))


def run_lineages(config: ArmsConfig, lineages: Sequence[Lineage], run_cells: RunCells) -> None:
    """Requests all cells: every arm after every volume of each lineage.

    The largest volume comes first, so that a report on an unfinished run soon has its main result.
    """
    cells: dict[Cell, None] = {}
    for seed in config.seed_range:
        for lineage in lineages:
            root = base_cell(config, lineage, seed)
            cells[root] = None
            for draw in range(config.draws):
                cells |= dict.fromkeys(arm_cells(config, lineage, root, None, draw))
                for count in reversed(lineage.volumes):
                    start = aligned_cell(config, lineage, root, draw, count)
                    cells[start] = None
                    cells |= dict.fromkeys(arm_cells(config, lineage, root, start, draw))
    run_cells(list(cells))


def run_matched(config: MatchedConfig, lineages: Sequence[Lineage], run_cells: RunCells) -> None:
    """Requests all alignments, then every arm after the volume at which the gains are equal."""
    cells: dict[Cell, None] = {}
    starts: dict[tuple[str, int, int, int], Cell] = {}
    for seed in config.seed_range:
        for lineage in lineages:
            root = base_cell(config, lineage, seed)
            cells[root] = None
            for draw in range(config.draws):
                for count in lineage.volumes:
                    start = aligned_cell(config, lineage, root, draw, count)
                    start = replace(start, is_kept=True)
                    starts[lineage.name, seed, draw, count] = start
                    cells[start] = None
    grid = Grid(run_cells(list(cells)), config.seed_range)
    arms: dict[Cell, None] = {}
    for alignment in chain(*matched(config, lineages, grid)):
        for seed, volumes in zip(config.seed_range, alignment.volumes.tolist(), strict=True):
            root = base_cell(config, alignment.lineage, seed)
            for draw, volume in enumerate(volumes):
                arms |= dict.fromkeys(arm_cells(config, alignment.lineage, root, None, draw))
                start = starts[alignment.lineage.name, seed, draw, volume]
                arms |= dict.fromkeys(arm_cells(config, alignment.lineage, root, start, draw))
    run_cells(list(arms))


def all_volumes(config: ArmsConfig, lineage: Lineage) -> list[Alignment]:
    """An alignment for each volume of a lineage, the same in all seeds and draws."""
    shape = (config.seeds, config.draws)
    return [
        Alignment(f"{volume:,} {lineage.name}".strip(), lineage, np.full(shape, volume))
        for volume in lineage.volumes
    ]


def matched(
    config: MatchedConfig, lineages: Sequence[Lineage], grid: Grid
) -> tuple[list[Alignment], list[Alignment]]:
    """The alignment of each lineage whose gain is nearest to the target, seed by seed.

    The target of a null model is half of its own largest gain, as its margin has another scale.
    Where no gain has been measured, which is so in a plan, it is the largest alignment.

    Returns:
        The alignments to compare, and those of null models.
    """
    outcome = Outcome(grid, "margin", config.doses)
    gains = [
        np.array([outcome.aligned(alignment) for alignment in all_volumes(config, lineage)])
        for lineage in lineages
    ]
    target = gains[0][-1] / 2 if config.gain is None else np.full_like(gains[0][-1], config.gain)
    alignments: list[Alignment] = []
    nulls: list[Alignment] = []
    for lineage, gain in zip(lineages, gains, strict=True):
        is_null = NULL in lineage.labels
        wanted = gain[-1] / 2 if is_null else target
        distance = np.where(np.isfinite(gain), np.abs(gain - wanted), np.inf)
        distance[-1] = np.where(np.isinf(distance).all(axis=0), 0, distance[-1])
        nearest = np.array(lineage.volumes)[distance.argmin(axis=0)]
        (nulls if is_null else alignments).append(Alignment(lineage.name, lineage, nearest))
    return alignments, nulls


def why_unmatched(outcome: Outcome, alignments: Sequence[Alignment]) -> str:
    """Why alignments cannot be compared with the first, as a sentence; empty if gains are close."""
    reference = alignments[0]
    target = over_seeds(outcome.aligned(reference)).mean
    for alignment in alignments[1:]:
        gain = over_seeds(outcome.aligned(alignment)).mean
        if not (gain > 0 and target > 0 and 1 / _TOLERANCE <= gain / target <= _TOLERANCE):
            return (
                f"{alignment.name} gained {gain:.4f} and {reference.name} {target:.4f} nats per "
                "token at the volumes whose gains are closest; add volumes to align, or change a "
                "learning rate."
            )
    return ""
