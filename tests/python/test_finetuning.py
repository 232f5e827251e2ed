"""Fine-tuning with every algorithm: results, interruption, seeds."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetuned import PROMPTS, QUICK, ROWS, Interrupted, model_path, quick, with_template
from transformers import AutoModelForCausalLM, AutoTokenizer

import elastic_core as ec
from elastic_core import Recipe, Reward, Trained, train
from elastic_core.common.files import write_sealed_json
from elastic_core.common.progress import Step
from elastic_core.training import callbacks
from elastic_core.training.finetuning.recipe import ALGORITHMS, ONLINE

pytestmark = pytest.mark.usefixtures("one_thread")

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


def same(one: Any, other: Any) -> bool:
    """Whether two trainings agree in every weight and every row of the curve."""
    files = [Path(trained.path) / "model.safetensors" for trained in (one, other)]
    numbers = [{**trained.to_dict(), "path": "", "seconds": 0} for trained in (one, other)]
    return files[0].read_bytes() == files[1].read_bytes() and numbers[0] == numbers[1]


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


def test_conversations_are_trained_on(checkpoint: Path, tmp_path: Path) -> None:
    chat = with_template(
        checkpoint,
        tmp_path / "chat",
        "{% for message in messages %}{{ message.role[0] }}:{{ message.content }}{{ eos_token }}"
        "{% endfor %}{% if add_generation_prompt %}a:{% endif %}",
    )
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
