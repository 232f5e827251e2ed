"""Mitigation (App. C.2): which ways of aligning a model withstand more reverse data?

Each way, or variant, gives one curve. An alignment withstands as many reverse rows as it takes to
halve its gain, the half dose; each variant is compared with the plain one, seed by seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Array, Grid, judged, with_ci, with_test
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.config import Changes, ExperimentConfig, Section
from elastic_core.experiments.curve_report import CurveReport
from elastic_core.experiments.curves import Curve, HalfDose, half_dose
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.rows import Mixed, Subset
from elastic_core.experiments.studies.study import (
    OPPOSITE,
    SIGN,
    Study,
    aligned,
    base,
    with_reversals,
)
from elastic_core.report.document import Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import PairedComparison, compare_paired, interval
from elastic_core.training.finetuning.recipe import ONLINE

PLAIN = "plain"
"""The variant that all others are compared with."""

_FIRST = "positive"
_POSITIVE = (0.0, math.inf)
"""The range of a number of rows, or of a loss."""
_TREE_KEYS = frozenset({"epochs", "weight"})


class Variant(Section):
    """A way to align a model.

    Attributes:
        mix: Texts of the pre-training corpus to mix in, per row.
        recipe: Changes to the recipe: `lora_rank` trains an adapter, `beta` adds the KL divergence
            to the base to the loss.
    """

    mix: float = Field(default=0.0, ge=0)
    recipe: Changes = Field(default={})

    @property
    def description(self) -> str:
        """The variant in a few words."""
        parts = [f"{self.mix:g} pre-training texts mixed in per row"] if self.mix else []
        parts += [f"{key} {value}" for key, value in self.recipe.items()]
        return ", ".join(parts) or "the recipe without changes"


class MitigationConfig(ExperimentConfig):
    """The configuration of mitigation.

    Attributes:
        variants: The ways to align, by name; `plain`, without any change, is always included.
        align: Number of positive rows to align with.
        reverse: Numbers of negative rows to train each aligned model on.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "reverse"})

    study: Literal["mitigation"] = "mitigation"
    variants: dict[str, Variant] = Field(default={"mixed": Variant(mix=0.5)})
    align: Count = 2000
    reverse: Counts = Field([100, 200, 500, 1000, 2000])

    @model_validator(mode="after")
    def _check_variants(self) -> Self:
        if self.variants.get(PLAIN, Variant()) != Variant():
            raise InvalidArgumentError(
                "variants.plain: it is the reference and cannot change anything; give this "
                "variant another name"
            )
        for name, variant in self.variants.items():
            if variant.mix and self.pretrain is None:
                raise InvalidArgumentError(
                    f"variants.{name}: there is no text to mix in; set pretrain.corpus"
                )
            if self.spec.is_tree and (unsupported := set(variant.recipe) - _TREE_KEYS):
                raise InvalidArgumentError(
                    f"variants.{name}: tree models do not support "
                    f"{', '.join(sorted(unsupported))}; use only mix, or choose a scratch: or hf: "
                    "model"
                )
            self.build_recipe(**variant.recipe)
        return self

    @property
    def scorer_teaches(self) -> bool:
        """Whether the scorer gives the rewards of any variant, or of the reverse training."""
        recipes = (self.build_recipe(**variant.recipe) for variant in self.all_variants.values())
        return super().scorer_teaches or any(recipe.algorithm in ONLINE for recipe in recipes)

    @property
    def all_variants(self) -> dict[str, Variant]:
        """The variants, `plain` first."""
        return {PLAIN: Variant(), **self.variants}


def run(config: MitigationConfig, run_cells: RunCells) -> None:
    """Requests an alignment with each variant, and every reverse volume after it."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        for name, variant in config.all_variants.items():
            rows = Subset(_FIRST, config.align)
            start = aligned(
                config,
                root,
                _FIRST,
                config.align,
                rows=Mixed(rows, variant.mix, config.held_out.texts) if variant.mix else rows,
                labels={"variant": name},
                **variant.recipe,
            )
            cells += with_reversals(config, start, config.reverse)
    run_cells(cells)


@dataclass(frozen=True, slots=True)
class _Result:
    """What was measured of a variant.

    Attributes:
        curve: Its curve.
        description: The variant in a few words.
        half_dose: The reverse rows that halve its gain.
        gain: The gain of the alignment, shape (seeds,).
        pretrain_loss: The loss on pre-training text after alignment, shape (seeds,).
    """

    curve: Curve
    description: str
    half_dose: HalfDose
    gain: Array
    pretrain_loss: Array

    def compared(self, plain: "_Result") -> tuple[PairedComparison, ...]:
        """The half dose, gain and loss compared with those of the plain variant."""
        return (
            compare_paired(self.half_dose.rows, plain.half_dose.rows),
            compare_paired(self.gain, plain.gain),
            compare_paired(self.pretrain_loss, plain.pretrain_loss),
        )


def analyse(config: MitigationConfig, rows: Sequence[Metrics]) -> Analysis:
    """Measures how much reverse data each variant withstands, and what it costs."""
    grid = Grid(rows, config.seed_range)
    report = _report(config, grid)
    results = [_result(config, grid, curve) for curve in report.curves]
    variants = "; ".join(f"{result.curve.name}: {result.description}" for result in results)
    return Analysis(
        study="mitigation",
        question=(
            "Reverse data undo an alignment. Does it withstand more of them if pre-training text "
            "is mixed into the alignment data, or if the model is kept close to the base in "
            "another way?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} {_FIRST} rows in {len(results)} "
            f"ways ({variants}), and each aligned model was trained on up to "
            f"{max(config.reverse):,} {OPPOSITE[_FIRST]} rows, with {config.counted_seeds}. An "
            f"alignment withstands as many of them as it takes to halve its gain in "
            f"{report.metric_phrase}."
        ),
        findings=tuple(_findings(report, results)),
        tables=(_table(results, report.metric), *report.volume_tables()),
        figures=(report.figure(), _figure(results, report.metric)),
        notes=(*grid.notes(), *_notes(results)),
    )


def _report(config: MitigationConfig, grid: Grid) -> CurveReport:
    """A curve for each variant, the plain one first."""
    curves = [
        Curve(
            name,
            {"first": _FIRST, "align": config.align, "variant": name},
            tuple(sorted(config.reverse)),
            SIGN[_FIRST],
        )
        for name in config.all_variants
    ]
    return CurveReport(
        curves,
        grid,
        name="mitigation",
        title=f"{_FIRST} rows first, then {OPPOSITE[_FIRST]} rows",
        caption=(
            f"Models aligned with {config.align:,} {_FIRST} rows, then trained on "
            f"{OPPOSITE[_FIRST]} rows. Each line is a way of aligning; bands are 95% intervals "
            "over seeds."
        ),
    )


def _result(config: MitigationConfig, grid: Grid, curve: Curve) -> _Result:
    gains = curve.gains(grid, grid.main_metric)
    return _Result(
        curve,
        config.all_variants[curve.name].description,
        half_dose((0, *curve.volumes), gains),
        gains[:, 0],
        grid.values("loss_pretrain", stage="align", **curve.labels),
    )


def _findings(report: CurveReport, results: Sequence[_Result]) -> list[Finding]:
    """The claims about each variant, compared with the plain one."""
    plain, *others = results
    training = "The alignment"
    halved = f"; half of the gain was lost after {_dose_phrase(plain)}"
    findings = [report.gain_finding(0, "plain: alignment moves the model.", training, halved)]
    for at, result in enumerate(others, 1):
        name = result.curve.name
        dose, gain, loss = result.compared(plain)
        smaller = f"; the gain differs from that with plain by {with_test(gain)}"
        findings += [
            report.if_moved(
                0,
                judged(
                    f"{name}: the alignment withstands more reverse data.",
                    1,
                    dose.difference,
                    f"With {result.description}, half of the gain was lost after "
                    f"{_dose_phrase(result)}; the difference from plain is {with_test(dose, 0)}.",
                ),
            ),
            report.if_moved(
                0,
                judged(
                    f"{name}: the alignment gains less.",
                    -1,
                    gain.difference,
                    report.gain_finding(at, "", training, smaller).words,
                ),
            ),
        ]
        if loss.difference.count:
            findings.append(
                judged(
                    f"{name}: pre-training text is forgotten less.",
                    -1,
                    loss.difference,
                    "After the alignment its loss, in nats per token, differs from that with plain "
                    f"by {with_test(loss)}.",
                )
            )
    return findings


def _dose_phrase(result: _Result) -> str:
    return f"{with_ci(interval(result.half_dose.rows, _POSITIVE), 0)} reverse rows"


def _table(results: Sequence[_Result], metric: str) -> Table:
    """A row for each variant: what it withstands and what it costs, compared with the plain one."""
    plain, rows = results[0], []
    for result in results:
        dose, gain, loss = result.compared(plain)
        rows.append(
            (
                result.curve.name,
                interval(result.half_dose.rows, _POSITIVE),
                interval(result.gain),
                interval(result.pretrain_loss, _POSITIVE),
                *(
                    (None,) * 4
                    if result is plain
                    else (dose.difference, dose.p, gain.difference, loss.difference)
                ),
            )
        )
    headings = (
        ("alignment", ""),
        ("withstands", "rows"),
        ("gain", metric),
        ("pre-training loss", "nats/token"),
        ("more than plain", "rows"),
        ("p", "sign flip"),
        ("gain more than plain", metric),
        ("loss more than plain", "nats/token"),
    )
    note = (
        "Withstands: reverse rows at which half of the gain is lost, read off an isotonic "
        "(monotone decreasing) fit to each seed's curve. Gain: how far the alignment moved the "
        "model from the base."
    )
    title = "Reverse data that each alignment withstands"
    return Table("mitigation", title, headings, tuple(rows), note)


def _figure(results: Sequence[_Result], metric: str) -> Figure:
    """What each variant withstands, next to its gain."""
    quantities = (
        (
            "withstands",
            "reverse rows until half is lost",
            tuple(interval(result.half_dose.rows, _POSITIVE) for result in results),
        ),
        ("gain", f"{metric} beyond the base", tuple(interval(result.gain) for result in results)),
    )
    positions = tuple(map(float, range(len(results))))
    panels = tuple(
        Panel(
            title,
            "alignment",
            label,
            (Series("mean over seeds", positions, values),),
            is_bars=True,
            ticks=tuple(result.curve.name for result in results),
        )
        for title, label, values in quantities
    )
    caption = (
        "Reverse rows that each alignment withstands, and its gain; bars are 95% intervals over "
        "seeds."
    )
    return Figure("mitigation-withstood", caption, panels)


def _notes(results: Sequence[_Result]) -> tuple[str, ...]:
    """Curves that never lose half of the gain, and alignments without any gain."""
    notes = []
    for result in results:
        name, known = result.curve.name, int(np.isfinite(result.gain).sum())
        if censored := int(result.half_dose.is_censored.sum()):
            notes.append(
                f"{name}: with {censored} of {known} seeds, more than half of the gain is left at "
                f"{result.curve.volumes[-1]:,} reverse rows; this number, too low, is used."
            )
        if without_gain := int((result.gain <= 0).sum()):
            notes.append(
                f"{name}: with {without_gain} of {known} seeds, the alignment gained nothing, so "
                "no half dose exists; these seeds are left out."
            )
    return tuple(notes)


STUDY = Study("mitigation", MitigationConfig, run, analyse)
