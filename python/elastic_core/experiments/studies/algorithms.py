"""Algorithms (Fig. 7 and 9): do models rebound whichever algorithm aligns or reverses them?

Each algorithm aligns until it has gained as much as SFT, and its alignment is then undone. The
margin, which gives no reward and picks no preference, judges all of them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, Self

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
from elastic_core.experiments.arms.protocol import Lineage, RowsOf, side_texts
from elastic_core.experiments.arms.report import ArmReport, listed
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows, RunCells
from elastic_core.experiments.claims import Claim, Evidence, judge_claims
from elastic_core.experiments.config import Changes
from elastic_core.experiments.rows import InFormat, Pairs, SampledPairs, Subset
from elastic_core.experiments.story import arm_story
from elastic_core.experiments.studies.study import Study
from elastic_core.training.finetuning.recipe import ONLINE

Algorithm = Literal["sft", "dpo", "kto", "simpo", "ppo", "rloo", "grpo"]

_FIRST = "positive"
_GENERATIONS = 4
_ROLES = {
    "align": "The algorithm was used for the alignment; the arms used sft.",
    "reverse": "The algorithm was used for the opposite arm; the alignment used sft.",
    "both": "The algorithm was used for both the alignment and the opposite arm.",
}


class AlgorithmsConfig(MatchedConfig):
    """The configuration of algorithms.

    `sft` learns whole texts. For the others a row is a prompt: `dpo` and `simpo` learn a preference
    about it, `kto` both texts of that preference; `ppo`, `rloo` and `grpo` complete it and learn
    from the scorer's reward.

    All train as `recipe` says, with the changes in `recipes` and those that an algorithm requires:
    `kto` has a batch of at least 2 and a correspondingly shorter accumulation. `ppo`, `rloo` and
    `grpo` have 4 generations of as many tokens as models are measured on, and an accumulation
    raised until a step holds a multiple of them. Those that do not read rows in order train once
    for each number of rows.

    Attributes:
        algorithms: The algorithms; `sft`, the reference, is always included.
        side: The training that uses the algorithm: `align`, `reverse` (the opposite arm) or `both`;
            the other one uses `sft`.
        candidates: Completions per prompt from which preferences are built where `data.pairs` is
            missing: the base model writes them, and the scorer picks the best and the worst.
        recipes: Changes to the recipe, by algorithm.
    """

    extent: ClassVar[frozenset[str]] = MatchedConfig.extent | {"algorithms"}
    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "like_sft": Claim(test="equivalence", smallest=0.5, primary=False),
    }

    study: Literal["algorithms"] = "algorithms"
    algorithms: list[Algorithm] = Field(["sft", "dpo", "kto", "simpo", "rloo"], min_length=1)
    side: Literal["align", "reverse", "both"] = "align"
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
        if others and self.draws > 1:
            raise InvalidArgumentError(
                f"draws {self.draws}: {others[0]} reads the rows of a seed in one order; set draws "
                "to 1, or add seeds"
            )
        if self.side != "align" and "opposite" not in self.arms:
            raise InvalidArgumentError(
                f"side {self.side}: the algorithm is that of the opposite arm; add opposite to arms"
            )
        for lineage in lineages(self):
            self.check_lineage(lineage)
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
        """The algorithms of the alignment and of the opposite arm."""
        alignment: Algorithm = "sft" if self.side == "reverse" else algorithm
        return alignment, "sft" if self.side == "align" else algorithm


def lineages(config: AlgorithmsConfig) -> list[Lineage]:
    """A lineage for each algorithm, SFT first, and that of the null model, if any, last."""
    found = []
    for algorithm in config.all_algorithms:
        alignment, reversal = config.stages(algorithm)
        placebo: dict[str, Label] = {} if reversal == "sft" else {"algorithm": reversal}
        found.append(
            Lineage(
                algorithm,
                _FIRST,
                config.volumes,
                config.build_recipe(**config.changes(alignment, is_reverse=False)),
                config.build_recipe(reverse=True),
                config.build_recipe(reverse=True, **config.changes(reversal, is_reverse=True)),
                labels={"algorithm": algorithm},
                aligned_labels={"algorithm": alignment},
                placebo_labels=placebo,
                align_rows=_rows_of(config, alignment),
                opposite_rows=_rows_of(config, reversal),
            )
        )
    return [*found, *config.null_of(found[0])]


def _rows_of(config: AlgorithmsConfig, algorithm: Algorithm) -> RowsOf:
    """The first rows of a side in the format that an algorithm reads."""
    return side_texts if algorithm == "sft" else partial(_rows, config, algorithm)


def _rows(
    config: AlgorithmsConfig, algorithm: Algorithm, root: Cell, side: str, _: int, count: int
) -> Rows:
    if algorithm in ONLINE:
        return InFormat(Subset(side, count), "prompt")
    pairs: Pairs | SampledPairs
    if config.data.pairs:
        start = 0 if side == _FIRST else config.volumes[-1]  # No pair is learned both ways.
        pairs = Pairs(side, start + count, start)
    else:
        pairs = SampledPairs(root, side, count, config.candidates, config.held_out.tokens)
    return InFormat(pairs, "unpaired-preference") if algorithm == "kto" else pairs


def run(config: AlgorithmsConfig, run_cells: RunCells) -> None:
    """Requests all alignments with each algorithm, and the arms of those with equal gain."""
    config = calibrate(config, lineages, run_cells)
    run_matched(config, lineages(config), run_cells)


def analyse(config: AlgorithmsConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether alignments by each algorithm are undone, and compares half-doses with SFT."""
    grid = Grid(rows, config.seed_range)
    alignments, nulls = matched(config, lineages(config), grid)
    report = ArmReport(config, grid, alignments, ("algorithm", ""))
    judged = judge_claims(*_claims(config, report))
    return Analysis(
        study="algorithms",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, whichever algorithm trains it?"
        ),
        protocol=(
            f"{config.model} was aligned with {listed(config.volumes)} {_FIRST} rows by each "
            f"algorithm, and each was taken where its gain is nearest to {config.target_phrase}. "
            f"{_ROLES[config.side]}{_preferences(config)} {report.arms_sentence()}"
        ),
        findings=judged.findings,
        tables=report.tables(judged.table, is_matched=True),
        figures=report.figures("algorithms", nulls),
        notes=report.notes(),
        claims_sha256=judged.sha256,
        story=arm_story(report),
    )


def _claims(
    config: AlgorithmsConfig, report: ArmReport
) -> tuple[dict[str, Claim], dict[str, Evidence]]:
    """The claims about each algorithm, and what was measured about them."""
    evidence, arm = ArmEvidence(config, report.grid), config.arms[0]
    reference = report.alignments[0]
    claims: dict[str, Claim] = {}
    found: dict[str, Evidence] = {}
    for alignment in report.alignments:
        name = alignment.name
        claims[f"{name}: returns"] = config.claims["returns"]
        found[f"{name}: returns"] = evidence.lost(
            f"{name}: {arm} data undo the alignment.", alignment, arm
        )
        if alignment is not reference:
            unmatched = why_unmatched(evidence.margin, [reference, alignment])
            claims[f"{name}: like_sft"] = config.claims["like_sft"]
            found[f"{name}: like_sft"] = evidence.half_dose_ratio(
                f"{name}: half of the alignment is undone as soon as with sft.",
                alignment,
                reference,
                arm,
                unmatched,
            )
    return claims, found


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


STUDY = Study("algorithms", AlgorithmsConfig, run, analyse)
"""The configuration and the cells of algorithms."""
