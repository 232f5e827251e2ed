"""The checkpoints of one fine-tuning are the models of separate ones."""

from pathlib import Path
from typing import Any

import pytest
from finetuned import QUICK, ROWS, Interrupted

import elastic_core as ec
from elastic_core import Recipe, Trained, train
from elastic_core.common.progress import Step
from elastic_core.training import callbacks
from elastic_core.training.folder import TREE_MODEL, checkpoint_folder

pytestmark = pytest.mark.usefixtures("one_thread")

CURVE: dict[str, Any] = {**QUICK, "steps": None, "warm_up": 2}


def curve(model: Path | str, out: Path, checkpoints: list[int], **more: Any) -> Trained:
    """A training on as many rows as the last checkpoint says."""
    algorithm = more.pop("algorithm", "sft")
    progress = more.pop("progress", None)
    rows = ROWS[algorithm][: checkpoints[-1]]
    recipe = Recipe(algorithm, **{**CURVE, **more})
    return train(str(model), rows, recipe, out, seed=1, checkpoints=checkpoints, progress=progress)


@pytest.mark.parametrize("more", [{}, {"algorithm": "dpo"}, {"lora_rank": 2}])
def test_checkpoints_are_the_models_of_separate_trainings(
    more: dict[str, Any], checkpoint: Path, tmp_path: Path
) -> None:
    curve(checkpoint, tmp_path / "curve", [8, 16], **more)
    for rows in (8, 16):
        curve(checkpoint, tmp_path / f"{rows}", [rows], **more)
        kept = checkpoint_folder(tmp_path / "curve", rows)
        alone = (tmp_path / f"{rows}" / "model.safetensors").read_bytes()
        assert (kept / "model.safetensors").read_bytes() == alone
        assert ec.load_model(str(kept)).log_probs(["to be"])


def test_checkpoints_of_an_interrupted_training_are_the_same(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STATES", 0.0)
    curve(checkpoint, tmp_path / "whole", [8, 16], batch=2)

    def interrupt(step: Step) -> None:
        if step.done == 3:
            raise Interrupted(step)

    with pytest.raises(Interrupted):
        curve(checkpoint, tmp_path / "out", [8, 16], batch=2, progress=interrupt)
    curve(checkpoint, tmp_path / "out", [8, 16], batch=2)
    for rows in (8, 16):
        files = [
            checkpoint_folder(tmp_path / name, rows) / "model.safetensors"
            for name in ("whole", "out")
        ]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_checkpoints_of_a_tree_model_are_those_of_separate_trainings(tmp_path: Path) -> None:
    curve("tree:3", tmp_path / "curve", [5, 16])
    curve("tree:3", tmp_path / "alone", [5])
    kept = checkpoint_folder(tmp_path / "curve", 5) / TREE_MODEL
    assert kept.read_bytes() == (tmp_path / "alone" / TREE_MODEL).read_bytes()


@pytest.mark.parametrize(
    ("checkpoints", "more", "message"),
    [
        ([12, 16], {}, "checkpoint 12: a step takes 8 rows"),
        ([16, 8, 16], {}, "write increasing numbers of rows, from 1 to 16"),
        ([0, 16], {}, "write increasing numbers"),
        ([8, 16], {"epochs": 2}, "one epoch, a constant learning rate"),
        ([8, 16], {"schedule": "cosine"}, "one epoch, a constant learning rate"),
        ([8, 16], {"warm_up": 0.5}, "a warm_up in steps"),
        ([8, 16], {"algorithm": "kto"}, "checkpoints need sft or dpo or simpo"),
    ],
)
def test_checkpoints_that_are_no_prefixes_are_refused(
    checkpoints: list[int], more: dict[str, Any], message: str, tmp_path: Path, checkpoint: Path
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        curve(checkpoint, tmp_path / "out", checkpoints, **more)


@pytest.mark.parametrize("warm_up", [-1.0, 1.5, float("nan"), 1e9])
def test_a_warm_up_is_a_fraction_or_a_number_of_steps(warm_up: float) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=r"warm_up .*: write a whole number of steps"):
        Recipe(warm_up=warm_up)
