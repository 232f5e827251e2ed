"""Algorithms (Fig. 7 and 9): do models rebound whichever algorithm aligns or reverses them?

Each algorithm gives one curve and is compared with SFT, seed by seed.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Grid, with_test
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows, RunCells
from elastic_core.experiments.config import Changes, ExperimentConfig
from elastic_core.experiments.curve_report import CurveReport
from elastic_core.experiments.curves import Curve
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.rows import InFormat, Pairs, SampledPairs, Subset
from elastic_core.experiments.studies.study import (
    OPPOSITE,
    SIGN,
    Study,
    aligned,
    base,
    reverse_trained,
)
from elastic_core.report.document import Finding, Table
from elastic_core.statistics.intervals import PairedComparison, compare_paired, interval
from elastic_core.training.finetuning.recipe import ONLINE

Algorithm = Literal["sft", "dpo", "kto", "simpo", "ppo", "rloo", "grpo"]

_FIRST = "positive"
_GENERATIONS = 4
_ROLES = {
    "align": "The algorithm was used for the alignment; the reverse training used sft.",
    "reverse": "The algorithm was used for the reverse training; the alignment used sft.",
    "both": "The algorithm was used for both the alignment and the reverse training.",
}


class AlgorithmsConfig(ExperimentConfig):
    """The configuration of algorithms.

    A row is a prompt: `sft` learns its text, `dpo` and `simpo` a preference about it, `kto` both
    texts of that preference; `ppo`, `rloo` and `grpo` complete it and learn from the scorer's
    reward.

    All train as `recipe` says, with the changes in `recipes` and those that an algorithm requires:
    `kto` has a batch of at least 2 and a correspondingly shorter accumulation. `ppo`, `rloo` and
    `grpo` have 4 generations of as many tokens as models are measured on, and an accumulation
    raised until a step holds a multiple of them.

    Attributes:
        algorithms: The algorithms; `sft`, the reference, is always included.
        side: The training that uses the algorithm: `align`, `reverse` or `both`; the other one
            uses `sft`.
        align: Number of positive rows to align with.
        reverse: Numbers of negative rows to train each aligned model on.
        candidates: Completions per prompt from which preferences are built where `data.pairs` is
            missing: the base model writes them, and the scorer picks the best and the worst.
        recipes: Changes to the recipe, by algorithm.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "algorithms", "align", "reverse"})

    study: Literal["algorithms"] = "algorithms"
    algorithms: list[Algorithm] = Field(["sft", "dpo", "kto", "simpo", "rloo"], min_length=1)
    side: Literal["align", "reverse", "both"] = "align"
    align: Count = 2000
    reverse: Counts = Field([100, 200, 500, 1000, 2000])
    candidates: int = Field(default=4, ge=2)
    recipes: dict[Algorithm, Changes] = Field(default={})

    @model_validator(mode="after")
    def _check_algorithms(self) -> Self:
        others = [algorithm for algorithm in self.all_algorithms if algorithm != "sft"]
        if others and self.spec.is_tree:
            raise InvalidArgumentError(
                f"algorithms {', '.join(others)}: tree models support only sft; write "
                "algorithms: [sft], or choose a scratch: or hf: model"
            )
        for algorithm in self.all_algorithms:
            for is_reverse in (False, True):
                self.build_recipe(reverse=is_reverse, **self.changes(algorithm, is_reverse))
        return self

    @property
    def all_algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms without repetitions, `sft` first."""
        return tuple(dict.fromkeys(("sft", *self.algorithms)))

    @property
    def scorer_teaches(self) -> bool:
        """Whether the scorer gives rewards, or picks preferences that `data.pairs` lacks."""
        others = set(self.all_algorithms) - {"sft"}
        return bool(others & set(ONLINE)) or (bool(others) and self.data.pairs is None)

    def changes(self, algorithm: Algorithm, is_reverse: bool) -> dict[str, Any]:
        """The changes to the recipe for a training with an algorithm."""
        own = self.recipes.get(algorithm, {})
        configured = {*self.recipe, *(self.reverse_recipe if is_reverse else {}), *own}
        recipe = self.build_recipe(reverse=is_reverse, **own)
        required: dict[str, Any] = {}
        if algorithm == "kto" and recipe.batch < 2:
            required = {"batch": 2, "accumulation": max(1, recipe.accumulation // 2)}
        if algorithm in ONLINE:
            generations = recipe.generations if "generations" in configured else _GENERATIONS
            step = generations // math.gcd(recipe.batch, generations)
            required = {
                "generations": generations,
                "accumulation": math.ceil(recipe.accumulation / step) * step,
            }
            if "completion_length" not in configured:
                required["completion_length"] = self.held_out.tokens
        return {**required, **own, "algorithm": algorithm}

    def stages(self, algorithm: Algorithm) -> tuple[Algorithm, Algorithm]:
        """The algorithms of the alignment and of the reverse training."""
        alignment = "sft" if self.side == "reverse" else algorithm
        return alignment, "sft" if self.side == "align" else algorithm


def run(config: AlgorithmsConfig, run_cells: RunCells) -> None:
    """Requests an alignment with each algorithm, and every reverse volume after it."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        starts: dict[str, Cell] = {}
        for algorithm in config.all_algorithms:
            alignment, reversal = config.stages(algorithm)
            if alignment not in starts:
                starts[alignment] = aligned(
                    config,
                    root,
                    _FIRST,
                    config.align,
                    rows=_rows(config, alignment, root, _FIRST, config.align),
                    labels={"algorithm": alignment},
                    **config.changes(alignment, is_reverse=False),
                )
                cells.append(starts[alignment])
            cells += [
                reverse_trained(
                    config,
                    starts[alignment],
                    count,
                    rows=_rows(config, reversal, root, OPPOSITE[_FIRST], count),
                    labels={"algorithm": algorithm},
                    **config.changes(reversal, is_reverse=True),
                )
                for count in sorted(config.reverse)
            ]
    run_cells(cells)


def _rows(
    config: AlgorithmsConfig, algorithm: Algorithm, root: Cell, side: str, count: int
) -> Rows:
    """The first rows of a side in the format that an algorithm reads."""
    if algorithm == "sft":
        return Subset(side, count)
    if algorithm in ONLINE:
        return InFormat(Subset(side, count), "prompt")
    pairs: Rows
    if config.data.pairs:
        start = 0 if side == _FIRST else config.align  # No pair is learned in both directions.
        pairs = Pairs(side, start + count, start)
    else:
        pairs = SampledPairs(root, side, count, config.candidates, config.held_out.tokens)
    return InFormat(pairs, "unpaired-preference") if algorithm == "kto" else pairs


def analyse(config: AlgorithmsConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether models rebound under each algorithm, and compares each with SFT."""
    grid = Grid(rows, config.seed_range)
    report = _report(config, grid)
    comparisons = [
        (compare_paired(gain, report.gains[0]), compare_paired(falls.total, report.falls[0].total))
        for gain, falls in zip(report.gains, report.falls, strict=True)
    ]
    return Analysis(
        study="algorithms",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, whichever algorithm trains it?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} {_FIRST} rows, and each aligned "
            f"model was trained on up to {max(config.reverse):,} {OPPOSITE[_FIRST]} rows, with "
            f"{config.counted_seeds}. {_ROLES[config.side]}{_preferences(config)}"
        ),
        findings=tuple(_findings(config, report, comparisons)),
        tables=(
            *report.volume_tables(),
            _comparison_table(report, comparisons),
            report.fall_table(),
            report.rate_table(),
        ),
        figures=(report.figure(),),
        notes=grid.notes(),
    )


def _preferences(config: AlgorithmsConfig) -> str:
    """A sentence on the source of preferences; empty if no algorithm reads any."""
    if not {"dpo", "kto", "simpo"} & set(config.all_algorithms):
        return ""
    if config.data.pairs:
        return f" Preferences come from {config.data.pairs.source}."
    return (
        f" For each preference the base model wrote {config.candidates} completions of a prompt, "
        "of which the scorer picked the best and the worst."
    )


def _report(config: AlgorithmsConfig, grid: Grid) -> CurveReport:
    """A curve for each algorithm, SFT first."""
    labels: dict[str, Label] = {"first": _FIRST, "align": config.align}
    curves = [
        Curve(
            algorithm,
            {**labels, "algorithm": algorithm},
            tuple(sorted(config.reverse)),
            SIGN[_FIRST],
            {**labels, "algorithm": config.stages(algorithm)[0]},
        )
        for algorithm in config.all_algorithms
    ]
    return CurveReport(
        curves,
        grid,
        name="algorithms",
        title=f"{_FIRST} rows first, then {OPPOSITE[_FIRST]} rows",
        caption=(
            f"Models aligned with {config.align:,} {_FIRST} rows, then trained on "
            f"{OPPOSITE[_FIRST]} rows. Each line is an algorithm; bands are 95% intervals over "
            "seeds."
        ),
    )


def _comparison_table(
    report: CurveReport, comparisons: Sequence[tuple[PairedComparison, PairedComparison]]
) -> Table:
    """The gain and fall of each algorithm, and how they differ from those of SFT."""
    rows = []
    for at, (curve, (gain, fall)) in enumerate(zip(report.curves, comparisons, strict=True)):
        differences = (gain.difference, gain.p, fall.difference, fall.p)
        rows.append(
            (
                curve.name,
                interval(report.gains[at]),
                interval(report.falls[at].total),
                *(differences if at else (None,) * 4),
            )
        )
    metric = report.metric
    headings = (
        ("algorithm", ""),
        ("gain", metric),
        ("fall", metric),
        ("gain more than sft", metric),
        ("p of gain", "sign flip"),
        ("fall more than sft", metric),
        ("p of fall", "sign flip"),
    )
    note = (
        "Gain: how far the alignment moved the model from the base. Fall: the drop after the most "
        "reverse rows. Both are compared with sft seed by seed."
    )
    return Table("algorithms-comparison", "Comparison with SFT", headings, tuple(rows), note)


def _findings(
    config: AlgorithmsConfig,
    report: CurveReport,
    comparisons: Sequence[tuple[PairedComparison, PairedComparison]],
) -> list[Finding]:
    """The claims about each algorithm: it aligns the model, and reverse data undo the alignment.

    Where only the reverse training uses the algorithm, the alignment is that of SFT.
    """
    findings = []
    for at, (curve, compared) in enumerate(zip(report.curves, comparisons, strict=True)):
        gain, fall = (
            f"; the {name} differs from that with sft by {with_test(comparison)}"
            if at and comparison.difference.count
            else ""
            for name, comparison in zip(("gain", "fall"), compared, strict=True)
        )
        if not at or config.side != "reverse":
            claim = f"{curve.name}: alignment moves the model."
            findings.append(report.gain_finding(at, claim, "The alignment", gain))
        claim = f"{curve.name}: reverse data undo the alignment."
        training = f"Training on {curve.volumes[-1]:,} reverse rows"
        findings.append(report.fall_finding(at, claim, training, fall))
    return findings


STUDY = Study("algorithms", AlgorithmsConfig, run, analyse)
