"""Pre-training: results, interruption, seeds, invalid input."""

import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import HAMLET, environment
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

import elastic_core as ec
from elastic_core.common.manifest import write_manifest
from elastic_core.common.progress import Step
from elastic_core.models.scratch import train_tokenizer
from elastic_core.models.transformers.inputs import Tokenizer
from elastic_core.training import callbacks, hardware
from elastic_core.training.pretraining import loop, run
from elastic_core.training.pretraining.packing import Blocks, pack
from elastic_core.training.pretraining.result import read_curve

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Any] = {
    "model": "scratch:0.3M",
    "tokens": 600,
    "batch": 32,
    "context": 16,
    "dtype": "float32",
}
FILES = ["config.json", "model.safetensors", "tokenizer.json", "metrics.jsonl"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "hamlet.txt").write_text(HAMLET)
    (folder / "other.txt").write_text("ay, there's the rub: " * 3)
    return folder


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=folder)
    return folder


def same_files(one: Path, other: Path) -> bool:
    checkpoints = sorted(path.name for path in (one / "checkpoints").iterdir())
    files = [*FILES, *(f"checkpoints/{name}/model.safetensors" for name in checkpoints)]
    return all((one / file).read_bytes() == (other / file).read_bytes() for file in files)


def test_a_new_model_is_trained(corpus: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    result = ec.pretrain(
        corpus,
        **SMALL,
        out=tmp_path / "out",
        checkpoints=["0.1k", 300, 290],
        progress=steps.append,
    )
    assert (result.steps, result.config.tokens, result.parameters) == (19, 608, 319_968)
    assert result.config.checkpoints == (128, 320)
    assert result.epochs == 608 / result.corpus_tokens > 1
    assert steps[0].title == f"read {corpus}"
    assert steps[-1] == Step("train", "scratch:0.3M", 608, 608, "tokens")
    rows = read_curve(tmp_path / "out")
    assert [row.step for row in rows] == list(range(1, 20))
    assert [row.tokens for row in rows] == list(range(32, 609, 32))
    assert rows[-1].loss == result.loss < rows[0].loss - 1
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert len(written.pop("check")) == 16
    assert written == json.loads(json.dumps(result.to_dict()))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
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


def test_every_saved_model_loads(whole: Path) -> None:
    result = ec.PretrainResult.from_dict(json.loads((whole / "result.json").read_text()))
    folders = [whole, *(Path(checkpoint.path) for checkpoint in result.checkpoints)]
    assert len(folders) == 3
    losses = []
    for folder in folders:
        network: Any = AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode("to be, or")]])
        with torch.no_grad():
            expected = float(network(ids, labels=ids).loss)
        log_probs = ec.load_model(str(folder)).log_probs(["to be, or"])[0]
        assert -log_probs.mean() == pytest.approx(expected, rel=1e-4)
        losses.append(expected)
    assert losses[0] < losses[2] < losses[1]


def test_a_finished_run_is_not_repeated(
    whole: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_train", None)
    result = ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=whole)
    assert result.to_dict() == ec.PretrainResult.from_dict(result.to_dict()).to_dict()


@pytest.mark.parametrize("phase", ["read", "tokenize", "train"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_run_resumes(
    phase: str,
    error: type[BaseException],
    corpus: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STATES", 0.0)

    def fail(step: Step) -> None:
        if step.phase == phase and (phase != "train" or step.done == 11 * 32):
            raise error

    out = tmp_path / "out"
    options = {**SMALL, "checkpoints": [100, 300], "out": out}
    with pytest.raises(error):
        ec.pretrain(corpus, **options, progress=fail)
    assert not (out / "model.safetensors").exists()
    assert out.exists() == (phase == "train")
    done: list[int] = []

    def record(step: Step) -> None:
        if step.phase == "train":
            done.append(step.done)

    ec.pretrain(corpus, **options, progress=record)
    assert done[0] == (11 * 32 if phase == "train" else 32)
    assert same_files(whole, out)


def test_a_killed_run_resumes(corpus: Path, whole: Path, tmp_path: Path) -> None:
    code = f"""
import os, signal, torch, elastic_core as ec
from elastic_core.training import callbacks
torch.set_num_threads(1)
callbacks.SECONDS_BETWEEN_STATES = 0.0
def kill(step):
    if step.done == 13 * 32 and step.phase == "train":
        os.kill(os.getpid(), signal.SIGKILL)
ec.pretrain({str(corpus)!r}, **{SMALL!r}, checkpoints=[100, 300], out="out", progress=kill)
"""
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    out = tmp_path / "out"
    torn = out / "unfinished" / "checkpoint-13"
    torn.mkdir(exist_ok=True)
    (torn / "trainer_state.json").write_text("{")
    with (out / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 13, "tok')
    assert callbacks.last_state(out / "unfinished") == out / "unfinished" / "checkpoint-12"
    ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=out)
    assert same_files(whole, out)


def test_the_result_is_determined_by_the_seed(whole: Path, corpus: Path, tmp_path: Path) -> None:
    ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=tmp_path / "again")
    assert same_files(whole, tmp_path / "again")
    ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=tmp_path / "other", seed=1)
    assert not same_files(whole, tmp_path / "other")


def test_bfloat16_is_chosen_if_it_is_fast(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fast, dtype in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(hardware, "_is_fast_with_bfloat16", lambda _, fast=fast: fast)
        result = ec.pretrain(corpus, **{**SMALL, "dtype": "auto"}, out=tmp_path / dtype)
        assert result.config.dtype == dtype
        weights = AutoModelForCausalLM.from_pretrained(tmp_path / dtype)
        assert weights.dtype == torch.float32


def test_dividing_a_batch_gives_the_same_losses(
    whole: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LOGITS", 1)
    ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=tmp_path / "divided")
    one, other = (
        [row.loss for row in read_curve(folder)] for folder in (whole, tmp_path / "divided")
    )
    np.testing.assert_allclose(one, other, rtol=1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "scratch:2M"}, "unknown new model 'scratch:2M'"),
        ({"tokens": "many"}, "'many' is not a count"),
        ({"tokens": 0}, "0 is not a count"),
        ({"context": 1}, "context 1: must be at least 2"),
        ({"batch": 40}, "batch 40: must be a multiple of the context, 16"),
        ({"batch": 0}, "batch 0"),
        ({"learning_rate": 0.0}, "learning rate 0.0"),
        ({"learning_rate": float("nan")}, "learning rate nan"),
        ({"seed": -1}, "seed -1"),
        ({"checkpoints": [640]}, "checkpoint 640: training ends before it, after 608"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_invalid_options_are_rejected(
    options: dict[str, Any], message: str, corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        ec.pretrain(corpus, **{**SMALL, **options}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_content_is_rejected(whole: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="holds a run with seed 0, not 3; choose"):
        ec.pretrain(corpus, **SMALL, checkpoints=[100, 300], out=whole, seed=3)
    with pytest.raises(ec.InvalidArgumentError, match="holds something other than a run"):
        ec.pretrain(corpus, **SMALL, out=corpus)
    (tmp_path / "file").touch()
    with pytest.raises(ec.InvalidArgumentError, match="it is a file; name a folder"):
        ec.pretrain(corpus, **SMALL, out=tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"to be", {}, "it has only 3 tokens, and 16 are needed"),
        (HAMLET.encode(), {"repeat": False}, "and 608 are needed"),
        (b"to \xff be", {}, "file.txt, document 1: .*UTF-8"),
    ],
)
def test_an_unsuitable_corpus_is_reported(
    content: bytes, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_bytes(content)
    with pytest.raises(ec.CorpusError, match=message):
        ec.pretrain(tmp_path / "file.txt", **{**SMALL, **options}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_standard_input_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="standard input can be read only once"):
        ec.pretrain("-", **SMALL, out=tmp_path / "out")


def test_a_diverging_loss_stops_the_run(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ec.ModelError, match="lower the learning rate, which was 1e"):
        ec.pretrain(corpus, **SMALL, out=tmp_path / "out", learning_rate=1e30)


def test_without_matplotlib_there_is_no_figure(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "can_draw", lambda: False)
    ec.pretrain(corpus, **SMALL, out=tmp_path / "out")
    assert not (tmp_path / "out" / "loss.png").exists()


def test_documents_are_packed_with_separators(corpus: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer(train_tokenizer([HAMLET], 300).backend_tokenizer, 300)
    progress: list[int] = []
    pack(ec.Corpus(corpus), tokenizer, 0, tmp_path / "tokens.bin", progress.append)
    expected = [
        id_
        for file in sorted(corpus.iterdir())
        for id_ in [*tokenizer.encode([file.read_text()])[0].tolist(), 0]
    ]
    assert np.fromfile(tmp_path / "tokens.bin", np.uint16).tolist() == expected
    assert progress[-1] == sum(file.stat().st_size for file in corpus.iterdir())


@given(tokens=st.integers(4, 60), context=st.integers(2, 4), epochs=st.integers(1, 3))
def test_every_epoch_has_every_block_once(
    tokens: int, context: int, epochs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("blocks") / "tokens.bin"
    np.arange(tokens, dtype=np.uint16).tofile(file)
    count = tokens // context
    blocks = Blocks(file, context, count * epochs, seed=3)
    assert len(blocks) == count * epochs
    drawn = [tuple(blocks[number]["input_ids"].tolist()) for number in range(len(blocks))]
    all_blocks = [tuple(range(at, at + context)) for at in range(0, count * context, context)]
    for epoch in range(epochs):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == all_blocks
    if count > 8 and epochs > 1:
        assert drawn[:count] != drawn[count : 2 * count]


def test_a_single_checkpoint_is_a_list_of_one(corpus: Path, tmp_path: Path) -> None:
    single: Any = "900"
    with pytest.raises(ec.InvalidArgumentError, match="checkpoint 928: training ends before it"):
        ec.pretrain(corpus, **SMALL, checkpoints=single, out=tmp_path / "out")


def test_a_damaged_state_falls_back_to_the_one_before(tmp_path: Path) -> None:
    states = [tmp_path / f"checkpoint-{step}" for step in (9, 10, 11)]
    for state in states:
        state.mkdir()
        (state / "trainer_state.json").write_text("{}")
        (state / "model.safetensors").write_bytes(b"weights")
    assert callbacks.last_state(tmp_path) == states[2]
    (states[2] / "trainer_state.json").write_text("[" * 100_000)
    assert callbacks.last_state(tmp_path) == states[1]
    (states[2] / "trainer_state.json").write_text("{}")
    for state in states[:2]:
        write_manifest(state)
    assert callbacks.last_state(tmp_path) == states[1]
    (states[1] / "model.safetensors").write_bytes(b"weighty")
    assert callbacks.last_state(tmp_path) == states[0]
    (states[0] / "model.safetensors").unlink()
    assert callbacks.last_state(tmp_path) is None


@pytest.mark.parametrize("name", ["model.safetensors", "result.json"])
def test_a_damaged_result_is_refused(name: str, whole: Path, corpus: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(whole, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-99] + bytes([content[-99] ^ 1]) + content[-98:])
    with pytest.raises(ec.InvalidArgumentError, match=f"{name}: damaged.*; delete .*copy and run"):
        ec.pretrain(corpus, **SMALL, out=copy, checkpoints=[128, 320])


def test_a_folder_is_used_by_one_at_a_time_and_its_lock_removed(tmp_path: Path) -> None:
    inside: list[int] = []

    def enter(number: int) -> int:
        with run._locked(tmp_path / "lock"):
            inside.append(number)
            others = len(inside) - 1
            time.sleep(0.001)
            inside.remove(number)
        return others

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(enter, range(40))) == 0
    assert not list(tmp_path.iterdir())
