"""The algorithms study: end to end, rows and recipes, planted curves."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from planted_arms import planted, verdicts
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import plan
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.rows import InFormat, Pairs, SampledPairs, Subset
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.algorithms import STUDY, AlgorithmsConfig, analyse, lineages
from elastic_core.experiments.studies.study import base
from elastic_core.experiments.worker import process_cell
from elastic_core.scoring import LinearScorer

NAMED: dict[str, Any] = {
    "study": "algorithms",
    "model": "scratch:0.3M",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}
VOLUMES: dict[str, Any] = {"study": "algorithms", "align": [8], "dose": [8]}
CANDIDATES = 3


def config(values: dict[str, Any], **more: Any) -> AlgorithmsConfig:
    return parse_config({**values, **more}, AlgorithmsConfig, "test")


def test_sft_runs_on_a_tree_model(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "study": "algorithms", "algorithms": ["sft"]}
    more = {"recipe": {"weight": 4}, "align": [40], "dose": [10, 20], "seeds": 3}
    analysis = experiment(config(values, **more), tmp_path / "run", jobs=1).analysis
    assert verdicts(analysis) == {"sft: returns": "holds"}
    assert [table.name for table in analysis.tables[:3]] == ["claims", "matched", "left"]
    with pytest.raises(InvalidArgumentError, match="algorithms dpo: tree models support only sft"):
        config(values, algorithms=["dpo"])


@pytest.mark.usefixtures("one_thread")
def test_algorithms_run_on_a_transformer(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path)) | VOLUMES
    algorithms = ["dpo", "kto", "simpo", "ppo", "rloo"]
    finished = experiment(
        config(values, algorithms=algorithms, side="both", measure=["margin", "score"]),
        tmp_path / "run",
        jobs=1,
    )
    stops = next(table for table in finished.analysis.tables if table.name == "matched")
    assert [row[0] for row in stops.rows] == ["base", "sft", *algorithms]
    rows = [row for row in finished.folder.rows() if row["labels"]["stage"] != "base"]
    assert len(rows) == 3 * (1 + len(algorithms))  # Aligned, the arm, and the placebo of each.
    assert len({row["made"] for row in rows}) == len(rows)
    assert all(math.isfinite(row["margin"]) for row in rows)
    assert len(list(finished.folder.checkpoints.glob("*.pairs.json"))) == 2
    judge = RunContext(finished.config, ModelStore(tmp_path)).judge
    assert isinstance(judge, LinearScorer)
    base_row = finished.folder.rows()[0]
    assert base_row["scorer_accuracy"] == judge.accuracy.correct
    assert finished.analysis.notes[-1] == (
        "Models learned from the linear scorer, by its rewards or the preferences it picked. The "
        "scores in this report are those of another: a linear classifier, trained on other rows, "
        "from which no model learned."
    )


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    """The context of an experiment on toy reviews, with a pre-trained tree model."""
    folder = tmp_path_factory.mktemp("context")
    values = {**write_reviews(folder), "study": "algorithms", "algorithms": ["sft"]}
    run_context = RunContext(config(values), ModelStore(folder / "models"))
    process_cell(run_context, root(run_context))
    return run_context


def root(context: RunContext) -> Cell:
    return base(context.config, 0)


def sampled(context: RunContext, side: str, stop: int) -> list[dict[str, Any]]:
    rows = SampledPairs(root(context), side, stop, CANDIDATES, 20)
    rows.check(context.seed_context(0))
    return rows.resolve(context.seed_context(0))


@pytest.mark.parametrize("side", ["positive", "negative"])
def test_sampled_pairs_are_ranked_by_the_scorer(context: RunContext, side: str) -> None:
    pairs = sampled(context, side, 55)
    assert len(pairs) == 55
    rows = context.seed_context(0).subset(side, 0, 55)
    assert [pair["prompt"] for pair in pairs] == [row["prompt"] for row in rows]
    scorer = context.scorer
    assert scorer is not None
    chosen, rejected = (
        scorer([pair["prompt"] + pair[name] for pair in pairs]) for name in ("chosen", "rejected")
    )
    sign = 1 if side == "positive" else -1
    assert (sign * (chosen - rejected) >= 0).all()
    assert (chosen != rejected).mean() > 0.9


def test_sampled_pairs_are_stored_and_nested(context: RunContext, tmp_path: Path) -> None:
    pairs = sampled(context, "positive", 55)
    files = {file: file.stat().st_mtime_ns for file in context.store.folder.glob("*.pairs.json")}
    assert sampled(context, "positive", 55) == pairs
    assert sampled(context, "positive", 10) == pairs[:10]
    assert all(file.stat().st_mtime_ns == time for file, time in files.items())
    other = RunContext(context.config, ModelStore(tmp_path))
    process_cell(other, root(other))
    assert sampled(other, "positive", 10) == pairs[:10]
    with pytest.raises(InvalidArgumentError, match="1,000 rows to train on, but"):
        sampled(context, "positive", 1000)


def test_reversal_uses_other_pairs_with_swapped_sides(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    rows = [
        {"prompt": f"review {number}:", "chosen": f" lovely {number}", "rejected": " awful"}
        for number in range(200, 240)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values["data"] = {**values["data"], "pairs": {"source": str(tmp_path / "pairs.jsonl")}}
    algorithms_config = config({**values, **VOLUMES}, algorithms=["dpo", "kto"], side="both")
    context = RunContext(algorithms_config, ModelStore(tmp_path / "models"))
    seed_context = context.seed_context(0)
    cells = plan(STUDY, algorithms_config, context).cells
    rows_of = {
        (dict(cell.labels)["stage"], dict(cell.labels).get("algorithm")): cell.training.rows
        for cell in cells
        if cell.training
    }
    assert rows_of["align", "dpo"] == Pairs("positive", 8)
    assert rows_of["arm", "dpo"] == Pairs("negative", 16, 8)
    assert rows_of["align", "kto"] == InFormat(Pairs("positive", 8), "unpaired-preference")
    forward, backward = (rows_of[stage, "dpo"].resolve(seed_context) for stage in ("align", "arm"))
    assert all("lovely" in row["chosen"] for row in forward)
    assert all("lovely" in row["rejected"] for row in backward)
    assert not {row["prompt"] for row in forward} & {row["prompt"] for row in backward}
    labels = [row["label"] for row in rows_of["align", "kto"].resolve(seed_context)]
    assert labels == [True, False] * 8


def test_prompt_rows_are_those_of_the_side(context: RunContext) -> None:
    seed_context = context.seed_context(0)
    rows = InFormat(Subset("negative", 5), "prompt").resolve(seed_context)
    assert rows == [{"prompt": row["prompt"]} for row in seed_context.subset("negative", 0, 5)]


def test_side_limits_the_algorithm_to_one_step() -> None:
    for side in ("align", "reverse"):
        requested: list[Cell] = []

        def ask(cells: Any, requested: list[Cell] = requested) -> list[Any]:
            requested += cells
            return [{"seed": cell.seed, **dict(cell.labels)} for cell in cells]

        STUDY.run(config(NAMED, algorithms=["simpo"], side=side, align=[8], seeds=1), ask)
        steps = {
            (str(labels["stage"]), cell.training.recipe.algorithm)
            for cell in requested
            if cell.training and (labels := dict(cell.labels)).get("align")
        }
        other = "arm" if side == "align" else "align"
        own = "align" if side == "align" else "arm"
        assert steps == {(own, "simpo"), (own, "sft"), (other, "sft")}
        aligned = {cell for cell in requested if dict(cell.labels)["stage"] == "align"}
        assert len(aligned) == (2 if side == "align" else 1)


@pytest.mark.parametrize(
    ("algorithms", "has_pairs", "teaches"),
    [
        (["sft"], False, False),
        (["dpo"], False, True),
        (["dpo", "kto", "simpo"], True, False),
        (["grpo"], True, True),
    ],
)
def test_the_scorer_teaches_by_rewards_and_by_preferences(
    algorithms: list[str], has_pairs: bool, teaches: bool
) -> None:
    pairs = {"pairs": {"source": "pairs"}} if has_pairs else {}
    data = {**NAMED["data"], **pairs}
    assert config(NAMED, data=data, algorithms=algorithms).scorer_teaches == teaches


def test_recipes_are_adapted_to_their_algorithms() -> None:
    algorithms_config = config(
        NAMED,
        align=[24],
        dose=[24],
        algorithms=["kto", "ppo", "rloo", "grpo"],
        recipe={"batch": 1, "accumulation": 6},
        held_out={"tokens": 24},
        recipes={"ppo": {"generations": 1}, "grpo": {"generations": 3, "completion_length": 10}},
    )
    kto, ppo, rloo, grpo = (
        algorithms_config.build_recipe(**algorithms_config.changes(name, is_reverse=False))
        for name in ("kto", "ppo", "rloo", "grpo")
    )
    assert (kto.batch, kto.accumulation) == (2, 3)
    assert (ppo.generations, ppo.batch, ppo.accumulation) == (1, 1, 6)
    assert (rloo.generations, rloo.batch, rloo.accumulation) == (4, 1, 8)
    assert (grpo.generations, grpo.batch, grpo.accumulation) == (3, 1, 6)
    assert (ppo.completion_length, rloo.completion_length, grpo.completion_length) == (24, 24, 10)


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        ({"dpo": {"lerning_rate": 1}}, "unknown key lerning_rate; did you mean learning_rate?"),
        ({"dpo": {"beta": -1}}, "beta -1"),
        ({"kto": {"batch": 1}}, "kto compares the rows of a batch"),
        ({"ppa": {}}, "'ppa'"),
    ],
)
def test_invalid_recipes_are_rejected(recipes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        config(NAMED, recipes=recipes)
    assert message in str(error.value)


def test_planted_differences_from_sft_are_recovered() -> None:
    values = config(NAMED, algorithms=["dpo", "kto"], dose=[8, 16, 32, 64, 512], seeds=6)
    scales = {"sft": 40, "dpo": 42, "kto": 300}

    def left(lineage: Lineage, _: int, __: str, dose: int) -> float:
        return math.exp(-dose / scales[lineage.name])

    rows = planted(values, lineages(values), lambda *_: 0.02, left, noise=0.0001)
    analysis = analyse(values, rows)
    assert verdicts(analysis) == {
        "sft: returns": "holds",
        "dpo: returns": "holds",
        "dpo: like_sft": "holds",
        "kto: returns": "holds",
        "kto: like_sft": "does not hold",
    }
