"""Fine-tuning with every algorithm: results, interruption, seeds, rejected input."""

import json
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, MambaConfig, MambaForCausalLM
from trl import SFTTrainer

import elastic_core as ec
from elastic_core import Recipe, Reward, Trained, train
from elastic_core.common.files import write_sealed_json
from elastic_core.common.progress import Step
from elastic_core.training import callbacks
from elastic_core.training.finetuning.recipe import ALGORITHMS, ONLINE
from elastic_core.training.finetuning.usable import RowCounts, RowReader, RowTokens, count_tokens
from elastic_core.training.folder import TREE_MODEL, checkpoint_folder

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
    "dpo": [{"prompt": prompt, "chosen": " aye aye", "rejected": " nay"} for prompt in PROMPTS],
    "kto": [
        {"prompt": prompt, "completion": text, "label": label}
        for prompt in PROMPTS
        for text, label in ((" aye aye", True), (" nay", False))
    ],
    "grpo": [{"prompt": prompt} for prompt in PROMPTS],
}
ROWS |= {"simpo": ROWS["dpo"], "ppo": ROWS["grpo"], "rloo": ROWS["grpo"]}


def share_of_e(prompts: list[str], completions: list[str]) -> list[float]:
    assert all(prompt in PROMPTS for prompt in prompts)
    return [text.count("e") / max(1, len(text)) for text in completions]


def quick(algorithm: str, model: Path, out: Path, progress: Any = None, **more: Any) -> Trained:
    recipe = Recipe(algorithm, **{**QUICK, **more})
    reward = Reward("share of e", share_of_e) if algorithm in ONLINE else None
    rows = ROWS[algorithm]
    return train(str(model), rows, recipe, out, seed=1, reward=reward, progress=progress)


Finished = Callable[[str], Trained]


@pytest.fixture(scope="module")
def finished(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Uninterrupted trainings by algorithm; each runs once per module."""

    @cache
    def run(algorithm: str) -> Trained:
        more = {"lora_rank": 2} if algorithm == "lora" else {}
        name = "sft" if algorithm == "lora" else algorithm
        return quick(name, checkpoint, tmp_path_factory.mktemp(algorithm) / "out", **more)

    return run


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    return state


def model_path(result: Trained) -> str:
    assert result.path is not None
    return result.path


def margin(folder: str | Path) -> float:
    """The log-probability of chosen minus rejected texts, in nats per pair."""
    model = ec.load_model(str(folder), device="cpu")
    sums = [
        sum(
            log_probs.sum()
            for log_probs in model.log_probs([row["prompt"] + row[side] for row in ROWS["dpo"]])
        )
        for side in ("chosen", "rejected")
    ]
    return float(sums[0] - sums[1]) / len(ROWS["dpo"])


def test_sft_lowers_the_loss_of_its_rows(checkpoint: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    result = quick("sft", checkpoint, tmp_path / "out", steps.append)
    assert result.steps == 6
    assert result.final_loss < result.first_loss - 0.5
    assert result.curve["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert steps[-1] == Step("train", str(checkpoint), 6, 6, "steps")
    texts = [row["prompt"] + row["completion"] for row in ROWS["sft"]]
    before, after = (
        sum(
            log_probs.sum() for log_probs in ec.load_model(str(path), device="cpu").log_probs(texts)
        )
        for path in (checkpoint, model_path(result))
    )
    assert after > before


@pytest.mark.parametrize("algorithm", ["dpo", "kto", "simpo"])
def test_preference_algorithms_raise_the_margin(
    algorithm: str, checkpoint: Path, finished: Finished
) -> None:
    assert margin(model_path(finished(algorithm))) > margin(checkpoint) + 1


@pytest.mark.parametrize("algorithm", ONLINE)
def test_reward_algorithms_raise_the_reward(
    algorithm: str, checkpoint: Path, tmp_path: Path
) -> None:
    result = quick(algorithm, checkpoint, tmp_path / "out", steps=20, batch=8)
    reward = result.curve["reward"]
    assert reward[-5:].mean() > reward[:5].mean()


def test_a_weight_repeats_rows_for_a_tree_model(tmp_path: Path) -> None:
    rows = [{"text": "to be or not to be"}, {"text": "that is the question"}] * 3
    one = train("tree:4", rows, Recipe(), tmp_path / "one", seed=3)
    assert one.path == str(tmp_path / "one" / "model.ectm")
    assert one.final_loss < one.first_loss / 2
    assert one.tokens == sum(len(row["text"]) + 1 for row in rows)
    two = train("tree:4", rows, Recipe(weight=2), tmp_path / "two", seed=3)
    epochs = train("tree:4", rows, Recipe(epochs=2), tmp_path / "epochs", seed=3)
    again = train(str(one.path), rows, Recipe(), tmp_path / "again", seed=3)
    identity = [ec.load_model(str(trained.path)).identity for trained in (two, epochs, again)]
    assert identity[0] == identity[1] == identity[2]
    assert again.first_loss == one.final_loss
    assert two.final_loss == again.final_loss


def test_a_tree_model_learns_prompts_too(tmp_path: Path) -> None:
    apart = train("tree:4", ROWS["sft"], Recipe(), tmp_path / "apart", seed=0)
    whole = [{"text": row["prompt"] + row["completion"]} for row in ROWS["sft"]]
    joined = train("tree:4", whole, Recipe(), tmp_path / "joined", seed=0)
    assert apart.final_loss == joined.final_loss


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_a_tree_model_supports_only_sft(algorithm: str, tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="supports only plain sft"):
        quick(algorithm, Path("tree:4"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def same(one: Any, other: Any) -> bool:
    """Whether two trainings agree in every weight and every row of the curve."""
    files = [Path(trained.path) / "model.safetensors" for trained in (one, other)]
    numbers = [{**trained.to_dict(), "path": "", "seconds": 0} for trained in (one, other)]
    return files[0].read_bytes() == files[1].read_bytes() and numbers[0] == numbers[1]


class Interrupted(BaseException):
    """Stands for a signal that kills the process."""


# Checkpoints of a curve

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


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "lora"])
def test_an_interrupted_training_resumes(
    algorithm: str,
    checkpoint: Path,
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = finished(algorithm)
    more: dict[str, Any] = {}
    if algorithm == "lora":
        algorithm, more = "sft", {"lora_rank": 2}
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STATES", 0.0)

    def interrupt(step: Step) -> None:
        if step.done == 4:
            raise Interrupted(step)

    with pytest.raises(Interrupted):
        quick(algorithm, checkpoint, tmp_path / "out", progress=interrupt, **more)
    assert not (tmp_path / "out").exists()
    states = tmp_path / "out.partial"
    assert (states / "checkpoint-3" / "trainer_state.json").exists()
    (states / "checkpoint-4").mkdir()
    (states / "checkpoint-4" / "trainer_state.json").write_text("{")
    steps: list[int] = []
    result = quick(
        algorithm,
        checkpoint,
        tmp_path / "out",
        progress=lambda step: steps.append(step.done),
        **more,
    )
    assert steps == [4, 5, 6]
    assert same(result, whole)
    assert not states.exists()


def test_the_same_seed_gives_the_same_model(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    one = finished("sft")
    assert same(one, quick("sft", checkpoint, tmp_path / "again"))
    recipe = Recipe(**QUICK)
    other = train(str(checkpoint), ROWS["sft"], recipe, tmp_path / "other", seed=2)
    assert not same(one, other)


def test_a_finished_training_is_not_repeated(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    first = finished("sft")
    out = Path(model_path(first))
    file = out / "model.safetensors"
    time = file.stat().st_mtime_ns
    again = quick("sft", checkpoint, out)
    assert again.to_dict() == first.to_dict()
    assert file.stat().st_mtime_ns == time
    moved = quick("sft", checkpoint, shutil.copytree(out, tmp_path / "moved"))
    assert moved.path == str(tmp_path / "moved")
    with pytest.raises(ec.InvalidArgumentError, match=r"learning_rate 0\.003, not 0\.01"):
        quick("sft", checkpoint, out, learning_rate=0.01)
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "sha256.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "trained.json",
    ]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(ec.InvalidArgumentError, match="mine: it exists and is not the folder"):
        quick("sft", checkpoint, tmp_path / "mine")


def test_lora_trains_only_the_adapter(checkpoint: Path, finished: Finished) -> None:
    result = finished("lora")
    assert result.final_loss < result.first_loss
    before, after = weights(checkpoint), weights(model_path(result))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "_proj" in name}
    for name in changed:
        difference = (after[name] - before[name]).double()
        assert torch.linalg.matrix_rank(difference, rtol=1e-4) == 2
    adapter = ec.load_model(str(checkpoint), adapter=f"{result.path}/adapter", device="cpu")
    merged = ec.load_model(model_path(result), device="cpu")
    for one, other in zip(adapter.log_probs(PROMPTS), merged.log_probs(PROMPTS), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_mixed_precision_and_gradient_checkpointing(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    plain = finished("sft")
    twice = quick("sft", checkpoint, tmp_path / "twice", gradient_checkpointing=True)
    assert twice.curve["loss"] == pytest.approx(plain.curve["loss"], rel=1e-5)
    half = quick("sft", checkpoint, tmp_path / "half", dtype="bfloat16")
    assert half.curve["loss"] == pytest.approx(plain.curve["loss"], rel=0.05)
    assert (half.curve["loss"] != plain.curve["loss"]).all()
    assert weights(model_path(half))["lm_head.weight"].dtype == torch.float32


def test_a_step_of_sgd_is_the_clipped_gradient(checkpoint: Path, tmp_path: Path) -> None:
    rate, decay = 0.1, 0.01
    more = {"optimizer": "sgd", "learning_rate": rate, "weight_decay": decay}
    recipe = Recipe(**{**QUICK, **more, "steps": 1, "batch": 16, "accumulation": 1})
    result = train(str(checkpoint), ROWS["sft"], recipe, tmp_path / "out", seed=1)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    losses = []
    for row in ROWS["sft"]:
        prompt, completion = (tokenizer(row[name]).input_ids for name in ("prompt", "completion"))
        ids = torch.tensor([tokenizer.bos_token_id, *prompt, *completion, tokenizer.eos_token_id])
        log_probs = model(ids[None, :-1]).logits[0].log_softmax(-1)
        losses.append(-log_probs.gather(1, ids[1:, None])[len(prompt) :])
    loss = torch.cat(losses).mean()
    loss.backward()
    assert result.first_loss == pytest.approx(float(loss.detach()), rel=1e-5)
    gradients: dict[str, Any] = {name: weight.grad for name, weight in model.named_parameters()}
    norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm()
    assert norm > 1
    trained = weights(model_path(result))
    for name, weight in model.named_parameters():
        decayed = 0.0 if "norm" in name else decay * weight.detach()
        expected = weight.detach() - rate * (gradients[name] / norm + decayed)
        assert torch.allclose(trained[name], expected, atol=1e-6)


def test_a_folder_without_later_fields_of_the_recipe_had_their_defaults(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(model_path(finished("sft")), tmp_path / "out"))
    stored = json.loads((out / "trained.json").read_text())
    del stored["check"], stored["settings"]["recipe"]["optimizer"]
    write_sealed_json(out / "trained.json", stored)
    assert quick("sft", checkpoint, out).final_loss == finished("sft").final_loss
    with pytest.raises(ec.InvalidArgumentError, match=r"optimizer .adamw., not .sgd."):
        quick("sft", checkpoint, out, optimizer="sgd")


def test_the_reference_model_enters_the_loss(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    recipe = Recipe("dpo", **QUICK)
    rows = ROWS["dpo"]
    itself, held = (
        train(str(checkpoint), rows, recipe, tmp_path / name, seed=1, reference=reference)
        for name, reference in (("itself", str(checkpoint)), ("held", finished("sft").path))
    )
    default = finished("dpo")
    assert np.array_equal(itself.curve["loss"], default.curve["loss"])
    assert default.first_loss == pytest.approx(np.log(2))
    assert held.first_loss != pytest.approx(np.log(2))


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


def test_a_template_that_refuses_a_row_names_it(checkpoint: Path, tmp_path: Path) -> None:
    chat = shutil.copytree(checkpoint, tmp_path / "chat")
    tokenizer = AutoTokenizer.from_pretrained(chat)
    tokenizer.chat_template = (
        "{% for message in messages %}{% if message.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{{ message.content }}"
        "{% endfor %}"
    )
    tokenizer.save_pretrained(chat)
    turns = [{"role": "user", "content": "To be"}, {"role": "assistant", "content": "or not"}]
    rows = [{"messages": turns}, {"messages": [{"role": "system", "content": "Be"}, *turns]}]
    message = r"^row 1: the model's chat template refuses .* \(System role not supported\); change"
    with pytest.raises(ec.InvalidArgumentError, match=message):
        train(str(chat), rows, Recipe(**QUICK), tmp_path / "out", seed=0)
    assert not (tmp_path / "out.partial").exists()


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


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"algorithm": "ppa"},
            "unknown algorithm 'ppa': choose sft, dpo, kto, simpo, ppo, rloo, g",
        ),
        ({"schedule": "wavy"}, "unknown schedule 'wavy'"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion': choose adamw, sgd"),
        ({"learning_rate": 0.0}, "learning_rate 0.0: must be more than 0"),
        ({"weight": float("nan")}, "weight nan: must be more than 0"),
        ({"batch": 0}, "batch 0: must be at least 1"),
        ({"max_length": 1}, "max_length 1: must be at least 2"),
        ({"beta": -1.0}, "beta -1.0: must be 0 or more"),
        ({"warm_up": 1.5}, "warm_up 1.5: write a whole number of steps"),
        ({"algorithm": "kto"}, "kto compares the rows of a batch"),
        ({"algorithm": "rloo", "generations": 1}, "generations 1: must be at least 2"),
        ({"algorithm": "grpo", "batch": 3, "accumulation": 1}, "generations 8: the 3 completions"),
    ],
)
def test_an_invalid_recipe_is_rejected(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ec.InvalidArgumentError) as error:
        Recipe(**more)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("algorithm", "rows", "more", "message"),
    [
        ("sft", [], {}, "no rows to train on; give sft at least one"),
        (
            "sft",
            [{"prompt": "a", "answer": "b"}],
            {},
            'prompt and completion, or text, or messages; row 0 is {"prompt": "a", "answer": ',
        ),
        (
            "dpo",
            [{"prompt": "a", "chosen": "b" * 200}],
            {},
            "dpo needs the columns prompt and chosen and rejected; row 0 is {",
        ),
        (
            "sft",
            [{"text": "a"}, {"text": None}],
            {},
            'row 1 has no text, which row 0 has; it is {"text": null}',
        ),
        ("sft", "To be", {}, "the rows are a str; pass a list of rows"),
        ("sft", {"text": "a"}, {}, "the rows are a dict; pass a list of rows"),
        ("sft", ["a", "b"], {}, 'row 0 is "a", not a mapping of columns; write rows such as {"te'),
        ("sft", [{"text": 5}], {}, "row 0: its text is a int; it must be text"),
        ("sft", [{"text": "a\ud800"}], {}, "row 0: its text has a lone surrogate, U+D800, at posi"),
        ("sft", [{"messages": []}], {}, "row 0: its messages is an empty conversation"),
        ("sft", [{"messages": ["a"]}], {}, 'row 0: its messages has "a" for a message; write role'),
        ("sft", [{"messages": "a"}], {}, "row 0: its messages is plain text, but must be a list"),
        (
            "grpo",
            [{"prompt": "a"}, {"prompt": [{"role": "user", "content": "a"}]}],
            {},
            "row 1: its prompt is a list of messages, but must be plain text as in row 0",
        ),
        (
            "kto",
            [{"prompt": "a", "completion": "b", "label": "yes"}],
            {},
            "row 0: its label is 'yes'; it must be True or False",
        ),
        (
            "kto",
            [row for row in ROWS["kto"] if row["label"]],
            {},
            "all 16 rows have the label True; kto needs rows with the label True and rows with",
        ),
        ("grpo", ROWS["grpo"], {}, "grpo needs a reward"),
        ("sft", ROWS["sft"], {"reward": share_of_e}, "sft learns from rows, not from a reward"),
        ("simpo", ROWS["dpo"], {"reference": "x"}, "simpo takes no reference model"),
        ("sft", ROWS["sft"], {"reference": "x"}, "sft without a beta uses no reference"),
        ("sft", ROWS["sft"], {"seed": -1}, "seed -1: must be 0 or more"),
        ("sft", ROWS["sft"], {"model": "scratch:1M"}, "scratch:1M: the model is untrained"),
        (
            "sft",
            [{"messages": [{"role": "user", "content": "a"}]}],
            {"model": "tree:3"},
            "tree:3: a tree model has no chat template",
        ),
    ],
)
def test_an_invalid_training_is_rejected(
    algorithm: str,
    rows: Any,
    more: dict[str, Any],
    message: str,
    tmp_path: Path,
) -> None:
    arguments: dict[str, Any] = {"model": "x", "seed": 0, **more}
    with pytest.raises(ec.InvalidArgumentError) as error:
        train(rows=rows, recipe=Recipe(algorithm, batch=2), out=tmp_path / "out", **arguments)
    assert message in str(error.value)
    assert len(str(error.value)) < 240
    assert not list(tmp_path.iterdir())


def test_conversations_are_trained_on(checkpoint: Path, tmp_path: Path) -> None:
    chat = shutil.copytree(checkpoint, tmp_path / "chat")
    tokenizer = AutoTokenizer.from_pretrained(chat)
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message.role[0] }}:{{ message.content }}{{ eos_token }}"
        "{% endfor %}{% if add_generation_prompt %}a:{% endif %}"
    )
    tokenizer.save_pretrained(chat)
    question = {"role": "user", "content": "To be"}
    rows = [{"messages": [question, {"role": "assistant", "content": "or not"}]}] * 8
    result = train(str(chat), rows, Recipe(**QUICK), tmp_path / "out", seed=0)
    assert result.final_loss < result.first_loss
    calls: list[tuple[list[str], list[str]]] = []

    def reward(prompts: list[str], completions: list[str]) -> list[float]:
        calls.append((prompts, completions))
        return [float(len(text)) for text in completions]

    recipe = Recipe("grpo", **{**QUICK, "steps": 1})
    rows = [{"prompt": [question]}] * 8
    train(str(chat), rows, recipe, tmp_path / "grpo", seed=0, reward=Reward("length", reward))
    assert calls[0][0] == ["To be"] * 8
    assert all(isinstance(text, str) for text in calls[0][1])


def test_a_missing_library_is_reported(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("algorithms", "run"):
        name = f"elastic_core.training.finetuning.{module}"
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(ec.ModelError, match=r"trl is not installed; pip install 'elastic-core\[tr"):
        quick("dpo", checkpoint, tmp_path / "out")


def test_unsuitable_models_rewards_and_rows_are_rejected(checkpoint: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"messages": [{"role": "user", "content": "a"}]}]
    with pytest.raises(ec.ModelError, match="its tokenizer has no chat template"):
        train(str(checkpoint), rows, Recipe(**QUICK), tmp_path / "chat", seed=0)
    recipe = Recipe("grpo", **QUICK)
    with pytest.raises(ec.InvalidArgumentError, match="the reward gave 1 numbers for 8 texts"):
        train(
            str(checkpoint),
            ROWS["grpo"],
            recipe,
            tmp_path / "r",
            seed=0,
            reward=Reward("one", lambda *_: [1.0]),
        )
    with pytest.raises(ec.ModelError, match=r"the folder has no config\.json"):
        quick("sft", tmp_path, tmp_path / "none")
    rows = [{"prompt": "to be " * 50, "completion": "or not"}]
    with pytest.raises(ec.InvalidArgumentError, match="no row has anything to learn within 32"):
        train(str(checkpoint), rows, Recipe(**QUICK), tmp_path / "long", seed=0)
    assert not list(tmp_path.iterdir())


VANISHING = [
    *({"prompt": "word " * 80, "completion": " y"},) * 3,
    {"prompt": "b", "completion": " z"},
]


def preferences(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": " x"} for row in rows
    ]


def test_an_empty_prompt_without_bos_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "plain")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bos_token": None}))
    rows = [*ROWS["ppo"], {"prompt": ""}]
    reward = Reward("share of e", share_of_e)
    with pytest.raises(ec.InvalidArgumentError, match="row 16 has an empty prompt, and the tok"):
        train(str(folder), rows, Recipe("ppo", **QUICK), tmp_path / "out", seed=0, reward=reward)


@pytest.mark.parametrize("algorithm", ["sft", "dpo", "simpo", "kto"])
def test_rows_with_nothing_to_learn_are_counted_and_left_out(
    algorithm: str, checkpoint: Path, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = VANISHING
    if algorithm == "kto":
        rows = [{**row, "label": at in (0, 3)} for at, row in enumerate([*rows, rows[3]])]
    elif algorithm != "sft":
        rows = preferences(rows)
    recipe = Recipe(algorithm, **{**QUICK, "max_length": 16, "steps": 2})
    used = 2 if algorithm == "kto" else 1
    has = "have" if used == 2 else "has"
    message = f"{used} of {len(rows)} rows {has} anything to learn within 16 tokens"
    with pytest.warns(UserWarning, match=f"^{message}; the others are left out$"):
        result = train(str(checkpoint), rows, recipe, tmp_path / "out", seed=0)
    assert not result.diverged
    assert result.rows == RowCounts(given=len(rows), used=used, cut=0, limit=16)
    stored = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert stored["rows"] == {"given": len(rows), "used": used, "cut": 0, "limit": 16}
    alone = train(str(checkpoint), rows[3:], recipe, tmp_path / "alone", seed=0)
    assert alone.curve["loss"].tolist() == result.curve["loss"].tolist()
    match = f"^{message}; raise recipe.max_length, or shorten the prompts$"
    for out in (tmp_path / "out", tmp_path / "strict"):
        with pytest.raises(ec.InvalidArgumentError, match=match):
            train(str(checkpoint), rows, recipe, out, seed=0, require_all=True)
    with pytest.raises(ec.InvalidArgumentError, match="no row has anything to learn within 16 to"):
        train(str(checkpoint), rows[:3], recipe, tmp_path / "none", seed=0)
    assert not (tmp_path / "none").exists()


def test_tokens_to_learn_are_those_of_the_trainer(checkpoint: Path) -> None:
    reader = RowReader(AutoTokenizer.from_pretrained(checkpoint), 300)
    rows = [{"prompt": "ab", "completion": "xyz"}, {"text": "abcd"}, {"text": ""}]
    tokens = [
        count_tokens([row], Recipe(), reader, limit)[0] for row in rows for limit in (16, 4, 2)
    ]
    # One token for each letter, and eos; nothing predicts the first token of a text.
    assert tokens == [
        *(RowTokens(4, 6), RowTokens(2, 6), RowTokens(0, 6)),
        *(RowTokens(4, 5), RowTokens(3, 5), RowTokens(1, 5)),
        *(RowTokens(0, 1), RowTokens(0, 1), RowTokens(0, 1)),
    ]
    pair = {"prompt": "ab", "chosen": "xxy", "rejected": "xxz"}
    assert count_tokens([pair], Recipe("dpo"), reader, 5) == [RowTokens(3, 6)]
    assert count_tokens([pair], Recipe("dpo"), reader, 4) == [RowTokens(0, 6)]
    online = Recipe("grpo", completion_length=8)
    for limit, learned in ((10, 8), (9, 0), (None, 8)):
        assert count_tokens([{"prompt": "ab"}], online, reader, limit) == [RowTokens(learned, 10)]


def test_truncated_rows_are_counted_as_cut(checkpoint: Path, tmp_path: Path) -> None:
    rows = [{"text": "abcd" * 20}, {"text": "abcd"}]
    recipe = Recipe(**{**QUICK, "max_length": 100, "steps": 1})
    result = train(str(checkpoint), rows, recipe, tmp_path / "out", seed=0)
    assert result.rows == RowCounts(given=2, used=2, cut=1, limit=64)  # The model's positions.
    rows = [
        {"prompt": "abcd" * 20, "completion": "e"},
        rows[1] | {"prompt": "a", "completion": "b"},
    ]
    with pytest.raises(ec.InvalidArgumentError, match="no more positions, so shorten the prompts"):
        train(str(checkpoint), rows, recipe, tmp_path / "strict", seed=0, require_all=True)


def test_prompts_that_leave_no_room_for_completions_are_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    recipe = Recipe("grpo", **{**QUICK, "completion_length": 64})
    reward = Reward("share of e", share_of_e)
    with pytest.raises(ec.InvalidArgumentError, match=r"lower recipe\.completion_length, 64, or"):
        train(str(checkpoint), ROWS["grpo"], recipe, tmp_path / "out", seed=0, reward=reward)


def divergence(model: str | Path, reference: str | Path) -> float:
    """KL(model || reference) per token of the completions and `eos`, in nats, row by row."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    models = [AutoModelForCausalLM.from_pretrained(path) for path in (model, reference)]
    terms = []
    for row in ROWS["sft"]:
        prompt, completion = (tokenizer(row[name]).input_ids for name in ("prompt", "completion"))
        ids = [tokenizer.bos_token_id, *prompt, *completion]
        with torch.no_grad():
            one, other = (
                model(torch.tensor([ids])).logits[0].double().softmax(-1) for model in models
            )
        terms.extend((one * (one / other).log()).sum(-1)[len(prompt) :].tolist())
    return float(np.mean(terms))


def test_sft_with_a_beta_stays_near_the_reference(
    checkpoint: Path, finished: Finished, tmp_path: Path
) -> None:
    free, held = finished("sft"), quick("sft", checkpoint, tmp_path / "held", beta=3.0)
    assert held.first_loss == pytest.approx(free.first_loss, rel=1e-5)
    assert divergence(model_path(free), checkpoint) > 1.5 * divergence(model_path(held), checkpoint)
    recipe = Recipe(beta=2.0, **{**QUICK, "steps": 1, "batch": 8})
    whole, other = (
        train(model_path(free), ROWS["sft"], recipe, tmp_path / name, seed=1, reference=reference)
        for name, reference in (("whole", None), ("other", str(checkpoint)))
    )
    penalty = other.first_loss - whole.first_loss
    assert penalty == pytest.approx(2 * divergence(model_path(free), checkpoint), rel=1e-4)


def with_added_token(checkpoint: Path, folder: Path, **role: Any) -> Path:
    """A copy of the checkpoint whose tokenizer has an id more than the model has embeddings."""
    shutil.copytree(checkpoint, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens(role)
    tokenizer.save_pretrained(folder)
    return folder


def test_ids_beyond_the_embeddings_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    padded = with_added_token(checkpoint, tmp_path / "padded", pad_token="[PAD]")
    with pytest.raises(ec.ModelError, match=r"token \[PAD\] the id 300, but .* only 300 ids"):
        train(str(padded), ROWS["sft"], Recipe(**QUICK), tmp_path / "out", seed=0)
    masked = with_added_token(checkpoint, tmp_path / "masked", mask_token="[MASK]")
    rows = [*ROWS["sft"], {"prompt": "To [MASK]", "completion": " or"}]
    with pytest.raises(ec.InvalidArgumentError, match="row 16 has the token id 300, but the"):
        train(str(masked), rows, Recipe(**QUICK), tmp_path / "out", seed=0)
    assert not (tmp_path / "out.partial").exists()


def test_a_family_without_support_for_adapters_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "mamba")
    config = MambaConfig(vocab_size=300, hidden_size=16, state_size=4, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(ec.ModelError, match=r"adapter does not fit a model of this family \("):
        quick("sft", folder, tmp_path / "out", lora_rank=2)
    assert not (tmp_path / "out.partial").exists()
