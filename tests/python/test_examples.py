"""The scripts in examples/, on text whose results are known."""

import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import environment

import elastic_core as ec

BEYOND = Path(__file__).parents[2] / "examples" / "beyond"
WORDS = {
    "pretrain": ["aaaaaaa", "bbbbbbb", "ccccccc"] * 10,
    "align": ["bbbbbbb"],
    "third": ["ccccccc"],
    "novel": ["ddddddd"],
}
"""The setting of Thm 4.2 with k = 30, and a novel perturbation."""

K = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder per corpus, with one word per document."""
    folder = tmp_path_factory.mktemp("words")
    for name, words in WORDS.items():
        (folder / name).mkdir()
        for number, word in enumerate(words):
            (folder / name / f"{number:02}.txt").write_text(word)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, BEYOND, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def tables(printed: str) -> list[list[dict[str, str]]]:
    """The rows of each Markdown table."""
    parsed = []
    for block in re.findall(r"(?:^\|.*\n)+", printed, re.MULTILINE):
        heading, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        parsed.append([dict(zip(heading, row, strict=True)) for row in rows])
    return parsed


def test_beyond_matches_the_closed_form_for_three_words(folder: Path) -> None:
    options = ["--pretrain", "pretrain", "--align", "align", "--perturb", "third=third"]
    done = run(folder, *options, "--unrelated", "novel=novel", "--out", "out")
    assert done.returncode == 0, done.stderr
    flips, depth, samples, slopes, mixed, synthetic = tables(done.stdout)
    for row in flips:
        # The pre-training rate is minimal where its third part makes up a third of the total:
        # k / 3 + l = (k + 1 + l) / 3.
        assert row["flip of pre-training, l"] == (
            "0.5" if row["perturbation"] == "third" else "rises"
        )
        assert row["flip of alignment, l"] == "rises"
    for row in depth:
        covered = row["perturbation"] == "third"
        assert float(row["coverage, pruned"]) == covered
        assert float(row["ratio / -k, pruned"]) == (1 if covered else round(-1 / K, 3))
    for row in samples[-1:]:
        assert row["documents"] == "30"
        assert float(row["k"]) == K
    third = [row for row in slopes if row["perturbation"] == "third"]
    # The alignment gains (k + 1) / (k / 3 + 1) - 1 times what the perturbation takes away.
    assert float(third[-1]["undone, depth 8"]) == round(1 / (31 / 11 - 1), 3)
    assert [float(mixed[at]["coverage, depth 8"]) for at in (0, -1)] == [0, 1]
    assert float(mixed[-1]["ratio / -k, depth 8"]) == 1
    for row in synthetic[:11]:
        share = float(row["share"])
        assert float(row["ratio"]) == pytest.approx(1 / (1 - share * (K + 1) / K), rel=1e-3)
    names = ("depth", "flips", "overlap", "pretraining")
    figures = sorted(path.name for path in (folder / "out").iterdir())
    assert figures == [f"elasticity-{name}.png" for name in names]


@pytest.mark.parametrize(
    ("perturb", "message"),
    [("third", "third: write NAME=PATH"), ("it=nowhere", "'nowhere' does not exist")],
)
def test_beyond_rejects_an_invalid_perturbation(perturb: str, message: str, folder: Path) -> None:
    options = ["--pretrain", "pretrain", "--align", "align", "--perturb", perturb]
    done = run(folder, *options, "--out", "refused")
    assert done.returncode == 2
    assert message in done.stderr
    assert not (folder / "refused").exists()


@pytest.fixture(scope="module")
def corpora() -> ModuleType:
    """The module `corpora` of the example."""
    loader = SourceFileLoader("beyond_corpora", str(BEYOND / "corpora.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def test_the_law_matches_the_command(corpora: ModuleType, tmp_path: Path) -> None:
    for number, name in enumerate(("pretrain", "align", "perturb")):
        rng = np.random.default_rng(number)
        (tmp_path / name).mkdir()
        for document in range(8 - 3 * number):
            text = rng.choice([*"ab", "the ", "to "], 500)
            (tmp_path / name / f"{document}.txt").write_text("".join(text))
    paths = [tmp_path / name for name in ("pretrain", "align", "perturb")]
    trees = [corpora.build_tree(corpora.read(path)) for path in paths]
    (law,) = corpora.laws(trees[0], trees[1], trees[2:])
    result = ec.elasticity(*paths).perturbations[0]
    assert law.k == pytest.approx(result.k)
    assert law.coverage == pytest.approx([row.coverage for row in result.law])
    assert law.pretrain == pytest.approx([row.slope_pretrain_bits for row in result.law])
    assert law.align == pytest.approx([row.slope_align_bits for row in result.law])


def test_the_standard_library_is_found(corpora: ModuleType) -> None:
    files = corpora.standard_library()
    assert {"ast.py", "json"} <= {path.name for path in files} | {
        path.parent.name for path in files
    }
    assert not any("site-packages" in path.parts for path in files)


def test_tails_recovers_a_planted_exponent(tmp_path: Path) -> None:
    ec.synth(corpora=["words=1:40000"], leaves=4000, depth=4, out=tmp_path)
    done = subprocess.run(
        [sys.executable, BEYOND.parent / "tails.py", "words.jsonl", "--x-min", "5"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    (rows,) = tables(done.stdout)
    last = rows[-1]
    assert last["depth"] == "8"
    assert 1.9 < float(last["alpha"]) < 2.1
    assert float(last["p"]) > 0.1
