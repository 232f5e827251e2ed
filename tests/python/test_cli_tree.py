"""`elastic-core tree` on the command line."""

import json
from pathlib import Path

import polars as pl
from conftest import CommandLine
from test_measure import assert_schema

from elastic_core import TokenTree


def test_a_built_tree_is_shown(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    done = cli("tree", "build", play.name, "-o", "play.parquet", "--depth", "4")
    assert (done.code, done.out) == (0, "")
    tree = TokenTree.open(tmp_path / "play.parquet")
    assert tree.depth == 4
    assert f"play.parquet: {len(tree)} leaves" in done.err
    shown = cli("tree", "show", "play.parquet")
    assert "segment chunk, depth 4" in shown.out
    assert "1 document, 123 B" in shown.out


def test_show_prints_the_json_of_measure(cli: CommandLine, play: Path) -> None:
    cli("tree", "build", play.name, "-o", "play.parquet")
    shown = json.loads(cli("tree", "show", "play.parquet", "--format", "json").out)
    assert_schema(shown)
    measured = json.loads(cli("measure", play.name, "--format", "json").out)
    (one,), (other,) = shown["corpora"], measured["corpora"]
    assert one | {"name": play.name, "files": {".txt": 1}} == other


def test_a_merged_tree_is_the_joint_tree(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("shall I compare thee")
    for name in ("play", "poem"):
        assert cli("tree", "build", f"{name}.txt", "-o", f"{name}.parquet").code == 0
    done = cli("tree", "merge", "play.parquet", "poem.parquet", "-o", "both.parquet")
    assert done.code == 0
    cli("measure", play.name, "poem.txt", "--out", "out")
    merged, joint = (
        pl.read_parquet(tmp_path / name) for name in ("both.parquet", "out/tree.parquet")
    )
    assert merged.equals(joint)


def test_a_tree_can_be_merged_into_its_own_file(cli: CommandLine, play: Path) -> None:
    cli("tree", "build", play.name, "-o", "play.parquet")
    done = cli("tree", "merge", "play.parquet", "play.parquet", "-o", "play.parquet", "--force")
    assert done.code == 0, done.err
    shown = json.loads(cli("tree", "show", "play.parquet", "--format", "json").out)
    assert shown["corpora"][0]["documents"] == 2


def test_export_writes_csv_and_jsonl(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    cli("tree", "build", play.name, "-o", "play.parquet", "--depth", "2")
    assert cli("tree", "export", "play.parquet", "-o", "play.csv").code == 0
    assert cli("tree", "export", "play.parquet", "-o", "p.jsonl", "--format", "jsonl").code == 0
    tree = pl.read_parquet(tmp_path / "play.parquet")
    exported = pl.read_csv(tmp_path / "play.csv")
    assert exported.columns == ["path", "count"]
    assert exported["count"].to_list() == tree["count"].to_list()
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == len(tree)
