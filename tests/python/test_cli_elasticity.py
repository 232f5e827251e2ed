"""`elastic-core elasticity` on the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CommandLine
from test_cli_errors import assert_error

import elastic_core as ec

STUDY = ["elasticity", "--pretrain", "pretrain.jsonl", "--align", "align.jsonl"]


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """The synthetic corpora of the theorem, and saved trees of other shapes."""
    ec.synth(leaves=50, out=tmp_path)
    ec.TokenTree.build(tmp_path / "align.jsonl", depth=3).save(tmp_path / "shallow.parquet")
    ec.TokenTree.build(tmp_path / "align.jsonl", alphabet="bit").save(tmp_path / "bits.parquet")
    (tmp_path / "empty.txt").write_text("")
    return tmp_path


def test_the_table_has_the_verdict(cli: CommandLine, corpora: Path) -> None:
    assert corpora
    done = cli(*STUDY, "--perturb", "perturb.jsonl", "--perturb", "novel.jsonl")
    assert (done.code, done.err) == (0, "")
    assert "k = |D_p| / |D_a| = 30, l = |D_t| / |D_a| = 0.1" in done.out
    assert "the law holds: the ratio of the slopes is within 10% of -k." in done.out
    assert "can be no elasticity" in " ".join(done.out.split())
    assert max(map(len, done.out.splitlines())) <= 80


def test_json_has_every_number(cli: CommandLine, corpora: Path) -> None:
    options = ["--perturb", "perturb.jsonl", "--k", "1000", "--l", "0.1", "--depth", "8"]
    done = cli(*STUDY, *options, "--format", "json", "--out", "out", "--bootstrap", "3")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert (record["config"]["k"], record["config"]["l"], record["config"]["bootstrap"]) == (
        1000,
        0.1,
        3,
    )
    (perturbation,) = record["perturbations"]
    assert perturbation["law"][-1]["ratio"] == pytest.approx(-1000)
    assert perturbation["law"][-1]["intervals"]["slope_align_bits"]["low"] > 0
    assert (corpora / "out" / "result.json").read_text() == done.out
    assert sorted(path.name for path in (corpora / "out").iterdir()) == [
        "curves.png", "curves.svg", "ratios.png", "ratios.svg", "replicates.jsonl", "result.json",
        "springs.png", "springs.svg",
    ]  # fmt: skip


def test_saved_trees_are_accepted(cli: CommandLine, corpora: Path) -> None:
    assert corpora
    assert cli("tree", "build", "pretrain.jsonl", "-o", "p.parquet", "--depth", "6").code == 0
    done = cli(
        "elasticity", "--pretrain", "p.parquet", "--align", "align.jsonl",
        "--perturb", "perturb.jsonl", "--format", "csv",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + 6


def test_the_sequential_order_adds_a_tree_model(cli: CommandLine, corpora: Path) -> None:
    options = ["--order", "sequential", "--rate", "2", "--seeds", "2", "--depth", "4"]
    done = cli(*STUDY, "--perturb", "perturb.jsonl", *options, "--limit", "200", "--out", "out")
    assert done.code == 0, done.err
    assert "A tree model of depth 4, 2 seeds, sequential at rate 2" in done.out
    assert "The law in the sequential order on unseen text:" in done.out
    assert (corpora / "out" / "trained-perturb.jsonl.png").exists()


def test_tree_models_need_neither_pydantic_nor_torch(corpora: Path) -> None:
    script = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"datasets", "pydantic", "torch", "transformers", "ruamel"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import elastic_core as ec
paths = [f"{name}.jsonl" for name in ("pretrain", "align", "perturb")]
result = ec.elasticity(*paths, depth=3, limit=400, order="sequential", seeds=2)
assert result.to_dict()["perturbations"][0]["trained"]["joint"]["unseen"]
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=corpora, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_standard_input_is_kept_for_a_bootstrap(cli: CommandLine, corpora: Path) -> None:
    lines = (corpora / "perturb.jsonl").read_bytes()
    texts = [json.loads(line)["text"] for line in lines.splitlines()]
    options = ("--bootstrap", "5", "--split", "line", "--format", "json")
    done = cli(*STUDY, "--perturb", "-", *options, stdin="\n".join(texts).encode())
    assert done.code == 0, done.err
    assert json.loads(done.out)["datasets"][2]["documents"] == len(texts)


def test_shared_files_cause_a_warning(cli: CommandLine, corpora: Path) -> None:
    assert corpora
    done = cli(*STUDY, "--perturb", "align.jsonl")
    assert done.code == 0
    assert done.err == (
        "warning: align.jsonl and align.jsonl have 1 file in common, which are counted in both; "
        "remove them from one for independent corpora\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        ("--perturb nowhere.jsonl", 2, ["nowhere.jsonl", "no such file"]),
        ("--perturb empty.txt", 1, ["empty.txt", "no documents"]),
        ("--perturb perturb.jsonl --l -1", 2, ["l -1", "0 or more"]),
        ("--perturb perturb.jsonl --k 0", 2, ["k 0", "more than 0"]),
        ("--perturb shallow.parquet --depth 8", 2, ["a depth of 3, not 8"]),
        ("--perturb bits.parquet --alphabet byte", 2, ["alphabet", "bit"]),
        ("--perturb shallow.parquet --segment window", 2, ["segmentation"]),
        ("--perturb shallow.parquet --bootstrap 5", 2, ["shallow.parquet", "bootstrap"]),
        ("--perturb - --perturb -", 2, ["standard input", "once"]),
        ("", 2, ["--perturb"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, code: int, parts: list[str], cli: CommandLine, corpora: Path
) -> None:
    assert corpora
    assert_error(cli(*STUDY, *arguments.split(), stdin=b"to be"), code, *parts)
