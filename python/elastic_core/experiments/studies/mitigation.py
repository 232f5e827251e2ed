"""Mitigation (App. C.2): which ways of aligning a model withstand more further training?

Each way, or variant, aligns until it has gained as much as the plain one. Its half-dose is then
compared with that of the plain one, seed by seed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.arms.calibration import calibrate
from elastic_core.experiments.arms.evidence import ArmEvidence
from elastic_core.experiments.arms.matching import (
    MatchedConfig,
    matched,
    run_matched,
    why_unmatched,
)
from elastic_core.experiments.arms.protocol import Lineage, neutral_texts, side_texts
from elastic_core.experiments.arms.report import ArmReport, listed
from elastic_core.experiments.arms.texts import SideTexts
from elastic_core.experiments.cells import Cell, Metrics, Rows, RunCells
from elastic_core.experiments.claims import Claim, Evidence, judge_claims
from elastic_core.experiments.config import Changes
from elastic_core.experiments.rows import Interleaved
from elastic_core.experiments.sections import Section
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.study import Study

PLAIN = "plain"
"""The variant that all others are compared with."""

_FIRST = "positive"
_TREE_KEYS = frozenset({"epochs", "weight"})


class Variant(Section):
    """A way to align a model.

    Attributes:
        mix: Neutral texts to mix in, per row of the alignment.
        recipe: Changes to the recipe: `lora_rank` trains an adapter, `beta` adds the KL divergence
            to the base to the loss.
    """

    mix: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    recipe: Changes = Field(default={})

    @property
    def description(self) -> str:
        """The variant in a few words."""
        parts = [f"{self.mix:g} neutral texts mixed in per row"] if self.mix else []
        parts += [f"{key} {value}" for key, value in self.recipe.items()]
        return ", ".join(parts) or "the recipe without changes"


class MitigationConfig(MatchedConfig):
    """The configuration of mitigation.

    Attributes:
        variants: The ways to align, by name; `plain`, without any change, is always included. The
            numbers in `align` include the texts that a variant mixes in.
    """

    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "lasts_longer": Claim(sign="positive", smallest=0.5),
    }

    study: Literal["mitigation"] = "mitigation"
    variants: dict[str, Variant] = Field(default={"mixed": Variant(mix=0.5)})

    @model_validator(mode="after")
    def _check_variants(self) -> Self:
        if self.variants.get(PLAIN, Variant()) != Variant():
            raise InvalidArgumentError(
                "variants.plain: it is the reference and cannot change anything; give this "
                "variant another name"
            )
        for name, variant in self.variants.items():
            if self.spec.is_tree and (unsupported := set(variant.recipe) - _TREE_KEYS):
                raise InvalidArgumentError(
                    f"variants.{name}: tree models do not support "
                    f"{', '.join(sorted(unsupported))}; use only mix, or choose a scratch: or hf: "
                    "model"
                )
        for lineage in lineages(self):
            self.check_lineage(lineage)
        return self

    @property
    def all_variants(self) -> dict[str, Variant]:
        """The variants, `plain` first."""
        return {PLAIN: Variant(), **self.variants}


def lineages(config: MitigationConfig) -> list[Lineage]:
    """A lineage for each variant, the plain one first, and that of the null model, if any, last."""
    own = [
        Lineage(
            name,
            _FIRST,
            config.volumes,
            config.build_recipe(**variant.recipe),
            config.build_recipe(reverse=True),
            labels={"variant": name},
            align_rows=partial(_mixed, config, variant.mix) if variant.mix else side_texts,
        )
        for name, variant in config.all_variants.items()
    ]
    return [*own, *config.null_of(own[0])]


def _mixed(
    config: MitigationConfig, ratio: float, root: Cell, side: str, draw: int, count: int
) -> Rows:
    """The first texts of a side, with neutral texts that no arm contains mixed in."""
    side_rows = SideTexts(side, draw, count)
    after = config.doses[-1]
    neutral = neutral_texts(config, root, draw, after + count, after)
    return Interleaved(side_rows, neutral, ratio, count)


def run(config: MitigationConfig, run_cells: RunCells) -> None:
    """Requests all alignments of each variant, and the arms of those with equal gain."""
    config = calibrate(config, lineages, run_cells)
    run_matched(config, lineages(config), run_cells)


def analyse(config: MitigationConfig, rows: Sequence[Metrics]) -> Analysis:
    """Compares the half-dose of each variant with the plain one's, at equal gain."""
    grid = Grid(rows, config.seed_range)
    alignments, nulls = matched(config, lineages(config), grid)
    report = ArmReport(config, grid, alignments, ("variant", ""))
    variants = "; ".join(
        f"{name}: {variant.description}" for name, variant in config.all_variants.items()
    )
    judged = judge_claims(*_claims(config, report))
    return Analysis(
        study="mitigation",
        question=(
            "Further data undo an alignment. Does it withstand more of them if neutral text is "
            "mixed into the alignment data, or if the model is kept close to the base in another "
            "way?"
        ),
        protocol=(
            f"{config.model} was aligned with {listed(config.volumes)} {_FIRST} rows in several "
            f"ways ({variants}), and each was taken where its gain is nearest to "
            f"{config.target_phrase}. {report.arms_sentence()}"
        ),
        findings=judged.findings,
        tables=report.tables(judged.table, is_matched=True),
        figures=report.figures("mitigation", nulls),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _claims(
    config: MitigationConfig, report: ArmReport
) -> tuple[dict[str, Claim], dict[str, Evidence]]:
    """The claims about each variant, and what was measured about them."""
    evidence, arm = ArmEvidence(config, report.grid), config.arms[0]
    plain, *others = report.alignments
    claims = {"plain: returns": config.claims["returns"]}
    returns = f"{arm.capitalize()} data undo the plain alignment."
    found = {"plain: returns": evidence.lost(returns, plain, arm)}
    for alignment in others:
        name = f"{alignment.name}: lasts_longer"
        claims[name] = config.claims["lasts_longer"]
        found[name] = evidence.half_dose_ratio(
            f"{alignment.name}: it takes more {arm} data to undo half of the alignment.",
            alignment,
            plain,
            arm,
            why_unmatched(evidence.margin, [plain, alignment]),
        )
    return claims, found


STUDY = Study("mitigation", MitigationConfig, run, analyse)
"""The configuration and the cells of mitigation."""
