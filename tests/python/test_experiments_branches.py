"""Annealed branches of pre-training in experiments: keys, hashes, plan, and models of cells."""

from pathlib import Path
from typing import Any

import pytest
from reviews import configured, for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.run import describe_plan
from elastic_core.experiments.sections import Pretraining
from elastic_core.experiments.worker import make_model

pytestmark = pytest.mark.usefixtures("one_thread")

SCALING: dict[str, Any] = {
    "study": "scaling",
    "along": "pretraining",
    "pretraining": [16384, 24576],
    "align": [8],
    "reverse": [8],
}
BRANCHES = {"tokens": 24576, "branches": [16384], "warm_up": 1, "decay": 0.5}


def values(folder: Path, **pretrain: Any) -> dict[str, Any]:
    config = for_transformer(write_reviews(folder))
    return {**config, **SCALING, "pretrain": {**config["pretrain"], **pretrain}}


def test_keys_that_came_later_are_left_out_at_their_defaults() -> None:
    earlier: dict[str, Any] = {
        "corpus": "c",
        "text_key": ["text"],
        "split": "document",
        "tokens": 4096,
        "checkpoints": [],
        "context": None,
        "learning_rate": None,
    }
    assert Pretraining(**earlier).model_dump() == earlier
    later = Pretraining(**{**earlier, "branches": ["2k"], "decay": 0.1})
    assert later.model_dump() == {**earlier, "branches": [2000], "decay": 0.1}
    assert Pretraining(**later.model_dump()) == later


def test_the_plan_says_what_branches_cost(tmp_path: Path) -> None:
    with_branches = describe_plan(configured(values(tmp_path, **BRANCHES)), tmp_path / "run")
    line = (
        "scratch:0.3M: 24,576 tokens for each pre-training, and 8,192 more to anneal its branches"
    )
    assert line in with_branches
    checkpoints = {"tokens": 24576, "checkpoints": [16384]}
    assert "anneal" not in describe_plan(configured(values(tmp_path, **checkpoints)), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"branches": []}, "after 16,384 tokens: list this number in pretrain.branches or pretr"),
        ({"branches": [16384, 8192]}, "pretrain: branches 16384, 8192: each must be at least one"),
        ({"schedule": "cosine"}, "pretrain: branches: the schedule cosine has none; choose wsd"),
        ({"warm_up": "16k"}, "pretrain: 16384 tokens are too few for a warm-up of 16384 and a"),
    ],
)
def test_impossible_branches_are_refused_before_any_training(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    config = configured(values(tmp_path, **{**BRANCHES, **changes}))
    with pytest.raises(InvalidArgumentError, match=message):
        describe_plan(config, tmp_path / "run")


def test_cells_take_the_branches_of_one_pretraining(tmp_path: Path) -> None:
    config = configured(values(tmp_path, **BRANCHES))
    context = RunContext(config, ModelStore(tmp_path / "models"))
    branch = Cell((("stage", "base"),), 0, config.model, tokens=16384)
    (whole,) = branch.needs
    for cell in (whole, branch):
        assert make_model(context, cell) == {}
    kept = Path(context.existing_path(whole)) / "checkpoints" / "tokens-16384"
    taken = Path(context.existing_path(branch))
    assert (taken / "model.safetensors").read_bytes() == (kept / "model.safetensors").read_bytes()
    assert (taken / "metrics.jsonl").exists()
