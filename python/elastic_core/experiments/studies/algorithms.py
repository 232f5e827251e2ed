"""Algorithms (Fig 7 and 9): do models rebound whatever algorithm aligned or reversed them?"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows, RunCells
from elastic_core.experiments.config import Changes, Count, ExperimentConfig
from elastic_core.experiments.curvesets import (
    METRICS,
    Curve,
    curve_figure,
    fall_table,
    rate_table,
    volume_table,
)
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.rows import InFormat, Pairs, SampledPairs, Subset
from elastic_core.experiments.studies.algorithms_report import comparison_table, findings
from elastic_core.experiments.studies.lineage import OTHER, SIGN, against, aligned, base
from elastic_core.experiments.studies.study import Study
from elastic_core.training.finetuning.recipe import ONLINE

Algorithm = Literal["sft", "dpo", "kto", "simpo", "rloo", "grpo"]

_FIRST = "positive"
_GENERATIONS = 4


class AlgorithmsConfig(ExperimentConfig):
    """The configuration of algorithms.

    A row is a prompt: `sft` learns its text, `dpo` and `simpo` a preference of it, `kto` both
    texts of that preference, `rloo` and `grpo` go on from it and learn by the scorer's reward.

    All train as `recipe` says, unless `recipes` says otherwise, and but for what an algorithm
    cannot do without: `kto` has a batch of at least 2, with a shorter accumulation. `rloo` and
    `grpo` have 4 generations of as many tokens as models are measured on, and an accumulation
    that is raised until a step holds a multiple of them.

    Attributes:
        algorithms: The algorithms; `sft`, which they are compared with, is always among them.
        side: Which training is by the algorithm: `align`, `reverse` or `both`; the other one is
            by `sft`.
        align: How many positive rows models are aligned with.
        reverse: How many negative rows each of them is then trained on.
        candidates: Where `data.pairs` is missing, preferences are made: the base model goes on
            from each prompt so many times, and the scorer says which is best and which worst.
        recipes: What is different in training by an algorithm.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "algorithms", "align", "reverse"})

    study: Literal["algorithms"] = "algorithms"
    algorithms: list[Algorithm] = Field(["sft", "dpo", "kto", "simpo", "rloo"], min_length=1)
    side: Literal["align", "reverse", "both"] = "align"
    align: Count = 2000
    reverse: list[Count] = Field([100, 200, 500, 1000, 2000], min_length=1)
    candidates: int = Field(default=4, ge=2)
    recipes: dict[Algorithm, Changes] = Field(default={})

    @model_validator(mode="after")
    def _check_algorithms(self) -> Self:
        others = [each for each in self.all_algorithms if each != "sft"]
        if self.spec.is_tree and others:
            raise InvalidArgumentError(
                f"algorithms {', '.join(others)}: a tree model learns by plain sft alone; write "
                "algorithms: [sft], or choose a scratch: or hf: model"
            )
        for each in self.all_algorithms:
            for is_reverse in (False, True):
                self.build_recipe(reverse=is_reverse, **self.changes(each, is_reverse))
        return self

    @property
    def all_algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms, each once, `sft` first."""
        return tuple(dict.fromkeys(("sft", *self.algorithms)))

    def changes(self, algorithm: Algorithm, is_reverse: bool) -> dict[str, Any]:
        """What is different in the recipe where a training is by an algorithm."""
        own = self.recipes.get(algorithm, {})
        said = {*self.recipe, *(self.reverse_recipe if is_reverse else {}), *own}
        recipe = self.build_recipe(reverse=is_reverse, **own)
        fitting: dict[str, Any] = {}
        if algorithm == "kto" and recipe.batch < 2:
            fitting = {"batch": 2, "accumulation": max(1, recipe.accumulation // 2)}
        if algorithm in ONLINE:
            generations = recipe.generations if "generations" in said else _GENERATIONS
            step = generations // math.gcd(recipe.batch, generations)
            fitting = {
                "generations": generations,
                "accumulation": math.ceil(recipe.accumulation / step) * step,
            }
            if "completion_length" not in said:
                fitting["completion_length"] = self.held_out.tokens
        return {**fitting, **own, "algorithm": algorithm}


def run(config: AlgorithmsConfig, run_cells: RunCells) -> None:
    """Asks for an alignment by each algorithm, and for every reverse volume after it."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        starts: dict[str, Cell] = {}
        for algorithm in config.all_algorithms:
            first, then = _sides(config, algorithm)
            if first not in starts:
                starts[first] = aligned(
                    config,
                    root,
                    _FIRST,
                    config.align,
                    rows=_rows(config, first, root, _FIRST, config.align),
                    labels={"algorithm": first},
                    **config.changes(first, is_reverse=False),
                )
                cells.append(starts[first])
            for count in sorted(config.reverse):
                rows = _rows(config, then, root, OTHER[_FIRST], count)
                changes = config.changes(then, is_reverse=True)
                labels = {"algorithm": algorithm}
                cells.append(
                    against(config, starts[first], count, rows=rows, labels=labels, **changes)
                )
    run_cells(cells)


def _sides(config: AlgorithmsConfig, algorithm: Algorithm) -> tuple[Algorithm, Algorithm]:
    """The algorithms of the alignment and of the training against it."""
    first = "sft" if config.side == "reverse" else algorithm
    return first, "sft" if config.side == "align" else algorithm


def _rows(
    config: AlgorithmsConfig, algorithm: Algorithm, root: Cell, side: str, count: int
) -> Rows:
    """So many rows of a side as an algorithm reads them."""
    if algorithm == "sft":
        return Subset(side, count)
    if algorithm in ONLINE:
        return InFormat(Subset(side, count), "prompt")
    pairs: Rows
    if config.data.pairs:
        start = 0 if side == _FIRST else config.align  # No pair is learned both ways.
        pairs = Pairs(side, start + count, start)
    else:
        pairs = SampledPairs(root, side, count, config.candidates, config.held_out.tokens)
    return InFormat(pairs, "unpaired-preference") if algorithm == "kto" else pairs


def analyse(config: AlgorithmsConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says whether models rebound under each algorithm, and how they compare with SFT."""
    grid = Grid(rows, config.seed_range)
    metric = "score" if grid.has("score") else "kl"
    curves = _curves(config)
    measured = [each for each in METRICS if grid.has(each)]
    last = max(config.reverse)
    return Analysis(
        study="algorithms",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, whatever algorithm trains it?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} {_FIRST} rows, and each result was "
            f"trained on up to {last:,} {OTHER[_FIRST]} ones, with {config.seeds} seeds. "
            f"{_ROLES[config.side]} {_pairs_in_words(config)}"
        ),
        findings=tuple(findings(config.side, grid, curves, metric)),
        tables=(
            *(
                volume_table(
                    curves, grid, each, f"algorithms-{each.replace('_', '-')}", METRICS[each][1]
                )
                for each in measured
            ),
            comparison_table(grid, curves, metric),
            fall_table(curves, grid, metric, "algorithms-fall", f"Fall of the {metric}"),
            rate_table(curves, grid, "algorithms-rates"),
        ),
        figures=(
            curve_figure(
                curves,
                grid,
                "algorithms",
                f"Models aligned with {config.align:,} {_FIRST} rows, then trained on "
                f"{OTHER[_FIRST]} ones. Each line is an algorithm; bands are 95% intervals over "
                "seeds.",
            ),
        ),
        notes=notes_on(grid),
    )


_ROLES = {
    "align": "The alignment was by the algorithm, the training against it by sft.",
    "reverse": "The alignment was by sft, the training against it by the algorithm.",
    "both": "Both trainings were by the algorithm.",
}


def _pairs_in_words(config: AlgorithmsConfig) -> str:
    """How preferences were come by; empty where no algorithm reads any."""
    if not {"dpo", "kto", "simpo"} & set(config.all_algorithms):
        return ""
    if config.data.pairs:
        return f"Preferences are those of {config.data.pairs.source}."
    return (
        f"For a preference the base model went on from a prompt {config.candidates} times, and the "
        "scorer said which text is best and which worst."
    )


def _curves(config: AlgorithmsConfig) -> list[Curve]:
    volumes = tuple(sorted(config.reverse))
    where: dict[str, Label] = {"first": _FIRST, "align": config.align}
    return [
        Curve(
            algorithm,
            {**where, "algorithm": algorithm},
            volumes,
            SIGN[_FIRST],
            {**where, "algorithm": _sides(config, algorithm)[0]},
        )
        for algorithm in config.all_algorithms
    ]


STUDY = Study("algorithms", AlgorithmsConfig, run, analyse)
