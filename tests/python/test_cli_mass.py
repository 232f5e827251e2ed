"""`elastic-core mass` on the command line."""

import csv
import io
import json
from pathlib import Path

import pytest
from conftest import CommandLine
from test_mass import assert_schema


def test_the_default_output_is_a_table(cli: CommandLine, play: Path) -> None:
    done = cli("mass", play.name, "--depth", "3", "--bootstrap", "20")
    assert (done.code, done.err) == (0, "")
    assert "play.txt  alphabet byte, segment chunk, depth 3, bootstrap 20" in done.out
    assert "1 document, 123 B" in done.out
    assert "\nDepth" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out


def test_the_json_follows_the_schema(cli: CommandLine, play: Path) -> None:
    options = "--depth 3 --memory 64MiB --bootstrap 0 --seed 4 --split line --threads 1"
    done = cli("mass", play.name, "--format", "json", *options.split())
    result = json.loads(done.out)
    assert_schema(result)
    assert result["config"]["paths"] == [["play.txt"]]
    assert (result["config"]["seed"], result["config"]["split"]) == (4, "line")
    assert result["corpora"][0]["documents"] == 3
    assert result["corpora"][0]["depths"][0]["whole"]["p"] is None
    assert done.err == ""


def test_csv_and_markdown(cli: CommandLine, play: Path) -> None:
    options = ["--depth", "2", "--bootstrap", "2"]
    done = cli("mass", play.name, "--format", "csv", *options)
    assert {row["part"] for row in csv.DictReader(io.StringIO(done.out))} == {"whole", "tail"}
    done = cli("mass", play.name, "--format", "markdown", *options)
    assert done.out.startswith("## play.txt\n\n1 document")


def test_the_result_folder_has_json_and_figures(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    options = "--depth 1 --bootstrap 2 --format json --out out"
    done = cli("mass", play.name, *options.split())
    assert done.code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["mass.png", "mass.svg", "result.json"]
    assert (tmp_path / "out" / "result.json").read_text() == done.out


def test_the_depth_of_a_saved_tree_is_the_default(cli: CommandLine, play: Path) -> None:
    assert cli("tree", "build", play.name, "-o", "play.parquet", "--depth", "2").code == 0
    options = "--bootstrap 0 --format json"
    done = cli("mass", "play.parquet", "-", *options.split(), stdin=b"to be or not to be")
    corpora = json.loads(done.out)["corpora"]
    assert [(corpus["name"], corpus["depth"]) for corpus in corpora] == [
        ("play.parquet", 2),
        ("-", 2),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["play.txt", "--bootstrap", "-1"], 2, "bootstrap -1"),
        (["play.txt", "--bootstrap", "many"], 2, "--bootstrap"),
        (["play.txt", "--depth", "0"], 2, "--depth"),
        (["nowhere.txt"], 2, "nowhere.txt"),
        (["empty.txt"], 1, "no documents"),
        ([], 2, "CORPUS"),
    ],
    ids=str,
)
def test_errors_are_one_sentence(
    arguments: list[str], code: int, message: str, cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").touch()
    done = cli("mass", *arguments, "--out", "out")
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("error: ")
    assert play.exists()
    assert not (tmp_path / "out").exists()
