"""Scaling (Fig. 5, 6, 10): is elasticity stronger in larger or more pre-trained models?

Each model gives one curve; the claims are tested by trends over doublings of its size, or of its
pre-training tokens.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import counted, format_count
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Label, Metrics, RunCells
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.curve_report import METRICS, CurveReport
from elastic_core.experiments.curves import Curve
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.studies.study import (
    OPPOSITE,
    SIGN,
    Study,
    aligned,
    base,
    with_reversals,
)
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import interval

_AXIS_LABELS = {
    "size": "size (parameters, or depth)",
    "pretraining": "tokens of pre-training",
}
_QUANTITIES = {"size": "size", "pretraining": "pre-training"}
_SUBJECTS = {"size": "Larger models", "pretraining": "Models with more pre-training"}


class ScalingConfig(ExperimentConfig):
    """The configuration of scaling.

    Attributes:
        along: What grows from model to model: `size` or `pretraining`.
        models: The models in increasing order; empty: only `model`, along `pretraining`.
        pretraining: Along `pretraining`, the tokens after which `model`, pre-trained here, is
            taken; those of a `scratch:` model must be among its `pretrain.checkpoints`.
        xs: Position of each model on the axis: its parameters or tokens. None: the depths of
            `tree:` models, or the parameters of `scratch:` models.
        align: Numbers of rows to align with.
        reverse: Numbers of rows of the opposite side to train each aligned model on.
        first: The side of the alignment.
    """

    extent: ClassVar[frozenset[str]] = frozenset(
        {"seeds", "models", "pretraining", "xs", "align", "reverse"}
    )

    study: Literal["scaling"] = "scaling"
    along: Literal["size", "pretraining"] = "size"
    models: list[str] = Field(default=[])
    pretraining: list[Count] = Field(default=[])
    xs: list[float] | None = None
    align: Counts = Field([1000])
    reverse: Counts = Field([100, 200, 500, 1000, 2000])
    first: Literal["positive", "negative"] = "positive"

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


def run(config: ScalingConfig, run_cells: RunCells) -> None:
    """Requests a rebound of every model."""
    cells = []
    for seed in config.seed_range:
        for model, tokens, x in config.points():
            root = base(config, seed, model=model, tokens=tokens, **{config.along: x})
            cells.append(root)
            for count in sorted(config.align):
                start = aligned(config, root, config.first, count)
                cells += with_reversals(config, start, config.reverse)
    run_cells(cells)


def analyse(config: ScalingConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether the fall grows, and the plateau comes earlier, along the axis."""
    grid = Grid(rows, config.seed_range)
    reports = {count: _report(config, grid, count) for count in sorted(config.align)}
    tables: list[Table] = []
    for count, report in reports.items():
        bases = _base_table(config, grid, report, count)
        volumes = report.volume_tables(["score", "kl"])
        tables += [*volumes, report.fall_table(), bases, report.rate_table()]
    return Analysis(
        study="scaling",
        question=(
            "Does a larger model, or one with more pre-training, spring back from its alignment "
            "faster?"
        ),
        protocol=(
            f"{len(config.points())} models of increasing {_QUANTITIES[config.along]} were aligned "
            "with the same rows, then trained on the same reverse rows, with "
            f"{config.counted_seeds}."
        ),
        findings=tuple(
            finding
            for count, report in reports.items()
            for finding in _findings(config, report, count)
        ),
        tables=tuple(tables),
        figures=tuple(
            figure
            for count, report in reports.items()
            for figure in (report.figure(), _trend_figure(config, report, count))
        ),
        notes=grid.notes(),
    )


def _report(config: ScalingConfig, grid: Grid, count: int) -> CurveReport:
    """The curves of all models after one alignment volume."""
    volumes = tuple(sorted(config.reverse))
    curves = [
        Curve(
            f"{format_count(x)} tokens" if config.along == "pretraining" else model,
            {"first": config.first, "align": count, config.along: x},
            volumes,
            SIGN[config.first],
        )
        for model, _, x in config.points()
    ]
    title = f"{count:,} {config.first} rows first, then {OPPOSITE[config.first]} rows"
    return CurveReport(
        curves,
        grid,
        name=f"align-{count}",
        title=title,
        caption=(
            f"{title}. Each line is a model of a different {_QUANTITIES[config.along]}; bands are "
            "95% intervals over seeds."
        ),
    )


def _base_table(config: ScalingConfig, grid: Grid, report: CurveReport, count: int) -> Table:
    """The quality of each model before alignment."""
    rows: list[tuple[TableCell, ...]] = []
    for curve, (_, _, x) in zip(report.curves, config.points(), strict=True):
        labels: dict[str, Label] = {"stage": "base", config.along: x}
        rates = (grid.interval(f"rate_{side}", **labels) for side in ("positive", "negative"))
        rows.append((curve.name, *rates))
    headings = (
        ("model", ""),
        ("rate of positive", "bits/byte"),
        ("rate of negative", "bits/byte"),
    )
    return Table(f"align-{count}-base", "The models before alignment", headings, tuple(rows))


def _trend_figure(config: ScalingConfig, report: CurveReport, count: int) -> Figure:
    """The first fall, the whole fall and the rows to the plateau along the axis."""
    xs = tuple(x for _, _, x in config.points())
    metric = METRICS[report.metric][0]
    quantities = (
        ("first fall", f"{metric} per 100 rows", [falls.first for falls in report.falls]),
        ("whole fall", metric, [falls.total for falls in report.falls]),
        (
            "rows to plateau",
            "log10 of rows",
            [np.log10(falls.rows_to_plateau) for falls in report.falls],
        ),
    )
    panels = tuple(
        Panel(
            title,
            _AXIS_LABELS[config.along],
            label,
            (Series(title, xs, tuple(map(interval, values))),),
            x_scale="log",
        )
        for title, label, values in quantities
    )
    return Figure(
        f"align-{count}-trend",
        f"How the curves fall, by {_QUANTITIES[config.along]}; bars are 95% intervals.",
        panels,
    )


def _findings(config: ScalingConfig, report: CurveReport, count: int) -> list[Finding]:
    """The claims: with size or pre-training the fall is faster and larger, the plateau earlier."""
    subject = _SUBJECTS[config.along]
    start = f"After {count:,} rows, each doubling of the {_QUANTITIES[config.along]} changed"
    falls = report.falls
    claims = (
        (
            f"{subject} fall faster.",
            [fall.first for fall in falls],
            f"the first fall of {report.metric_phrase}",
            " per 100 rows",
        ),
        (
            f"{subject} fall further.",
            [fall.total for fall in falls],
            f"the whole fall of {report.metric_phrase}",
            "",
        ),
    )
    xs = [x for _, _, x in config.points()]
    return [
        report.trend_finding(claim, 1, xs, values, f"{start} {what} by", unit=unit, digits=4)
        for claim, values, what, unit in claims
    ] + [
        report.plateau_finding(
            f"{subject} reach the plateau earlier.",
            xs,
            f"{start} the number of rows to the plateau by",
            digits=4,
        )
    ]


STUDY = Study("scaling", ScalingConfig, run, analyse)
