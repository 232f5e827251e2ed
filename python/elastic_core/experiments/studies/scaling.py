"""Scaling (Fig. 5, 6, 10): is elasticity stronger in larger or more pre-trained models?

Each model is aligned until it has gained as much as the others, then trained on reverse rows. The
claims are trends over doublings of the size, or of the tokens of pre-training.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import counted, format_count
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.arms.calibration import calibrate
from elastic_core.experiments.arms.evidence import ArmEvidence
from elastic_core.experiments.arms.matching import (
    MatchedConfig,
    matched,
    run_matched,
    why_unmatched,
)
from elastic_core.experiments.arms.outcome import Alignment
from elastic_core.experiments.arms.protocol import Lineage, Side
from elastic_core.experiments.arms.report import ArmReport, Lines, listed
from elastic_core.experiments.cells import Label, Metrics, RunCells
from elastic_core.experiments.claims import Claim, Evidence, judge_claims
from elastic_core.experiments.fields import Count
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.study import Study
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Table
from elastic_core.statistics.effects import over_seeds

_AXIS_LABELS = {
    "size": "size (parameters, or depth)",
    "pretraining": "tokens of pre-training",
}
_QUANTITIES = {"size": "the size", "pretraining": "the pre-training"}
_SUBJECTS = {"size": "Larger models", "pretraining": "Models with more pre-training"}


class ScalingConfig(MatchedConfig):
    """The configuration of scaling.

    Attributes:
        along: What grows from model to model: `size` or `pretraining`.
        models: The models in increasing order; empty: only `model`, along `pretraining`.
        pretraining: Along `pretraining`, the tokens after which `model`, pre-trained here, is
            taken; those of a `scratch:` model must be among its `pretrain.branches` or
            `pretrain.checkpoints`.
        xs: Position of each model on the axis: its parameters or tokens. None: the depths of
            `tree:` models, or the parameters of `scratch:` models.
        first: The side of the alignment.
    """

    extent: ClassVar[frozenset[str]] = MatchedConfig.extent | {"models", "pretraining", "xs"}
    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "faster": Claim(sign="negative", smallest=0.1),
        "larger_first_loss": Claim(sign="positive", smallest=0.02),
    }

    study: Literal["scaling"] = "scaling"
    along: Literal["size", "pretraining"] = "size"
    models: list[str] = Field(default=[])
    pretraining: list[Count] = Field(default=[])
    xs: list[float] | None = None
    first: Side = "positive"

    @model_validator(mode="after")
    def _check_points(self) -> Self:
        if self.along == "pretraining" and bool(self.models) == bool(self.pretraining):
            raise InvalidArgumentError(
                "along pretraining: give either pretraining (a list of tokens) or models with xs"
            )
        if self.along == "size" and self.pretraining:
            raise InvalidArgumentError("along size: pretraining has no effect; remove it")
        points = self.pretraining or self.models
        if len(points) < 2:
            raise InvalidArgumentError(f"along {self.along}: give at least two points to compare")
        if self.xs is not None and len(self.xs) != len(points):
            raise InvalidArgumentError(
                f"xs: {counted(len(self.xs), 'value', 'values')} for {len(points)} models; give "
                "one for each"
            )
        if self.xs is None and not self.pretraining:
            for model in self.models:
                _size(model)
        for lineage in lineages(self):
            self.check_lineage(lineage)
        return self

    def points(self) -> list[tuple[str, int | None, float]]:
        """Each model, its pre-training tokens (None: all) and its position on the axis."""
        if self.pretraining:
            total = self.pretrain.tokens if self.pretrain else None
            return [
                (self.model, None if tokens == total else tokens, float(tokens))
                for tokens in sorted(self.pretraining)
            ]
        xs = self.xs or [_size(model) for model in self.models]
        return [(model, None, x) for model, x in zip(self.models, xs, strict=True)]


def _size(model: str) -> float:
    """The depth of a new tree model, or the number of parameters of a new transformer."""
    spec = ModelSpec.parse(model, must_exist=False)
    if spec.kind is ModelKind.TREE:
        return float(spec.depth)
    if spec.kind is ModelKind.SCRATCH:
        return float(spec.size.parameters)
    raise InvalidArgumentError(
        f"{model}: its size is unknown; give the size of each model, such as its parameters, as xs"
    )


def lineages(config: ScalingConfig) -> list[Lineage]:
    """A lineage for each model, the smallest first, and after them those of the null model.

    Along `pretraining` the null model reads as many bytes as `model` reads tokens.
    """
    found = []
    for model, tokens, x in config.points():
        labels: dict[str, Label] = {config.along: x}
        name = f"{format_count(round(x))} tokens" if config.pretraining else model
        found.append(
            Lineage(
                name,
                config.first,
                config.volumes,
                config.build_recipe(),
                config.build_recipe(reverse=True),
                labels=labels,
                base_labels=labels,
                placebo_labels=labels,
                model=model,
                tokens=tokens,
            )
        )
    compared = found if config.pretraining else found[:1]
    return [*found, *(null for lineage in compared for null in config.null_of(lineage))]


def run(config: ScalingConfig, run_cells: RunCells) -> None:
    """Requests the alignments of every model, and the arms of those with equal gain."""
    config = calibrate(config, lineages, run_cells)
    run_matched(config, lineages(config), run_cells)


def analyse(config: ScalingConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether alignments are undone sooner in larger or more pre-trained models."""
    grid = Grid(rows, config.seed_range)
    alignments, nulls = matched(config, lineages(config), grid)
    report = ArmReport(config, grid, alignments, ("model", ""))
    judged = judge_claims(config.claims, _evidence(config, report))
    return Analysis(
        study="scaling",
        question=(
            "Does a larger model, or one with more pre-training, spring back from its alignment "
            "faster?"
        ),
        protocol=(
            f"{len(config.points())} models of increasing {_QUANTITIES[config.along][4:]} were "
            f"aligned with {listed(config.volumes)} rows, and each was taken where its gain is "
            f"nearest to {config.target_phrase}. {report.arms_sentence()}"
        ),
        findings=judged.findings,
        tables=(
            *report.tables(judged.table, is_matched=True),
            *_base_table(config, report),
        ),
        figures=(
            *report.figures("scaling", nulls[-1:]),
            _trend_figure(config, report, nulls),
        ),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _evidence(config: ScalingConfig, report: ArmReport) -> dict[str, Evidence]:
    """What was measured about each claim, under the first arm."""
    evidence, arm = ArmEvidence(config, report.grid), config.arms[0]
    xs = [x for _, _, x in config.points()]
    per, subject = _QUANTITIES[config.along], _SUBJECTS[config.along]
    among = (per, xs, report.alignments, arm, why_unmatched(evidence.margin, report.alignments))
    return {
        "returns": evidence.lost(
            f"{arm.capitalize()} data undo the alignment of the last model.",
            report.alignments[-1],
            arm,
        ),
        "faster": evidence.half_dose_trend(
            f"{subject} lose half of an equal alignment sooner.", *among
        ),
        "larger_first_loss": evidence.first_loss_trend(
            f"{subject} lose a larger share of an equal alignment to the first rows.", *among
        ),
    }


def _base_table(config: ScalingConfig, report: ArmReport) -> tuple[Table, ...]:
    """The bases: their losses before any alignment; empty if losses were not measured."""
    names = [name for name in ("pretrain", "positive", "negative") if report.has(f"loss_{name}")]
    if not names:
        return ()
    rows: list[tuple[TableCell, ...]] = []
    for alignment, (_, _, x) in zip(report.alignments, config.points(), strict=True):
        labels = alignment.lineage.base_labels
        losses = (
            over_seeds(report.grid.values(f"loss_{name}", stage="base", **labels)) for name in names
        )
        rows.append((alignment.name, x, *losses))
    headings = (
        ("model", ""),
        (config.along, ""),
        *((f"loss of {name}", "nats/token") for name in names),
    )
    return (Table("bases", "The models before alignment", headings, tuple(rows)),)


def _trend_figure(config: ScalingConfig, report: ArmReport, nulls: Sequence[Alignment]) -> Figure:
    """The trends of each arm, and of a null model, the same one along sizes."""
    xs = [x for _, _, x in config.points()]
    lines: Lines = {}
    for arm in config.arms:
        lines[arm] = (report.alignments, arm)
        if nulls:
            among = nulls if len(nulls) == len(xs) else [nulls[0]] * len(xs)
            lines[f"{config.null_model}, {arm}"] = (among, arm)
    along = (_QUANTITIES[config.along], _AXIS_LABELS[config.along])
    return report.trend_figure("scaling-trend", along, xs, lines)


STUDY = Study("scaling", ScalingConfig, run, analyse)
"""The configuration and the cells of scaling."""
