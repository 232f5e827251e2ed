"""Warm-up, stable, decay: the learning rate, annealed branches of one run, interruption."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HAMLET
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

import elastic_core as ec
from elastic_core.common.progress import Step
from elastic_core.training import callbacks
from elastic_core.training.pretraining import branches as branches_module
from elastic_core.training.pretraining import run
from elastic_core.training.pretraining.result import LossRow, PretrainConfig, read_curve
from elastic_core.training.pretraining.schedule import Schedule, plan_schedule

pytestmark = pytest.mark.usefixtures("one_thread")

WSD: dict[str, Any] = {
    "model": "scratch:0.3M",
    "batch": 32,
    "context": 16,
    "dtype": "float32",
    "learning_rate": 4e-3,
    "warm_up": 64,
}
BRANCHED: dict[str, Any] = {**WSD, "branches": [320, "0.48k", 640], "checkpoints": [160]}
"""A run of 20 steps. Its branches end after 10, 15 and 20, and begin after 8, 12 and 16."""

VOLUMES = [160, 320, 480, 640]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "hamlet.txt"
    file.write_text(HAMLET)
    return file


@pytest.fixture(scope="module")
def branched(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run with branches."""
    folder = tmp_path_factory.mktemp("branched")
    ec.pretrain(corpus, **BRANCHED, out=folder)
    return folder


def at(folder: Path, tokens: int) -> Path:
    return folder / "checkpoints" / f"tokens-{tokens}"


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_branch_is_the_run_of_its_own_length(
    branched: Path, corpus: Path, tmp_path: Path
) -> None:
    for tokens in (320, 480, 640):
        alone = tmp_path / str(tokens)
        result = ec.pretrain(corpus, **WSD, schedule="wsd", tokens=tokens, out=alone)
        assert (result.config.warm_up, result.config.decay) == (64, 0.2)
        assert weights(alone) == weights(at(branched, tokens))
        assert weights(alone) != weights(at(branched, 160))
    assert weights(branched) == weights(at(branched, 640))


def test_branches_are_kept_like_checkpoints(branched: Path) -> None:
    assert sorted(path.name for path in branched.iterdir()) == [
        "checkpoints",
        "config.json",
        "generation_config.json",
        "loss.png",
        "metrics.jsonl",
        "model.safetensors",
        "result.json",
        "sha256.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    result = ec.PretrainResult.from_dict(json.loads((branched / "result.json").read_text()))
    assert [saved.tokens for saved in result.checkpoints] == VOLUMES
    assert [saved.annealed for saved in result.checkpoints] == [False, True, True, True]
    assert all(Path(saved.path) == at(branched, saved.tokens) for saved in result.checkpoints)
    AutoModelForCausalLM.from_pretrained(at(branched, 480))
    assert ec.load_model(str(at(branched, 480))).log_probs(["to be"])


def test_the_learning_rate_of_every_step(branched: Path) -> None:
    def rates(rows: list[LossRow]) -> list[float]:
        return [row.learning_rate for row in rows]

    rows = read_curve(branched)
    assert [row.step for row in rows] == list(range(1, 21))
    falling = [4e-3 * (1 - (step / 4) ** 0.5) for step in range(4)]
    assert rates(rows) == pytest.approx([0, 2e-3, *[4e-3] * 14, *falling], abs=1e-12)
    for tokens, first, steps in ((320, 9, 2), (480, 13, 3)):
        annealed = read_curve(at(branched, tokens))
        assert [row.step for row in annealed] == list(range(first, tokens // 32 + 1))
        falling = [4e-3 * (1 - (step / steps) ** 0.5) for step in range(steps)]
        assert rates(annealed) == pytest.approx(falling, abs=1e-12)


class Killed(BaseException):
    """What ends an attempt."""


def interruptions(out: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Callbacks that end attempts after ever more of the run, one with each way to be killed."""

    def kill_at(phase: str, done: int) -> Any:
        def fail(step: Step) -> None:
            if (step.phase, step.done) == (phase, done):
                raise Killed

        return fail

    def fail(*_: Any, **__: Any) -> None:
        raise Killed

    yield kill_at("train", 5 * 32)  # Before any state.
    for module, name in ((run, "keep_state"), (shutil, "copytree")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            yield None
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STATES", 0.0)
    yield kill_at("train", 14 * 32)
    yield kill_at("train", 20 * 32)
    yield kill_at("anneal", 10 * 32)
    with monkeypatch.context() as patch:
        patch.setattr(branches_module, "write_checkpoint", fail)
        yield None
    yield kill_at("anneal", 14 * 32)
    # Without a state, a branch is trained from the start.
    shutil.rmtree(out / "unfinished" / "branches" / "tokens-480")
    with monkeypatch.context() as patch:
        patch.setattr(run, "versions", fail)
        yield None


def test_a_run_that_is_killed_again_and_again_gives_the_same_models(
    branched: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for progress in interruptions(out, monkeypatch):
        with pytest.raises(Killed):
            ec.pretrain(corpus, **BRANCHED, out=out, progress=progress)
    steps: list[Step] = []
    ec.pretrain(corpus, **BRANCHED, out=out, progress=steps.append)
    assert not steps  # Everything was trained, only the result was missing.
    assert not (out / "unfinished").exists()
    for folder in (out, *(at(out, tokens) for tokens in VOLUMES)):
        assert weights(folder) == weights(branched / folder.relative_to(out))
    for folder in (out, at(out, 320)):
        same = branched / folder.relative_to(out)
        assert (folder / "metrics.jsonl").read_bytes() == (same / "metrics.jsonl").read_bytes()


def test_a_finished_run_with_branches_is_not_repeated(
    branched: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_train", None)
    assert ec.pretrain(corpus, **BRANCHED, out=branched).config.branches == (320, 480, 640)
    with pytest.raises(ec.InvalidArgumentError, match=r"with branches \[320, 480, 640\], not"):
        ec.pretrain(corpus, **{**BRANCHED, "branches": [320, 640]}, out=branched)


def test_a_configuration_of_an_earlier_version_has_the_defaults() -> None:
    config = PretrainConfig(
        "c", 1, "scratch:1M", 64, (32,), 32, 16, 1e-3, 0, True, "float32", "cpu"
    )
    later = ("schedule", "warm_up", "decay", "branches")
    names = [name for name in PretrainConfig.__slots__ if name not in later]
    stored = json.loads(json.dumps({name: getattr(config, name) for name in names}))
    assert PretrainConfig.from_dict(stored) == config


@given(
    batch=st.integers(1, 50),
    decay=st.floats(0.01, 0.99),
    volumes=st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
)
def test_branches_begin_in_the_stable_phase(batch: int, decay: float, volumes: list[int]) -> None:
    schedule = Schedule(batch, max(volumes) * batch, "wsd", 0, decay)
    starts = [schedule.stable_steps(volume * batch) for volume in sorted(volumes)]
    assert starts == sorted(starts)
    assert all(0 <= start < volume for start, volume in zip(starts, sorted(volumes), strict=True))


def test_defaults_and_costs_of_a_schedule() -> None:
    schedule = plan_schedule(1000, "2M", branches=["0.5M", "1M", "2M"])
    assert (schedule.kind, schedule.warm_up, schedule.decay) == ("wsd", 20_000, 0.2)
    assert schedule.decay_tokens == 300_000
    assert plan_schedule(1000, None, branches=["0.5M"]).tokens == 500_000
    cosine = plan_schedule(1000, 999)
    assert (cosine.kind, cosine.tokens, cosine.decay_tokens) == ("cosine", 1000, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "tokens: no number is given; pass tokens, or branches"),
        ({"branches": [640, 320]}, "branches 640, 320: each must be at least one step, 32 tokens"),
        ({"branches": [300, 310]}, "branches 300, 310: each must be at least one step"),
        ({"tokens": 320, "branches": [640]}, "branch 640: training ends before it, after 320"),
        ({"branches": [640], "checkpoints": [630]}, "checkpoint 640: it is also a branch"),
        ({"branches": [640], "schedule": "cosine"}, "branches: the schedule cosine has none"),
        ({"tokens": 640, "decay": 0.1}, "decay: the schedule cosine has none; choose wsd, or"),
        ({"tokens": 640, "schedule": "linear"}, "unknown schedule 'linear'; choose cosine or wsd"),
        ({"branches": [640], "decay": 1.0}, "decay 1.0: must be a share"),
        ({"branches": [64, 640]}, "64 tokens are too few for a warm-up of 64 and a decay of 32"),
    ],
)
def test_invalid_schedules_are_rejected(
    options: dict[str, Any], message: str, corpus: Path, tmp_path: Path
) -> None:
    warm_up: dict[str, Any] = (
        {"warm_up": 64} if "branches" in options and "schedule" not in options else {}
    )
    plain = {key: value for key, value in WSD.items() if key != "warm_up"}
    with pytest.raises(ec.InvalidArgumentError, match=message.replace("(", r"\(")):
        ec.pretrain(corpus, **plain, **warm_up, **options, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
