"""`elastic-core measure --model` on the command line."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import PROGRAM, CommandLine, environment
from test_measure import assert_schema

import elastic_core as ec


def test_the_table_has_and_explains_the_rates(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--model", "tree:8", "--model", "tree:2", "--compare", "xz:9")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    (row,) = [line for line in done.out.splitlines() if line.startswith("tree:8 ")]
    bits = ec.TreeModel(8).update([play.read_bytes()])[0]
    tokens, per_token, per_character, per_byte, ratio = row.split()[1:]
    assert tokens == "124"
    assert per_token == f"{bits / 124:.3f}"
    assert per_character == per_byte == f"{bits / 123:.3f}"
    assert ratio == f"{bits / 123 / 8:.4f}"
    assert "Static rate (each code)" in done.out
    assert "Adaptive rate (tree:8, tree:2): every symbol is predicted" in done.out


def test_json_csv_and_markdown_have_the_rates(cli: CommandLine, play: Path) -> None:
    arguments = ("measure", play.name, "--depth", "3", "--model", "tree:8", "--format")
    result = json.loads(cli(*arguments, "json").out)
    assert_schema(result)
    (rate,) = result["corpora"][0]["model_rates"]
    assert rate["model"] == "tree:8"
    assert result["config"]["models"] == ["tree:8"]
    rows = list(csv.DictReader(io.StringIO(cli(*arguments, "csv").out)))
    assert [row["model"] for row in rows] == ["", "", "", "tree:8"]
    assert [row["depth"] for row in rows] == ["1", "2", "3", ""]
    for key in ("tokens", "bits_per_token", "bits_per_character", "bits_per_byte", "ratio"):
        assert rows[-1][key] == str(rate[key])
    markdown = cli(*arguments, "markdown").out
    assert f"| tree:8 | 124 | {rate['bits_per_token']:.3f} |" in markdown


def test_scores_join_with_documents(cli: CommandLine, tmp_path: Path) -> None:
    texts = ["to be", "or not", ""]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in texts)
    )
    done = cli("measure", "rows.jsonl", "--model", "tree:3", "--per-document", "scores.parquet")
    assert done.code == 0
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    documents = pl.DataFrame({"index": range(3), "text": texts})
    joined = documents.join(scores, on="index").sort("index")
    assert joined["bytes"].to_list() == [len(text) for text in texts]
    assert joined["bits"].to_list() == ec.TreeModel(3).update(texts).tolist()


INVALID = [
    (["play.txt", "--model", "nothing"], "unknown model 'nothing'"),
    (["play.txt", "--model", "tree:0"], "from 1 to 32"),
    (["play.txt", "--model", "tree:33"], "from 1 to 32"),
    (["play.txt", "--model", "tree:x"], "from 1 to 32"),
    (["play.txt", "--model", "tree:8", "--model", "tree:8"], "name each model once"),
    (["play.txt", "--model", "tree:8", "--window", "9"], "a tree model has no window"),
    (["play.txt", "--window", "9"], "window: this needs a model"),
    (["play.txt", "--per-document", "x.parquet"], "this needs a model"),
    (["play.txt", "--model", "tree:8", "--per-document", "no/x.parquet"], "there is no folder no"),
    (["play.txt", "--model", "tree:8", "--per-document", "."], "is a directory"),
    (["play.txt", "--model", "tree:8", "--alphabet", "bit"], "cannot use the alphabet bit"),
]


@pytest.mark.parametrize(("arguments", "message"), INVALID)
def test_invalid_calls_exit_with_2(
    arguments: list[str], message: str, cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    done = cli("measure", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [play]


def test_a_file_that_is_not_a_model_exits_with_1(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--model", play.name)
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: play.txt: not a saved tree model\n"


def test_a_checkpoint_has_a_model_rate(cli: CommandLine, play: Path, checkpoint: Path) -> None:
    options = ("--window", "16", "--stride", "16", "--device", "cpu")
    models = ("--model", checkpoint, "--model", "tree:2")
    done = cli("measure", play.name, *models, *options, "--format", "json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    rate, _ = result["corpora"][0]["model_rates"]
    model = ec.load_model(str(checkpoint), window=16, stride=16, device="cpu")
    (log_probs,) = model.log_probs([play.read_bytes()])
    bits = -log_probs.sum(dtype="float64") / 0.6931471805599453
    assert rate["tokens"] == len(log_probs)
    assert rate["bits_per_byte"] == pytest.approx(bits / 123, rel=1e-5)
    assert (rate["settings"]["window"], rate["settings"]["adaptive"]) == (16, False)
    assert rate["settings"]["identity"] == model.identity
    assert result["config"]["model_options"] == {"device": "cpu", "window": 16, "stride": 16}


def test_ctrl_c_leaves_no_scores(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(np.random.default_rng(1).bytes(1 << 25))
    options = ["--depth", "1", "--model", "tree:32", "--per-document", "scores.parquet"]
    with subprocess.Popen(
        [PROGRAM, "measure", "long.txt", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    ) as running:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".partial-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1.5)
        assert running.poll() is None, "the job was over before the signal"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, "")
    assert err.strip().endswith("error: interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]


def test_torch_is_not_imported_for_tree_models(play: Path) -> None:
    script = (
        "import sys, elastic_core as ec; "
        f"ec.measure({str(play)!r}, models=['tree:2']); "
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
