"""What rebound and reversal share: alignments with either side, reversed by the other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator

from elastic_core.experiments.analysis import NULL
from elastic_core.experiments.arms.calibration import calibrate
from elastic_core.experiments.arms.matching import VolumesConfig, all_volumes, run_lineages
from elastic_core.experiments.arms.outcome import Alignment
from elastic_core.experiments.arms.protocol import Lineage, Side
from elastic_core.experiments.arms.report import ArmReport
from elastic_core.experiments.cells import RunCells
from elastic_core.experiments.claims import Claim, Evidence, JudgedClaims, judge_claims
from elastic_core.report.document import Figure


class TwoSidedConfig(VolumesConfig):
    """The keys of studies that may align with either side.

    Attributes:
        first: The side of the alignment: `positive`, which negative rows then reverse, `negative`,
            or both, one after the other.
    """

    extent: ClassVar[frozenset[str]] = VolumesConfig.extent | {"first"}

    first: list[Side] = Field(["positive"], min_length=1)

    @model_validator(mode="after")
    def _check_lineages(self) -> Self:
        for lineage in lineages(self):
            self.check_lineage(lineage)
        return self


def lineages(config: TwoSidedConfig) -> list[Lineage]:
    """A lineage for each side that aligns, each followed by that of the null model, if any."""
    found = []
    for first in config.first:
        own = Lineage(
            first if len(config.first) > 1 else "",
            first,
            config.volumes,
            config.build_recipe(),
            config.build_recipe(reverse=True),
            labels={"first": first},
            placebo_labels={"first": first},
        )
        found += [own, *config.null_of(own)]
    return found


def alignments_of(config: TwoSidedConfig) -> dict[str, list[Alignment]]:
    """The alignments of the model by side."""
    own = [lineage for lineage in lineages(config) if NULL not in lineage.labels]
    return {lineage.first: all_volumes(config, lineage) for lineage in own}


def figures_of(
    config: TwoSidedConfig, report: ArmReport, sides: Mapping[str, Sequence[Alignment]]
) -> tuple[Figure, ...]:
    """For each side, its alignments under opposite data, beside the null model's deepest one."""
    if "opposite" not in config.arms:
        return ()
    return tuple(
        report.alignments_figure(
            f"{first}-first",
            "opposite",
            alignments,
            [null[-1] for null in nulls_of(config, first)],
        )
        for first, alignments in sides.items()
    )


def nulls_of(config: TwoSidedConfig, first: str) -> list[list[Alignment]]:
    """The alignments of null models by increasing volume, for those aligned with a side first."""
    return [
        all_volumes(config, lineage)
        for lineage in lineages(config)
        if NULL in lineage.labels and lineage.first == first
    ]


def run_two_sided(config: TwoSidedConfig, run_cells: RunCells) -> None:
    """Requests all alignments, and each of them and the base on every arm."""
    config = calibrate(config, lineages, run_cells)
    run_lineages(config, lineages(config), run_cells)


def judge_sides(
    config: TwoSidedConfig, evidence: Mapping[str, Mapping[str, Evidence]]
) -> JudgedClaims:
    """Judges the claims for each side that aligns, as one family.

    Args:
        config: The configuration.
        evidence: What was measured about each claim, by side and name of the claim.
    """
    claims: dict[str, Claim] = {}
    measured: dict[str, Evidence] = {}
    for first, of_side in evidence.items():
        for name, found in of_side.items():
            full = name if len(evidence) == 1 else f"{first}: {name}"
            sentence = found.claim if len(evidence) == 1 else f"{first} first: {found.claim}"
            claims[full] = config.claims[name]
            measured[full] = replace(found, claim=sentence)
    return judge_claims(claims, measured)
