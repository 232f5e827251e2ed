"""Reversion: does further training bring an aligned model back to its base?

Aligned models, and the base itself as a placebo, are trained further on several arms: text like the
pre-training, text of the opposite side, novel text. What is left of the alignment is the difference
of the two, so that whatever training as such does to a model cancels out.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.arms.calibration import calibrate
from elastic_core.experiments.arms.evidence import ArmEvidence
from elastic_core.experiments.arms.matching import VolumesConfig, all_volumes, run_lineages
from elastic_core.experiments.arms.protocol import Lineage, Side
from elastic_core.experiments.arms.report import ALONG_VOLUMES, ArmReport, Lines, listed
from elastic_core.experiments.arms.texts import ArmName
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.claims import Claim, Evidence, judge_claims
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.study import Study
from elastic_core.report.document import Figure


class ReversionConfig(VolumesConfig):
    """The configuration of reversion.

    Attributes:
        first: The side of the alignment.
    """

    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "distribution_returns": Claim(sign="positive", smallest=0.1),
        "pretraining_pulls": Claim(sign="positive", smallest=0.1),
        "faster_after_more": Claim(sign="negative", smallest=0.1),
        "larger_first_loss": Claim(sign="positive", smallest=0.02),
        "neutral_like_opposite": Claim(test="equivalence", smallest=0.1, primary=False),
    }

    study: Literal["reversion"] = "reversion"
    arms: list[ArmName] = Field(["neutral", "opposite", "novel"], min_length=1)
    first: Side = "positive"

    @model_validator(mode="after")
    def _check_volumes(self) -> Self:
        for lineage in lineages(self):
            self.check_lineage(lineage)
        return self


def lineages(config: ReversionConfig) -> list[Lineage]:
    """The lineage of the model, and after it that of the null model, if there is one."""
    recipe, further = config.build_recipe(), config.build_recipe(reverse=True)
    own = Lineage("", config.first, config.volumes, recipe, further)
    return [own, *config.null_of(own)]


def run(config: ReversionConfig, run_cells: RunCells) -> None:
    """Requests the base, aligned models, and each of them on every arm."""
    config = calibrate(config, lineages, run_cells)
    run_lineages(config, lineages(config), run_cells)


def analyse(config: ReversionConfig, rows: Sequence[Metrics]) -> Analysis:
    """Judges the claims on what is left of the alignment."""
    lineage, *nulls = lineages(config)
    grid = Grid(rows, config.seed_range)
    report = ArmReport(config, grid, all_volumes(config, lineage), ("align", "rows"))
    judged = judge_claims(config.claims, _evidence(config, report))
    return Analysis(
        study="reversion",
        question=(
            "Does an aligned model return to its base under data like those of its pre-training, "
            "and is it the pre-training that pulls it back?"
        ),
        protocol=(
            f"{config.model} was aligned with {listed(lineage.volumes)} {config.first} texts. "
            f"{report.arms_sentence()}"
        ),
        findings=judged.findings,
        tables=report.tables(judged.table),
        figures=_figures(config, report, nulls),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _figures(
    config: ReversionConfig, report: ArmReport, nulls: Sequence[Lineage]
) -> tuple[Figure, ...]:
    """The deepest alignment under each arm, and the trends along the volumes, with null models."""
    of_nulls = {str(null.model): all_volumes(config, null) for null in nulls}
    deepest = report.arms_figure(
        "reversion",
        report.alignments[-1],
        [alignments[-1] for alignments in of_nulls.values()],
    )
    volumes = report.alignments[0].lineage.volumes
    if len(volumes) == 1:
        return (deepest,)
    lines: Lines = {arm: (report.alignments, arm) for arm in config.arms}
    lines |= {f"{name}, {arm}": (of_nulls[name], arm) for name in of_nulls for arm in config.arms}
    return deepest, report.trend_figure("reversion-trend", ALONG_VOLUMES, volumes, lines)


def _evidence(config: ReversionConfig, report: ArmReport) -> dict[str, Evidence]:
    """What was measured about each claim."""
    evidence = ArmEvidence(config, report.grid)
    alignments, margin = report.alignments, evidence.margin
    deepest, volumes = alignments[-1], alignments[-1].lineage.volumes
    last, per = config.doses[-1], "the alignment"
    without_kl = ""
    if not report.has("kl_base"):
        without_kl = "The divergence was not measured; add kl to measure."
    return {
        "returns": evidence.lost("Neutral data undo the alignment.", deepest, "neutral"),
        "distribution_returns": evidence.of(
            "Under neutral data the distribution returns, not only the margin.",
            f"Share of KL(base || model) lost after {last:,} neutral texts, less the placebo's",
            report.outcome("kl_base").lost(deepest, "neutral")[-1],
            alignments=[deepest],
            arms=["neutral"],
            unmet=without_kl,
            sentence=without_kl
            or evidence.sentence_on_loss(
                f"{last:,} neutral texts",
                report.outcome("kl_base"),
                ("divergence", "KL(base || model)"),
                deepest,
                "neutral",
            ),
        ),
        "pretraining_pulls": evidence.of(
            "Data like the pre-training undo more of the alignment than novel data do.",
            "Share of the alignment left under novel less under neutral data, mean over doses",
            margin.area(deepest, "novel") - margin.area(deepest, "neutral"),
            alignments=[deepest],
            arms=["neutral", "novel"],
            sentence=evidence.sentence_on_arms(deepest, "novel", "neutral"),
        ),
        "faster_after_more": evidence.half_dose_trend(
            "The more alignment, the sooner half of it is undone by neutral data.",
            per, volumes, alignments, "neutral",
        ),
        "larger_first_loss": evidence.first_loss_trend(
            "The more alignment, the larger the share that the first neutral texts undo.",
            per, volumes, alignments, "neutral",
        ),
        "neutral_like_opposite": evidence.of(
            "Opposite data undo as much of the alignment as neutral data do.",
            "Share of the alignment left under neutral less under opposite data, mean over doses",
            margin.area(deepest, "neutral") - margin.area(deepest, "opposite"),
            alignments=[deepest],
            arms=["neutral", "opposite"],
            sentence=evidence.sentence_on_arms(deepest, "neutral", "opposite"),
        ),
    }  # fmt: skip


STUDY = Study("reversion", ReversionConfig, run, analyse)
"""The configuration and the cells of reversion."""
