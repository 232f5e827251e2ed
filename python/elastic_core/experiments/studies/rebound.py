"""Rebound (Fig. 4 and 8): do reverse data undo a deeper alignment faster?

Models are aligned with several volumes of one side and trained further on the other. The fall is
that of the alignment itself: what the same reverse data do to the base is subtracted.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.arms.evidence import ArmEvidence
from elastic_core.experiments.arms.outcome import Alignment
from elastic_core.experiments.arms.report import ALONG_VOLUMES, ArmReport, listed
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.claims import Claim, Evidence
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.sides import (
    TwoSidedConfig,
    alignments_of,
    figures_of,
    judge_sides,
    nulls_of,
    run_two_sided,
)
from elastic_core.experiments.studies.study import Study
from elastic_core.report.document import Figure


class ReboundConfig(TwoSidedConfig):
    """The configuration of rebound; see `TwoSidedConfig`."""

    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "faster_after_more": Claim(sign="negative", smallest=0.1),
        "larger_first_loss": Claim(sign="positive", smallest=0.02),
    }

    study: Literal["rebound"] = "rebound"


def analyse(config: ReboundConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether reverse data undo alignments, and deeper ones sooner."""
    sides = alignments_of(config)
    alignments = [alignment for side in sides.values() for alignment in side]
    report = ArmReport(config, Grid(rows, config.seed_range), alignments, ("align", "rows"))
    evidence = ArmEvidence(config, report.grid)
    judged = judge_sides(config, {first: _evidence(evidence, own) for first, own in sides.items()})
    return Analysis(
        study="rebound",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, and does it do so faster the more data it was aligned with?"
        ),
        protocol=(
            f"{config.model} was aligned with {listed(sorted(config.align))} "
            f"{' or '.join(config.first)} rows. {report.arms_sentence()}"
        ),
        findings=judged.findings,
        tables=report.tables(judged.table),
        figures=(*figures_of(config, report, sides), *_trend_figures(config, report, sides)),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _trend_figures(
    config: ReboundConfig, report: ArmReport, sides: Mapping[str, Sequence[Alignment]]
) -> tuple[Figure, ...]:
    """For each side with several volumes, the trends along them, beside those of a null model."""
    if "opposite" not in config.arms or len(config.align) == 1:
        return ()
    figures = []
    for first, alignments in sides.items():
        lines = {"opposite": (alignments, "opposite")}
        lines |= {
            f"{config.null_model}, opposite": (null, "opposite") for null in nulls_of(config, first)
        }
        volumes = alignments[0].lineage.volumes
        figures.append(report.trend_figure(f"{first}-first-trend", ALONG_VOLUMES, volumes, lines))
    return tuple(figures)


def _evidence(evidence: ArmEvidence, alignments: Sequence[Alignment]) -> dict[str, Evidence]:
    """What was measured about each claim for one side."""
    volumes, per = alignments[-1].lineage.volumes, "the alignment"
    return {
        "returns": evidence.lost(
            "Reverse data undo the alignment.", alignments[-1], "opposite"
        ),
        "faster_after_more": evidence.half_dose_trend(
            "The more alignment, the sooner half of it is undone by reverse data.",
            per, volumes, alignments, "opposite",
        ),
        "larger_first_loss": evidence.first_loss_trend(
            "The more alignment, the larger the share that the first reverse rows undo.",
            per, volumes, alignments, "opposite",
        ),
    }  # fmt: skip


STUDY = Study("rebound", ReboundConfig, run_two_sided, analyse)
"""The configuration and the cells of rebound."""
