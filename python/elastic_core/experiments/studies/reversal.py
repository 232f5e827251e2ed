"""Reversal (Table 3): how many reverse rows bring an aligned model back to its base?

Two criteria are read off the curves of reverse training: the paper's own, that the divergence from
the base falls below a bound, and that nothing is left of the alignment once the placebo is
subtracted.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Grid, with_ci
from elastic_core.experiments.arms.evidence import ArmEvidence
from elastic_core.experiments.arms.outcome import Alignment, Doses
from elastic_core.experiments.arms.report import ArmReport, listed
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.claims import Claim, Evidence
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.sides import (
    TwoSidedConfig,
    alignments_of,
    figures_of,
    judge_sides,
    run_two_sided,
)
from elastic_core.experiments.studies.study import Study
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Table
from elastic_core.statistics.effects import over_seeds


class ReversalConfig(TwoSidedConfig):
    """The configuration of reversal; see also `TwoSidedConfig`.

    Attributes:
        eps: The largest KL(model || base), in nats per token, that counts as having returned.
    """

    registered: ClassVar[Mapping[str, Claim]] = {
        "less_by_divergence": Claim(sign="negative", smallest=0.1),
        "less_by_margin": Claim(sign="negative", smallest=0.1),
        "fewer_than_aligned": Claim(sign="negative", smallest=0.1),
    }

    study: Literal["reversal"] = "reversal"
    eps: float = Field(default=0.01, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check_instruments(self) -> Self:
        if "kl" not in self.measure:
            raise InvalidArgumentError("measure: the criterion of reversal is the KL; add kl")
        return self


def analyse(config: ReversalConfig, rows: Sequence[Metrics]) -> Analysis:
    """Reports how many reverse rows are needed, and tests whether fewer after more alignment."""
    sides = alignments_of(config)
    alignments = [alignment for side in sides.values() for alignment in side]
    report = ArmReport(config, Grid(rows, config.seed_range), alignments, ("align", "rows"))
    judged = judge_sides(
        config, {first: _evidence(config, report, own) for first, own in sides.items()}
    )
    return Analysis(
        study="reversal",
        question=(
            "How little data of the opposite kind brings an aligned model back to where it was, "
            "and is less needed after more alignment?"
        ),
        protocol=(
            f"{config.model} was aligned with {listed(sorted(config.align))} "
            f"{' or '.join(config.first)} rows. {report.arms_sentence()} A model has returned by "
            f"divergence once KL(model || base) is at most {config.eps:g} nats per token, and by "
            "margin once nothing of the alignment is left; rows are interpolated between doses."
        ),
        findings=judged.findings,
        tables=(
            judged.table,
            _needed_table(config, report),
            report.left_table(),
            *report.course_tables(("margin", "kl")),
            *report.first_order_tables(),
        ),
        figures=figures_of(config, report, sides),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _by_divergence(config: ReversalConfig, report: ArmReport, alignment: Alignment) -> Doses:
    return report.outcome("kl").doses_to_value(alignment, "opposite", config.eps)


def _evidence(
    config: ReversalConfig, report: ArmReport, alignments: Sequence[Alignment]
) -> dict[str, Evidence]:
    """What was measured about each claim for one side."""
    evidence = ArmEvidence(config, report.grid)
    volumes, deepest = alignments[-1].lineage.volumes, alignments[-1]
    by_divergence = evidence.dose_trend(
        "the alignment",
        f"the reverse rows until KL(model || base) is at most {config.eps:g}",
        volumes,
        alignments,
        lambda alignment: _by_divergence(config, report, alignment),
    )
    why_divergence = by_divergence.unmet
    near = [
        alignment.name
        for alignment in alignments
        if (_by_divergence(config, report, alignment).rows == 0).any()
    ]
    if near:
        why_divergence = (
            f"After the alignment {near[0]} the divergence was at most {config.eps:g} already, so "
            "there is nothing to undo; lower eps, or raise recipe.learning_rate."
        )

    def to_nothing(alignment: Alignment) -> Doses:
        return evidence.margin.doses_to_nothing(alignment, "opposite")

    by_margin = evidence.dose_trend(
        "the alignment",
        "the reverse rows until nothing of it is left",
        volumes,
        alignments,
        to_nothing,
    )
    needed = to_nothing(deepest)
    (logs,), unmet, note = evidence.log_doses([needed])
    log_ratio = logs - math.log2(volumes[-1])
    per = "Change, per doubling of the alignment, of log2 of the reverse rows until"
    return {
        "less_by_divergence": evidence.of(
            "After more alignment, fewer reverse rows bring the divergence back.",
            f"{per} KL(model || base) is at most {config.eps:g}",
            by_divergence.slopes,
            alignments=alignments,
            arms=["opposite"],
            unit="doublings",
            unmet=why_divergence,
            sentence=by_divergence.sentence,
        ),
        "less_by_margin": evidence.of(
            "After more alignment, fewer reverse rows leave nothing of it.",
            f"{per} nothing of it is left",
            by_margin.slopes,
            alignments=alignments,
            arms=["opposite"],
            unit="doublings",
            unmet=by_margin.unmet,
            sentence=by_margin.sentence,
        ),
        "fewer_than_aligned": evidence.of(
            "Undoing an alignment takes fewer rows than making it.",
            f"log2 of the reverse rows until nothing of the alignment {deepest.name} is left, over "
            "the rows aligned with",
            log_ratio,
            alignments=[deepest],
            arms=["opposite"],
            unit="doublings",
            unmet=unmet,
            sentence=(
                f"{needed.text} reverse rows undid an alignment of {volumes[-1]:,} rows, in log2 "
                f"of the ratio {with_ci(over_seeds(log_ratio), 2)}.{note}"
                if math.isfinite(needed.pooled)
                else ""
            ),
        ),
    }


def _needed_table(config: ReversalConfig, report: ArmReport) -> Table:
    """The layout of Table 3: for each alignment its effect and the rows that undo it."""
    kl = report.outcome("kl")
    rows: list[tuple[TableCell, ...]] = [("base", 0.0, 0.0, "-", "-", "-", "-")]
    for alignment in report.alignments:
        cells: list[TableCell] = [
            alignment.name,
            over_seeds(kl.aligned(alignment)),
            over_seeds(report.margin.aligned(alignment)),
        ]
        for doses in (
            _by_divergence(config, report, alignment),
            report.margin.doses_to_nothing(alignment, "opposite"),
        ):
            came_back = int(np.isfinite(doses.rows).sum())
            cells += [doses.text, f"{came_back} of {len(doses.rows)}"]
        rows.append(tuple(cells))
    return Table(
        name="needed",
        title="Reverse rows that bring the model back",
        headings=(
            ("align", "rows"),
            ("KL(model || base)", "nats/token"),
            ("gain", "nats/token"),
            ("by KL", "rows"),
            ("back by KL", "seeds"),
            ("by margin", "rows"),
            ("back by margin", "seeds"),
        ),
        rows=tuple(rows),
        note=(
            f"by KL: reverse rows until KL(model || base) is at most {config.eps:g}, on the mean "
            "curve of all seeds. by margin: until the margin less that of the placebo is 0. back: "
            "seeds whose own curve gets there."
        ),
        digits=4,
        text_columns=("align", "by KL", "back by KL", "by margin", "back by margin"),
    )


STUDY = Study("reversal", ReversalConfig, run_two_sided, analyse)
"""The configuration and the cells of reversal."""
