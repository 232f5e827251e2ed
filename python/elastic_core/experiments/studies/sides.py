"""What rebound and reversal share: alignments with either side, reversed by the other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator

from elastic_core.experiments.calibration import calibrate
from elastic_core.experiments.cells import RunCells
from elastic_core.experiments.claims import Claim, Evidence, JudgedClaims, judge_claims
from elastic_core.experiments.fields import Counts
from elastic_core.experiments.matching import run_lineages
from elastic_core.experiments.protocol import ArmsConfig, Lineage, Side


class TwoSidedConfig(ArmsConfig):
    """The keys of studies that may align with either side.

    Attributes:
        align: Numbers of rows to align with.
        first: The side of the alignment: `positive`, which negative rows then reverse, `negative`,
            or both, one after the other.
    """

    extent: ClassVar[frozenset[str]] = ArmsConfig.extent | {"align", "first"}

    align: Counts = Field([96, 192, 384])
    first: list[Side] = Field(["positive"], min_length=1)

    @model_validator(mode="after")
    def _check_lineages(self) -> Self:
        for lineage in lineages(self):
            self.check_lineage(lineage)
        return self


def lineages(config: TwoSidedConfig) -> list[Lineage]:
    """A lineage for each side that aligns."""
    volumes, further = tuple(sorted(config.align)), config.build_recipe(reverse=True)
    return [
        Lineage(
            first if len(config.first) > 1 else "",
            first,
            volumes,
            config.build_recipe(),
            further,
            labels={"first": first},
            placebo_labels={"first": first},
        )
        for first in config.first
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
