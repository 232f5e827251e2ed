"""`elastic-core pretrain` on the command line."""

import json
import os
from pathlib import Path

import pytest
from conftest import HAMLET, CommandLine
from test_cli_errors import assert_error

SMALL = ["--model", "scratch:0.3M", "--tokens", "500", "--batch", "32", "--context", "16"]


def test_a_finished_run_is_not_repeated(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "hamlet.jsonl").write_text(json.dumps({"said": HAMLET}) + "\n")
    call = ["pretrain", "hamlet.jsonl", *SMALL, "--text-key", "said", "--out", "out"]
    call += ["--checkpoints", "100,250", "--seed", "3", "--learning-rate", "1e-3"]
    done = cli(*call, OMP_NUM_THREADS="1")
    assert (done.code, done.out) == (0, ""), done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("out: 320.0 k parameters, trained on 512 tokens (")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["config"]["seed"] == 3
    assert result["config"]["learning_rate"] == 1e-3
    assert [checkpoint["tokens"] for checkpoint in result["checkpoints"]] == [128, 256]
    again = cli(*call)
    assert (again.code, again.err.splitlines()) == (0, [last])


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        ("play.txt", 2, ["--model"]),
        ("nowhere.txt --model scratch:1M --tokens 1M --out out", 2, ["nowhere.txt"]),
        ("play.txt --model hf:gpt2 --tokens 1M --out out", 2, ["hf:gpt2", "scratch:"]),
        ("play.txt --model scratch:1M --tokens few --out out", 2, ["few", "20M"]),
        ("play.txt --model scratch:1M --tokens 1M --out out --context 1", 2, ["context 1"]),
        ("play.txt --model scratch:1M --tokens 1M --out out --text-key a", 2, ["text key"]),
        ("play.txt --model scratch:1M --out out", 2, ["tokens", "branches"]),
        ("play.txt --model scratch:1M --branch 2M,1M --out out", 2, ["branches 2M, 1M"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, code: int, parts: list[str], cli: CommandLine, play: Path
) -> None:
    assert_error(cli("pretrain", *arguments.split()), code, *parts)
    assert list(play.parent.iterdir()) == [play]


def test_a_corpus_that_is_too_small_is_reported(cli: CommandLine, play: Path) -> None:
    done = cli("pretrain", play.name, "--model", "scratch:1M", "--tokens", "1M", "--out", "out")
    assert (done.code, done.out) == (1, "")
    error = done.err.splitlines()[-1]  # Progress lines may come first.
    assert error.startswith("error: play.txt: it has only 37 tokens, and 256 are needed")
    assert list(play.parent.iterdir()) == [play]


def test_without_torch_the_missing_extra_is_reported(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None\n")
    path = os.pathsep.join(filter(None, [str(hidden), os.environ.get("PYTHONPATH")]))
    done = cli("pretrain", play.name, *SMALL, "--out", "out", PYTHONPATH=path)
    assert_error(done, 1, "torch", "pip install 'elastic-core[lm]'")
