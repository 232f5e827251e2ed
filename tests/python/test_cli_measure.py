"""`elastic-core measure` on the command line."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, CommandLine, environment
from test_cli_errors import assert_error
from test_measure import assert_schema

from elastic_core import TokenTree


def test_the_default_output_is_a_table(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--compare", "zstd:19,xz:9")
    assert (done.code, done.err) == (0, "")
    assert "play.txt" in done.out
    assert "1 document, 123 B, 123 symbols" in done.out
    assert "bits/seg" in done.out
    assert "zstd:19" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out


def test_the_json_follows_the_schema(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--format", "json", "--depth", "3", "--memory", "64MiB")
    result = json.loads(done.out)
    assert_schema(result)
    assert result["config"]["paths"] == [["play.txt"]]
    assert result["config"]["memory"] == "64MiB"
    assert result["corpora"][0]["compare"] == []
    assert done.err == ""


def test_csv_and_markdown(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(done.out)))) == 8
    done = cli("measure", play.name, "--format", "markdown")
    assert done.out.startswith("## play.txt\n\n1 document")


def test_standard_input_is_a_corpus(cli: CommandLine) -> None:
    done = cli("measure", "-", "--format", "json", stdin=b"to be or not to be")
    (corpus,) = json.loads(done.out)["corpora"]
    assert (corpus["documents"], corpus["bytes"]) == (1, 18)


def test_pipes_are_read_once_and_kept_for_what_reads_again(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    options = ["--compare", "zstd:3", "--model", "tree:4", "--depth", "2", "--format", "json"]
    wanted = json.loads(cli("measure", play.name, *options).out)["corpora"]
    command = f"'{PROGRAM}' measure <(cat '{play}') {' '.join(options)}"
    pipe = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment(), check=True
    )
    text = play.read_bytes()
    for out in (
        pipe.stdout,
        cli("measure", "-", *options, stdin=text).out,
        cli("measure", "/dev/stdin", *options, stdin=text).out,
    ):
        (corpus,) = json.loads(out)["corpora"]
        assert {**corpus, "name": play.name, "files": {".txt": 1}} == wanted[0]
    os.mkfifo(tmp_path / "pipe")
    assert_error(cli("measure", "pipe", "pipe"), 2, "pipe can be read only once")


def test_a_mixed_folder_says_what_was_read(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "README.md").write_text("about")
    (folder / "a.jsonl").write_text('{"text": "to be"}\n')
    (folder / "b.json").write_text('[{"text": "or"}, {"text": "not"}]')
    done = cli("measure", "data", "--depth", "1")
    assert "3 documents, 10 B, 10 symbols; 2 files: 1 .json, 1 .jsonl\n" in done.out
    assert "Left out of data: README.md." in done.out
    result = json.loads(cli("measure", "data", "--depth", "1", "--format", "json").out)
    assert result["mixed"] == ["data: 1 json file, 1 jsonl file; left out: README.md"]
    only = cli("measure", "data", "--include", "*.jsonl", "--depth", "1", "--format", "json")
    result = json.loads(only.out)
    assert result["corpora"][0]["documents"] == 1
    assert result["config"]["include"] == ["*.jsonl"]
    assert "mixed" not in result
    assert result["corpora"][0]["files"] == {".jsonl": 1}


def test_text_is_split_at_a_separator(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "stories.txt").write_text("one\n<|endoftext|>\ntwo\n<|endoftext|>\n")
    options = ["--split-on", "<|endoftext|>", "--depth", "1", "--format", "json"]
    (corpus,) = json.loads(cli("measure", "stories.txt", *options).out)["corpora"]
    assert (corpus["documents"], corpus["bytes"]) == (2, 6)


def test_two_corpora_are_followed_by_the_joint_one(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "poem.txt").write_text("shall I compare thee")
    done = cli("measure", play.name, "b", "--format", "json", "--out", "out")
    assert [corpus["name"] for corpus in json.loads(done.out)["corpora"]] == [
        "play.txt",
        "b",
        "joint",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "depths.png",
        "depths.svg",
        "result.json",
        "tree-b.parquet",
        "tree-play.txt.parquet",
        "tree.parquet",
    ]
    assert (tmp_path / "out" / "result.json").read_text() == done.out
    assert TokenTree.open(tmp_path / "out" / "tree.parquet").documents == 2


def test_options_are_applied(cli: CommandLine, tmp_path: Path) -> None:
    rows = [{"q": f"question {n}", "a": f"answer {n}"} for n in range(20)]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, {"q": "no answer"}])
    (tmp_path / "rows.jsonl").write_text(text)
    options = "--text-key q --text-key a --on-bad-row skip --alphabet bit --segment window"
    more = "--depth 12 --threads 2 --seed 5 --sample 1.0 --limit 30 --format json"
    done = cli("measure", "rows.jsonl", *options.split(), *more.split())
    result = json.loads(done.out)
    (corpus,) = result["corpora"]
    assert (corpus["documents"], corpus["bad_rows"]) == (20, 1)
    assert corpus["symbols"] == 8 * corpus["bytes"]
    assert result["config"]["text_key"] == ["q", "a"]
    assert result["config"]["seed"] == 5
    assert (result["config"]["limit"], result["config"]["sample"]) == (30, 1.0)


def test_an_old_result_is_replaced(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    assert cli("measure", play.name, "--out", "out", "--depth", "2").code == 0
    assert cli("measure", play.name, "--out", "out", "--depth", "3").code == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["config"]["depth"] == 3
    assert TokenTree.open(tmp_path / "out" / "tree.parquet").depth == 3


def test_without_matplotlib_the_missing_extra_is_reported(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    hidden = "import sys; sys.modules['matplotlib'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = cli("measure", play.name, "--out", "out", PYTHONPATH=str(tmp_path))
    assert done.code == 0
    assert "pip install 'elastic-core[experiments]'" in done.err
    assert len(done.err.splitlines()) == 1
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["result.json", "tree.parquet"]


def test_a_saved_tree_is_measured(cli: CommandLine, play: Path) -> None:
    shape = ("--depth", "3", "--segment", "window")
    assert cli("tree", "build", play.name, *shape, "-o", "tree.parquet").code == 0
    options = ("--format", "json")
    of_text = json.loads(cli("measure", play.name, *shape, *options).out)
    of_tree = json.loads(cli("measure", "tree.parquet", *options).out)
    assert_schema(of_tree)
    changed = {"name": "tree.parquet", "files": {}}
    assert of_tree["corpora"] == [of_text["corpora"][0] | changed]
    assert of_tree["config"]["segment"] == "window"
    assert (of_tree["config"]["depth"], of_tree["config"]["split"]) == (3, None)
    both = json.loads(cli("measure", "tree.parquet", play.name, "--depth", "2", *options).out)
    assert [corpus["documents"] for corpus in both["corpora"]] == [1, 1, 2]
    assert len(both["corpora"][0]["depths"]) == 2
    for more, message in (
        (("--compare", "zstd:3"), "a reference compressor needs documents"),
        (("--model", "tree:2"), "a model needs documents"),
        (("--depth", "4"), "this saved tree has a depth of 3, not 4"),
        (("--split", "line"), "reading options are for corpora"),
    ):
        assert_error(cli("measure", "tree.parquet", *more), 2, message)


def test_columns_are_explained_on_request(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--explain", "--depth", "2")
    assert done.code == 0
    assert "Distinct paths of exactly k symbols." in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    refused = cli("measure", play.name, "--explain", "--format", "csv")
    assert_error(refused, 2, "--explain adds text to tables")


def test_progress_is_a_bar_on_a_terminal(play: Path) -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "measure", play, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environment(TERM="xterm"),
    ) as running:
        os.close(follower)
        output = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                break
            if not part:
                break
            output += part
        assert running.stdout is not None
        json.loads(running.stdout.read())
    os.close(leader)
    assert running.returncode == 0
    assert b"\x1b[?25h" in output, "the cursor is shown again"


def test_progress_is_plain_lines_without_a_terminal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, "measure", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    ) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        for _ in range(14):
            running.stdin.write(b"to be or not to be\n" * 60_000)
            running.stdin.flush()
            time.sleep(0.5)
        running.stdin.close()
        printed = running.stderr.read().decode()
    assert re.search(r"^read -: [\d.]+ MB, [\d.]+ [kM]B/s", printed, re.MULTILINE), printed


def test_a_closed_pipe_is_not_an_error(play: Path) -> None:
    command = f"'{PROGRAM}' measure '{play}' --format csv --depth 64; echo ended $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | true"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.stderr in ("ended 0\n", "ended 1\n")


def test_the_list_of_commands_is_not_cut(cli: CommandLine) -> None:
    commands = cli("tree", "--help").out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert len(commands) >= 4
    for line in commands:
        assert line.endswith("."), line
        assert not line.endswith("..."), line


COMMANDS = [
    ["compress"],
    ["decompress"],
    ["elasticity"],
    ["mass"],
    ["measure"],
    ["pretrain"],
    ["synth"],
    ["tree"],
    ["tree", "build"],
    ["tree", "merge"],
    ["tree", "show"],
    ["tree", "export"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example_that_runs(
    command: list[str], cli: CommandLine, tmp_path: Path
) -> None:
    done = cli(*command, "--help")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    _, example = done.out.split("Example:\n")
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
    )
