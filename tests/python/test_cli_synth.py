"""`elastic-core synth` on the command line."""

import json
import subprocess
from pathlib import Path

import pytest
from conftest import PROGRAM, CommandLine, environment
from test_cli_errors import assert_error, limit_files_to
from test_synth import assert_schema, read

import elastic_core as ec


def test_the_default_output_is_a_table(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("synth", "demo")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    for word in ("bits/seg", "drawn", "90,000", "1+2+3", "demo/novel.jsonl"):
        assert word in done.out
    assert "each source: pareto:2, 1,000 leaves, 0 of them common to all, 6.809 bits" in done.out
    (corpus,) = json.loads(cli("measure", "demo/pretrain.jsonl", "--format", "json").out)["corpora"]
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())["corpora"][0]
    assert corpus["documents"] == truth["segments"] == 90_000
    assert corpus["depths"][-1]["leaves"] == truth["drawn_leaves"]
    assert corpus["depths"][-1]["entropy_bits"] == pytest.approx(truth["drawn_entropy_bits"])


def test_options_match_those_of_the_function(cli: CommandLine, tmp_path: Path) -> None:
    options = "--corpus a=1+2:50 --corpus b=2:5 --leaves 20 --law geometric --entropy 3"
    more = "--overlap 0.5 --depth 5 --seed 4 --format json"
    done = cli("synth", "out", *options.split(), *more.split())
    assert (done.code, done.err) == (0, "")
    assert_schema(json.loads(done.out))
    ec.synth(
        corpora=["a=1+2:50", "b=2:5"],
        leaves=20,
        law="geometric",
        entropy=3.0,
        overlap=0.5,
        depth=5,
        seed=4,
        out=tmp_path / "same",
    )
    assert read(tmp_path / "out") == read(tmp_path / "same")
    assert (tmp_path / "out" / "truth.json").read_text() == done.out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("", ["DIR"]),
        ("out --law zipf", ["zipf", "pareto:A"]),
        ("out --law pareto:1", ["pareto:1", "above 1"]),
        ("out --entropy 12", ["12.0 bits", "9.9658"]),
        ("out --leaves few", ["--leaves"]),
        ("out --overlap 2", ["2.0", "from 0 to 1"]),
        ("out --corpus a=0:5", ["a=0:5", "numbers from 1"]),
        ("out --corpus a=1:0", ["a=1:0", "not a count"]),
        ("out --corpus a=1:5 --corpus a=2:5", ["a is taken"]),
        ("out --depth 2", ["26", "fewer leaves"]),
        ("play.txt", ["play.txt", "in the way"]),
        ("play.txt/out", ["play.txt/out", "in the way"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, parts: list[str], cli: CommandLine, play: Path
) -> None:
    assert_error(cli("synth", *arguments.split()), 2, *parts)
    assert list(play.parent.iterdir()) == [play]


def test_a_failed_write_leaves_no_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "synth", "out"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=limit_files_to(1 << 16),
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: out: file too large\n"
    assert not list(tmp_path.iterdir())
