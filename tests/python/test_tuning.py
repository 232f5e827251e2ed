"""Training that goes on from a model, by every algorithm, ended in every way there is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

import elastic_core as ec
from elastic_core.training.tuning import follower, run
from elastic_core.training.tuning.recipe import ALGORITHMS, Recipe
from elastic_core.training.tuning.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK: dict[str, Any] = {
    "learning_rate": 3e-3,
    "steps": 6,
    "batch": 4,
    "accumulation": 2,
    "max_length": 32,
    "completion_length": 8,
    "dtype": "float32",
    "device": "cpu",
}
PROMPTS = [f"To be {number}:" for number in range(16)]
ROWS: dict[str, list[dict[str, Any]]] = {
    "sft": [{"prompt": prompt, "completion": " or not"} for prompt in PROMPTS],
    "dpo": [{"prompt": each, "chosen": " aye aye", "rejected": " nay"} for each in PROMPTS],
    "kto": [
        {"prompt": each, "completion": text, "label": label}
        for each in PROMPTS
        for text, label in ((" aye aye", True), (" nay", False))
    ],
    "grpo": [{"prompt": prompt} for prompt in PROMPTS],
}
ROWS |= {"simpo": ROWS["dpo"], "rloo": ROWS["grpo"]}


def share_of_e(prompts: list[str], completions: list[str]) -> list[float]:
    assert all(prompt in PROMPTS for prompt in prompts)
    return [text.count("e") / max(1, len(text)) for text in completions]


def quick(algorithm: str, model: Path, out: Path, **more: Any) -> Any:
    recipe = Recipe(algorithm, **{**QUICK, **more})
    reward = share_of_e if algorithm in ("rloo", "grpo") else None
    return train(str(model), ROWS[algorithm], recipe, out, seed=1, reward=reward)


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    return found


def margin(folder: str | Path) -> float:
    """How much likelier the chosen texts are than the rejected ones, per pair in nats."""
    model = ec.load_model(str(folder), device="cpu")
    sums = [
        sum(
            each.sum()
            for each in model.log_probs([row["prompt"] + row[side] for row in ROWS["dpo"]])
        )
        for side in ("chosen", "rejected")
    ]
    return float(sums[0] - sums[1]) / len(ROWS["dpo"])


def test_sft_lowers_the_loss_of_its_rows(checkpoint: Path, tmp_path: Path) -> None:
    told = []
    recipe = Recipe(**QUICK)
    result = train(
        str(checkpoint),
        ROWS["sft"],
        recipe,
        tmp_path / "out",
        seed=1,
        progress=lambda *step: told.append(step),
    )
    assert result.steps == 6
    assert result.final_loss < result.first_loss - 0.5
    assert result.curve["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert told[-1] == (f"train {checkpoint}", 6, 6)
    texts = [row["prompt"] + row["completion"] for row in ROWS["sft"]]
    before, after = (
        sum(each.sum() for each in ec.load_model(str(path), device="cpu").log_probs(texts))
        for path in (checkpoint, result.path)
    )
    assert after > before


@pytest.mark.parametrize("algorithm", ["dpo", "kto", "simpo"])
def test_preferences_raise_the_margin(algorithm: str, checkpoint: Path, tmp_path: Path) -> None:
    result = quick(algorithm, checkpoint, tmp_path / "out")
    assert margin(result.path) > margin(checkpoint) + 1


@pytest.mark.parametrize("algorithm", ["rloo", "grpo"])
def test_rewards_rise(algorithm: str, checkpoint: Path, tmp_path: Path) -> None:
    result = quick(algorithm, checkpoint, tmp_path / "out", steps=20, batch=16)
    reward = result.curve["reward"]
    assert reward[-5:].mean() > reward[:5].mean()


def test_the_tree_model_learns_as_often_as_rows_count(tmp_path: Path) -> None:
    rows = [{"text": "to be or not to be"}, {"text": "that is the question"}] * 3
    one = train("tree:4", rows, Recipe(), tmp_path / "one", seed=3)
    assert one.path == str(tmp_path / "one" / "model.ectm")
    assert one.final_loss < one.first_loss / 2
    assert one.tokens == sum(len(row["text"]) + 1 for row in rows)
    two = train("tree:4", rows, Recipe(weight=2), tmp_path / "two", seed=3)
    epochs = train("tree:4", rows, Recipe(epochs=2), tmp_path / "epochs", seed=3)
    again = train(str(one.path), rows, Recipe(), tmp_path / "again", seed=3)
    identity = [ec.load_model(str(each.path)).identity for each in (two, epochs, again)]
    assert identity[0] == identity[1] == identity[2]
    assert again.first_loss == one.final_loss
    assert two.final_loss == again.final_loss


def test_the_tree_model_learns_prompts_too(tmp_path: Path) -> None:
    apart = train("tree:4", ROWS["sft"], Recipe(), tmp_path / "apart", seed=0)
    whole = [{"text": row["prompt"] + row["completion"]} for row in ROWS["sft"]]
    joined = train("tree:4", whole, Recipe(), tmp_path / "joined", seed=0)
    assert apart.final_loss == joined.final_loss


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_the_tree_model_learns_nothing_else(algorithm: str, tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="learns by sft alone"):
        quick(algorithm, Path("tree:4"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def same(one: Any, other: Any) -> bool:
    """Whether two trainings gave the same: every weight, every row of the curve."""
    files = [Path(each.path) / "model.safetensors" for each in (one, other)]
    numbers = [{**each.to_dict(), "path": "", "seconds": 0} for each in (one, other)]
    return files[0].read_bytes() == files[1].read_bytes() and numbers[0] == numbers[1]


class Killed(BaseException):
    """What ends a process that nobody asks."""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_killed_training_goes_on(
    algorithm: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {"generations": 4, "steps": 5}
    whole = quick(algorithm, checkpoint, tmp_path / "whole", **more)
    monkeypatch.setattr(follower, "_SECONDS_BETWEEN_STATES", 0.0)
    tell = run._teller

    def mortal(spec: str, progress: Any) -> Any:
        def told(done: int, steps: int) -> None:
            if done == 4:
                raise Killed
            tell(spec, progress)(done, steps)

        return told

    monkeypatch.setattr(run, "_teller", mortal)
    with pytest.raises(Killed):
        quick(algorithm, checkpoint, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.partial" / "checkpoint-3" / "trainer_state.json").exists()
    monkeypatch.setattr(run, "_teller", tell)
    result = quick(algorithm, checkpoint, tmp_path / "out", **more)
    assert same(result, whole)
    assert not (tmp_path / "out.partial").exists()
