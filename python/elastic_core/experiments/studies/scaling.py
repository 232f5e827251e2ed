"""Scaling (Fig 5, 6, 10): is elasticity stronger in larger models, and with more pre-training?"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import format_count
from elastic_core.experiments.analysis import Analysis, judged
from elastic_core.experiments.config import Count, ExperimentConfig
from elastic_core.experiments.curvesets import (
    Curve,
    curve_figure,
    fall_table,
    rate_table,
    volume_table,
)
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.runner import Ask
from elastic_core.experiments.studies.lineage import OTHER, SIGN, against, aligned, base
from elastic_core.experiments.studies.study import Study
from elastic_core.experiments.work import Metrics
from elastic_core.models.spec import scratch_size
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Finding, Panel, Series, Table, shown
from elastic_core.statistics.intervals import compare, interval, slope

if TYPE_CHECKING:
    from elastic_core.experiments.cells import Label


class ScalingConfig(ExperimentConfig):
    """The configuration of scaling.

    Attributes:
        along: What grows: `size` or `pretraining`.
        models: The models from small to large; empty: `model` alone, where `pretraining` grows.
        pretraining: Tokens of pre-training from few to many, of `model`, where that grows and the
            model is pre-trained here; a `scratch:` model has them among its `pretrain.checkpoints`.
        xs: What each of the models stands for on the axis: parameters, or tokens. None: the depth
            of `tree:` models, the parameters of `scratch:` ones.
        align: How many rows models are aligned with.
        reverse: How many rows of the other side each of them is then trained on.
        first: Which side aligns.
    """

    extent: ClassVar[frozenset[str]] = frozenset(
        {"seeds", "models", "pretraining", "xs", "align", "reverse"}
    )

    study: Literal["scaling"] = "scaling"
    along: Literal["size", "pretraining"] = "size"
    models: list[str] = Field(default=[])
    pretraining: list[Count] = Field(default=[])
    xs: list[float] | None = None
    align: list[Count] = Field([1000], min_length=1)
    reverse: list[Count] = Field([100, 200, 500, 1000, 2000], min_length=1)
    first: Literal["positive", "negative"] = "positive"

    @model_validator(mode="after")
    def _check_points(self) -> Self:
        if self.along == "pretraining" and bool(self.models) == bool(self.pretraining):
            raise InvalidArgumentError(
                "along pretraining: name either pretraining, the tokens, or models with their xs"
            )
        if self.along == "size" and self.pretraining:
            raise InvalidArgumentError("along size: pretraining is not read; leave it out")
        points = self.pretraining or self.models
        if len(points) < 2:
            raise InvalidArgumentError(f"along {self.along}: name two or more to compare")
        if self.xs is not None and len(self.xs) != len(points):
            raise InvalidArgumentError(f"xs: {len(self.xs)} for {len(points)} models")
        if self.xs is None and not self.pretraining:
            for model in self.models:
                _size(model)
        return self

    def points(self) -> list[tuple[str, int | None, float]]:
        """Each model, its tokens of pre-training where they are not all, and its place."""
        if self.pretraining:
            whole = self.pretrain.tokens if self.pretrain else None
            return [
                (self.model, None if tokens == whole else tokens, float(tokens))
                for tokens in sorted(self.pretraining)
            ]
        places = self.xs or [_size(model) for model in self.models]
        return [(model, None, x) for model, x in zip(self.models, places, strict=True)]


def _size(model: str) -> float:
    """The depth of a tree model, or the parameters of a new one."""
    if model.startswith("tree:"):
        return float(model.removeprefix("tree:"))
    if model.startswith("scratch:"):
        return float(scratch_size(model).parameters)
    raise InvalidArgumentError(
        f"{model}: say as xs what each of the models stands for, such as its parameters"
    )


def run(config: ScalingConfig, ask: Ask) -> None:
    """Asks for a rebound of every model."""
    cells = []
    for seed in config.numbers:
        for model, tokens, x in config.points():
            root = base(config, seed, model=model, tokens=tokens, **{config.along: x})
            cells.append(root)
            for count in sorted(config.align):
                start = aligned(config, root, config.first, count)
                cells += [start, *(against(config, start, n) for n in sorted(config.reverse))]
    ask(cells)


def analyse(config: ScalingConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says whether the first fall grows, and the plateau comes earlier, along the axis."""
    grid = Grid(rows, config.numbers)
    metric = "score" if grid.has("score") else "kl"
    tables: list[Table] = []
    figures: list[Figure] = []
    findings: list[Finding] = []
    for count in sorted(config.align):
        curves = _curves(config, count)
        stem = f"align-{count}"
        title = f"{count:,} {config.first} rows first, then {OTHER[config.first]} ones"
        tables += [
            *(
                volume_table(curves, grid, each, f"{stem}-{each}", f"{each}: {title}")
                for each in ("score", "kl")
                if grid.has(each)
            ),
            fall_table(curves, grid, metric, f"{stem}-fall", f"Fall of the {metric}: {title}"),
            _base_table(config, grid, curves, stem),
            rate_table(curves, grid, f"{stem}-rates"),
        ]
        figures += [
            curve_figure(
                curves,
                grid,
                stem,
                f"{title}. Each line is a model of another "
                f"{_AXES[config.along][0]}; bands are 95% intervals over seeds.",
            ),
            _trend_figure(config, grid, curves, metric, stem),
        ]
        findings += _findings(config, grid, curves, metric, count)
    return Analysis(
        study="scaling",
        question=(
            "Does a larger model, or one that was pre-trained on more, spring back from its "
            "alignment faster?"
        ),
        protocol=(
            f"{len(config.points())} models of growing {_AXES[config.along][0]} were aligned with "
            f"the same rows, then trained on the same reverse rows, with {config.seeds} seeds."
        ),
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        notes=notes_on(grid),
    )


_AXES = {
    "size": ("size", "size (parameters, or depth)"),
    "pretraining": ("pre-training", "tokens of pre-training"),
}


def _curves(config: ScalingConfig, count: int) -> list[Curve]:
    volumes = tuple(sorted(config.reverse))
    return [
        Curve(
            f"{format_count(x)} tokens" if config.along == "pretraining" else model,
            {"first": config.first, "align": count, config.along: x},
            volumes,
            SIGN[config.first],
        )
        for model, _, x in config.points()
    ]


def _base_table(config: ScalingConfig, grid: Grid, curves: Sequence[Curve], stem: str) -> Table:
    """How good each model was before it was aligned."""
    rows: list[tuple[TableCell, ...]] = []
    for curve, (_, _, x) in zip(curves, config.points(), strict=True):
        at: dict[str, Label] = {"stage": "base", config.along: x}
        rows.append(
            (
                curve.name,
                *(grid.interval(f"rate_{each}", **at) for each in ("positive", "negative")),
            )
        )
    headings = (
        ("model", ""),
        ("rate of positive", "bits/byte"),
        ("rate of negative", "bits/byte"),
    )
    return Table(f"{stem}-base", "The models before alignment", headings, tuple(rows))


def _trend_figure(
    config: ScalingConfig, grid: Grid, curves: Sequence[Curve], metric: str, stem: str
) -> Figure:
    """The first fall, the whole fall and the rows to the plateau along the axis."""
    xs = tuple(x for _, _, x in config.points())
    falls = [curve.falls(grid, metric) for curve in curves]
    panels = tuple(
        Panel(
            title,
            _AXES[config.along][1],
            label,
            (Series(title, xs, tuple(interval([pick(each) for each in row]) for row in falls)),),
            x_scale="log",
        )
        for title, label, pick in (
            ("first fall", f"{metric} per 100 rows", lambda each: each.first),
            ("whole fall", metric, lambda each: each.total),
            ("rows to plateau", "log10 of rows", lambda each: math.log10(each.rows_to_plateau)),
        )
    )
    return Figure(
        f"{stem}-trend",
        f"What the curves come to, along the {_AXES[config.along][0]}; bars are 95% intervals.",
        panels,
    )


def _findings(
    config: ScalingConfig, grid: Grid, curves: Sequence[Curve], metric: str, count: int
) -> list[Finding]:
    """What is claimed of larger models: a faster fall, an earlier plateau."""
    doublings = np.log2([x for _, _, x in config.points()]).tolist()
    falls = [curve.falls(grid, metric) for curve in curves]
    name = _AXES[config.along][0]
    first = np.array([[each.first for each in row] for row in falls])
    whole = np.array([[each.total for each in row] for row in falls])
    rows = np.log2([[each.rows_to_plateau for each in row] for row in falls])
    found = []
    for claim, sign, values, words in (
        (f"More {name}, faster fall.", 1, first, f"to the first fall of the {metric} per 100 rows"),
        (f"More {name}, larger fall.", 1, whole, f"to the whole fall of the {metric}"),
        (f"More {name}, earlier plateau.", -1, rows, "doublings to the rows up to the plateau"),
    ):
        trend = interval([slope(doublings, each) for each in values.T.tolist()])
        ends = compare(values[-1], values[0])
        found.append(
            judged(
                claim,
                sign,
                trend,
                f"After {count:,} rows, each doubling adds {shown(trend, 4)} {words}; from "
                f"{curves[0].name} to {curves[-1].name} it is "
                f"{shown(ends.difference, 4)}{ends.p_in_words}.",
            )
        )
    return found


STUDY = Study("scaling", ScalingConfig, run, analyse)
