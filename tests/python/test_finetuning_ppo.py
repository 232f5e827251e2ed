"""PPO: its losses against naive loops, the plan, a bandit with a known optimum, interruptions."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetuned import with_template
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

import elastic_core as ec
from elastic_core import Recipe, Reward, Trained, train
from elastic_core.common.progress import Step
from elastic_core.training import callbacks
from elastic_core.training.finetuning.ppo.losses import (
    advantages,
    policy_loss,
    token_rewards,
    value_loss,
    whiten,
)
from elastic_core.training.finetuning.ppo.policy import Policy
from elastic_core.training.finetuning.ppo.trainer import MINIBATCHES, PASSES, plan

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK: dict[str, Any] = {
    "learning_rate": 3e-3,
    "steps": 20,
    "batch": 4,
    "accumulation": 2,
    "completion_length": 6,
    "generations": 1,
    "dtype": "float32",
    "device": "cpu",
}
ROWS = [{"prompt": f"To be {number}" + ":" * (number % 3)} for number in range(16)]


def length(_: list[str], completions: list[str]) -> list[float]:
    return [float(len(text)) for text in completions]


def quick(model: Path, out: Path, progress: Any = None, seed: int = 1, **more: Any) -> Trained:
    recipe = Recipe("ppo", **{**QUICK, **more})
    reward = Reward("length", length)
    return train(str(model), ROWS, recipe, out, seed=seed, reward=reward, progress=progress)


def model_path(result: Trained) -> Path:
    assert result.path is not None
    return Path(result.path)


@pytest.fixture(scope="module")
def finished(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """Uninterrupted trainings with changes to the recipe; each runs once."""

    @cache
    def run(**more: Any) -> Trained:
        return quick(checkpoint, tmp_path_factory.mktemp("finished") / "out", **more)

    return run


def content(result: Trained) -> tuple[bytes, dict[str, Any]]:
    """Everything that equal trainings have in common."""
    weights = (model_path(result) / "model.safetensors").read_bytes()
    return weights, {**result.to_dict(), "path": "", "seconds": 0}


def random(seed: int, rows: int, positions: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores, two tables of numbers, and a mask of at least one consecutive position per row."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, positions, rows)
    ends = rng.integers(starts, positions) + 1
    at = np.arange(positions)
    mask = (at >= starts[:, None]) & (at < ends[:, None])
    scores, one, other = (rng.normal(size=size) for size in (rows, mask.shape, mask.shape))
    return torch.tensor(scores), torch.tensor(one), torch.tensor(other), torch.tensor(mask)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 7), st.floats(0, 1))
def test_advantages_are_those_of_a_naive_loop(
    seed: int, rows: int, positions: int, decay: float
) -> None:
    scores, log_ratios, values, mask = random(seed, rows, positions)
    rewards = token_rewards(scores, log_ratios, mask, 0.3)
    gains = advantages(rewards, values, mask, decay)
    for row in range(rows):
        tokens = mask[row].nonzero()[:, 0].tolist()
        gain, following = 0.0, 0.0
        for at in reversed(tokens):
            reward = -0.3 * float(log_ratios[row, at])
            if at == tokens[-1]:
                reward += float(scores[row])
            assert float(rewards[row, at]) == pytest.approx(reward)
            gain = reward + following - float(values[row, at]) + decay * gain
            following = float(values[row, at])
            assert float(gains[row, at]) == pytest.approx(gain)
    assert not rewards[~mask].any()
    assert not gains[~mask].any()


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 7))
def test_losses_are_those_of_a_naive_loop(seed: int, rows: int, positions: int) -> None:
    _, new, old, _ = random(seed, rows, positions)
    targets = random(seed + 1, rows, positions)[1]
    policy, value = policy_loss(new, old, targets, 0.2), value_loss(new, old, targets, 0.2)
    for at in np.ndindex(rows, positions):
        one, before, target = float(new[at]), float(old[at]), float(targets[at])
        ratio = np.exp(one - before)
        gain = min(ratio * target, min(max(ratio, 0.8), 1.2) * target)
        assert float(policy[at]) == pytest.approx(-gain)
        near = min(max(one, before - 0.2), before + 0.2)
        worst = max((one - target) ** 2, (near - target) ** 2)
        assert float(value[at]) == pytest.approx(worst / 2)


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 7))
def test_whitened_values_have_mean_0_and_variance_1(seed: int, rows: int, positions: int) -> None:
    _, values, _, mask = random(seed, rows, positions)
    white = whiten(values, mask)
    assert float(white[mask].mean()) == pytest.approx(0, abs=1e-6)
    assert float(white[mask].var(correction=0)) == pytest.approx(1, abs=1e-3)
    assert not white[~mask].any()
    assert not whiten(torch.ones_like(values), mask).any()


@given(
    st.integers(1, 9),
    st.sampled_from([(1, 4, 1), (2, 4, 4), (3, 2, 2)]),
    st.one_of(st.none(), st.integers(1, 40)),
    st.sampled_from([0.5, 1.0, 2.5]),
)
def test_a_plan_learns_every_completion_in_every_pass(
    prompts: int, sizes: tuple[int, int, int], steps: int | None, epochs: float
) -> None:
    batch, accumulation, generations = sizes
    recipe = Recipe(
        "ppo",
        batch=batch,
        accumulation=accumulation,
        generations=generations,
        steps=steps,
        epochs=epochs,
    )
    rollouts, learned = plan(prompts, recipe, 3)
    minibatch = batch * accumulation
    sizes_of_rollouts = [len(rollout) for rollout in rollouts]
    assert set(sizes_of_rollouts[:-1]) <= {MINIBATCHES * minibatch}
    assert not any(size % minibatch for size in sizes_of_rollouts)
    begin = 0
    for number, size in enumerate(sizes_of_rollouts):
        for _ in range(PASSES):
            rows = learned[begin : begin + size]
            assert rows["rollout"] == [number] * size
            assert sorted(rows["completion"]) == list(range(size))
            begin += size
    assert len(learned) == begin
    used = np.concatenate(rollouts)[::generations]
    assert np.array_equal(np.repeat(used, generations), np.concatenate(rollouts))
    for start in range(0, len(used) - prompts + 1, prompts):
        assert sorted(used[start : start + prompts]) == list(range(prompts))
    done = begin // minibatch
    if steps is None:
        wanted = prompts * generations * epochs
        assert wanted <= sum(sizes_of_rollouts) < wanted + minibatch
    else:
        assert steps <= done < steps + PASSES


def distribution(model: str | Path, prompt: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The probabilities of the token after a prompt."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(prompt).input_ids]])
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(model)(ids).logits[0, -1]
    probabilities: np.ndarray[Any, np.dtype[np.float64]] = logits.double().softmax(-1).numpy()
    return probabilities


def test_a_bandit_reaches_its_optimum(checkpoint: Path, tmp_path: Path) -> None:
    """One token is rewarded: the optimum is p_reference x exp(reward / beta), normalized."""
    prompt, target, beta = "To be", "q", 0.5
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    recipe = Recipe(
        "ppo",
        learning_rate=1e-3,
        schedule="linear",
        steps=160,
        batch=128,
        accumulation=1,
        generations=128,
        completion_length=1,
        beta=beta,
        dtype="float32",
        device="cpu",
    )
    reward = Reward("q", lambda _, completions: [float(text == target) for text in completions])
    result = train(
        str(checkpoint), [{"prompt": prompt}], recipe, tmp_path / "out", seed=1, reward=reward
    )
    before, after = (distribution(path, prompt) for path in (checkpoint, model_path(result)))
    (token,) = tokenizer(target).input_ids
    best = before * np.exp((np.arange(len(before)) == token) / beta)
    best /= best.sum()
    assert best[token] > before[token] + 0.3
    assert after[token] == pytest.approx(best[token], abs=0.05)
    assert (after * np.log(after / best)).sum() < 0.05 * (before * np.log(before / best)).sum()
    assert result.curve["completions/mean_length"].tolist() == [1.0] * 160
    divergence = (after * np.log(after / before)).sum()
    assert result.curve["kl"][-1] == pytest.approx(divergence, abs=0.1)


@pytest.mark.parametrize(("lora_rank", "step"), [(None, 3), (None, 18), (2, 18)])
def test_an_interrupted_training_resumes_within_a_rollout(
    lora_rank: int | None,
    step: int,
    checkpoint: Path,
    finished: Callable[..., Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = finished(lora_rank=lora_rank)
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STATES", 0.0)

    def interrupt(done: Step) -> None:
        if done.done == step + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(checkpoint, tmp_path / "out", interrupt, lora_rank=lora_rank)
    assert callbacks.last_state(tmp_path / "out.partial") is not None
    steps: list[int] = []
    result = quick(
        checkpoint, tmp_path / "out", lambda done: steps.append(done.done), lora_rank=lora_rank
    )
    assert steps == [*range(step + 1, 21)]
    assert content(result) == content(whole)


def test_the_seed_determines_the_model(
    checkpoint: Path, finished: Callable[..., Trained], tmp_path: Path
) -> None:
    one = finished(lora_rank=None)
    assert content(one) == content(quick(checkpoint, tmp_path / "again"))
    assert content(one)[0] != content(finished(seed=2))[0]


def test_a_divided_batch_gives_the_same_losses(finished: Callable[..., Trained]) -> None:
    whole, divided = finished(lora_rank=None), finished(batch=8, accumulation=1)
    for name in ("loss", "reward", "value_loss"):
        assert divided.curve[name] == pytest.approx(whole.curve[name], rel=5e-3, abs=1e-3)


@pytest.mark.parametrize("rank", [None, 2])
def test_gradient_checkpointing_and_mixed_precision(
    rank: int | None, finished: Callable[..., Trained]
) -> None:
    plain = finished(lora_rank=rank)
    twice = finished(lora_rank=rank, gradient_checkpointing=True)
    assert twice.curve["loss"] == pytest.approx(plain.curve["loss"], rel=1e-3, abs=1e-3)
    half = finished(lora_rank=rank, dtype="bfloat16")
    assert not half.diverged
    assert half.curve["reward"][0] == pytest.approx(plain.curve["reward"][0], rel=0.2)


def test_without_a_beta_there_is_no_penalty(finished: Callable[..., Trained]) -> None:
    assert not finished(beta=0).curve["kl"].any()
    assert finished(lora_rank=None).curve["kl"].any()


@pytest.mark.parametrize("rank", [None, 2])
def test_only_the_model_is_saved(
    rank: int | None, checkpoint: Path, finished: Callable[..., Trained]
) -> None:
    result = finished(lora_rank=rank)
    before, after = (
        AutoModelForCausalLM.from_pretrained(path).state_dict()
        for path in (checkpoint, model_path(result))
    )
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if rank is None or "_proj" in name}
    assert ec.load_model(str(result.path), device="cpu").generate([b"To be"], tokens=3)


def test_predictions_do_not_depend_on_padding(checkpoint: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=300, n_positions=32, n_embd=16, n_layer=1, n_head=2, attn_pdrop=0.5
    )
    model = GPT2LMHeadModel(config)
    policy = Policy(model, tokenizer, None, batch=2)
    torch.nn.init.ones_(policy.head.weight)
    prompts = [np.array(ids, np.uint32) for ids in ([5], [7, 8, 9, 10], [4, 3])]
    draws = np.random.default_rng(0).random((3, 6), np.float32)
    completions = policy.sample(prompts, draws, 3)
    alone = [policy.sample([prompt], draws[at : at + 1], 1)[0] for at, prompt in enumerate(prompts)]
    assert all(np.array_equal(*pair) for pair in zip(completions, alone, strict=True))
    rows = [np.concatenate(pair) for pair in zip(prompts, completions, strict=True)]
    longest = max(map(len, rows))
    ids = torch.tensor(np.array([np.pad(row, (0, longest - len(row))) for row in rows]).astype(int))
    at = torch.arange(longest)
    ends = torch.tensor([len(row) for row in rows])[:, None]
    starts = torch.tensor([len(prompt) for prompt in prompts])[:, None]
    mask = ((at >= starts) & (at < ends))[:, 1:]
    log_probs, values = policy.predict_all(ids, (at < ends).long(), mask)
    assert torch.equal(log_probs != 0, mask)
    model.eval()
    for number, row in enumerate(rows):
        seen = torch.tensor(row.astype(int))[None]
        output = model(seen, output_hidden_states=True)
        expected = output.logits[0, :-1].log_softmax(-1).gather(1, seen[0, 1:, None])[:, 0]
        own = mask[number, : len(row) - 1]
        assert torch.allclose(log_probs[number][mask[number]], expected[own], atol=1e-5)
        hidden = output.hidden_states[-1][0, :-1].sum(-1)
        assert torch.allclose(values[number][mask[number]], hidden[own], atol=1e-5)


def test_several_processes_are_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ec.InvalidArgumentError, match="ppo trains in a single process; start"):
        quick(checkpoint, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_conversations_are_completed(checkpoint: Path, tmp_path: Path) -> None:
    chat = with_template(
        checkpoint,
        tmp_path / "chat",
        "{% for message in messages %}{{ message.content }}{{ eos_token }}{% endfor %}",
    )
    calls: list[list[str]] = []

    def reward(prompts: list[str], completions: list[str]) -> list[float]:
        calls.append(prompts)
        return length(prompts, completions)

    rows = [{"prompt": [{"role": "user", "content": "To be"}]}]
    recipe = Recipe("ppo", **{**QUICK, "steps": 1})
    train(str(chat), rows, recipe, tmp_path / "out", seed=0, reward=Reward("length", reward))
    assert calls == [["To be"] * 8]
