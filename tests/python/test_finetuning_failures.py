"""Fine-tuning that fails on the way: losses that diverge, rewards without a value, memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetuned import QUICK, ROWS, quick
from trl import SFTTrainer

import elastic_core as ec
from elastic_core import Recipe, Reward, train
from elastic_core.training.finetuning.recipe import ALGORITHMS, ONLINE

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_diverging_loss_stops_the_training(checkpoint: Path, tmp_path: Path) -> None:
    result = quick("sft", checkpoint, tmp_path / "out", learning_rate=1e30)
    assert result.diverged
    assert result.path is None
    assert result.steps < 6
    assert np.isnan(result.final_loss)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["sha256.json", "trained.json"]
    again = quick("sft", checkpoint, tmp_path / "out", learning_rate=1e30)
    assert again.diverged
    assert np.array_equal(again.curve["loss"], result.curve["loss"], equal_nan=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_finite_but_absurd_training_has_diverged(
    algorithm: str, checkpoint: Path, tmp_path: Path
) -> None:
    result = quick(algorithm, checkpoint, tmp_path / "out", learning_rate=1e6, steps=2, batch=16)
    assert np.isfinite(result.final_loss)
    assert result.diverged
    assert result.path is None


def test_a_loss_far_above_that_of_guessing_has_diverged(checkpoint: Path, tmp_path: Path) -> None:
    result = quick("sft", checkpoint, tmp_path / "out", learning_rate=1.0)
    assert result.final_loss > max(result.first_loss, np.log(300)) + 1
    assert result.diverged


@pytest.mark.parametrize("algorithm", ONLINE)
def test_a_model_that_predicts_nothing_has_diverged(
    algorithm: str, checkpoint: Path, tmp_path: Path
) -> None:
    result = quick(algorithm, checkpoint, tmp_path / "out", learning_rate=1e30, steps=40)
    assert result.diverged
    assert result.steps < 40
    assert np.isnan(result.final_loss)


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [("ppo", float("nan")), ("grpo", float("nan")), ("grpo", float("inf")), ("grpo", None)],
)
def test_a_reward_that_is_no_number_stops_the_training(
    algorithm: str, value: Any, checkpoint: Path, tmp_path: Path
) -> None:
    recipe = Recipe(algorithm, **QUICK)
    reward = Reward("none", lambda prompts, _: [value] * len(prompts))
    message = f"^the reward of the completion .* is {value}; a reward must be a finite number$"
    with pytest.raises(ec.InvalidArgumentError, match=message):
        train(str(checkpoint), ROWS[algorithm], recipe, tmp_path / "out", seed=0, reward=reward)
    assert not list(tmp_path.iterdir())


def test_a_batch_that_exceeds_memory_is_divided(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = quick("sft", checkpoint, tmp_path / "whole", batch=6, accumulation=1)
    sizes: list[int] = []
    step: Any = SFTTrainer.training_step

    def small_device(self: SFTTrainer, model: Any, inputs: Any, *more: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return step(self, model, inputs, *more)

    monkeypatch.setattr(SFTTrainer, "training_step", small_device)
    divided = quick("sft", checkpoint, tmp_path / "divided", batch=6, accumulation=1)
    assert sizes[:2] == [6, 3]
    assert set(sizes[2:]) == {2}
    assert divided.steps == whole.steps
    assert divided.curve["loss"] == pytest.approx(whole.curve["loss"], rel=1e-5)

    def no_device(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(SFTTrainer, "training_step", no_device)
    with pytest.raises(ec.ModelError, match="batch 1 does not fit into the device's memory"):
        quick("sft", checkpoint, tmp_path / "none")
