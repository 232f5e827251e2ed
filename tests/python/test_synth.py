"""Synthetic corpora: ground truth, draws, determinism, rejected input."""

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import elastic_core as ec
from elastic_core.synthesis.result import CORPORA

KEYS = {
    "config": ["corpora", "leaves", "law", "entropy", "overlap", "depth", "seed", "versions"],
    "source": [
        "law",
        "parameter",
        "leaves",
        "common_leaves",
        "entropy_bits",
        "largest_probability",
        "least_probability",
    ],
    "corpora": [
        "name",
        "file",
        "sources",
        "segments",
        "leaves",
        "drawn_leaves",
        "entropy_bits",
        "drawn_entropy_bits",
    ],
    "pairs": ["corpus", "under", "coverage", "divergence_bits"],
}


def support(result: ec.SynthResult, corpus: int) -> set[bytes]:
    return set(result.words[result.probabilities[corpus] > 0].tolist())


def test_the_defaults_are_the_setting_of_the_theorem() -> None:
    result = ec.synth()
    assert result.probabilities.shape == result.counts.shape == (4, 4000)
    assert result.counts.sum(axis=1).tolist() == [90_000, 3_000, 300, 300]
    source = result.law.entropy_bits
    assert result.entropy_bits == pytest.approx([source + math.log2(3), source, source, source])
    assert [result.coverage(corpus, 0) for corpus in range(4)] == [1, 1, 1, 0]
    assert result.divergence_bits(1, 0) == pytest.approx(math.log2(3))
    assert result.divergence_bits(3, 0) == math.inf
    assert result.divergence_bits(2, 2) == 0
    for mass in (result.probabilities[:3], result.probabilities[[0, 1, 3]]):
        _, _, slopes = oracle.joint_rates(mass, [30, 1, 0])
        coverage = mass[2][mass[0] > 0].sum()
        novel = (1 - coverage) * math.log2(math.e)
        assert slopes[1, 2] == pytest.approx(-30 * slopes[0, 2] + novel)


@given(
    leaves=st.integers(2, 40),
    overlap=st.floats(0, 1),
    law=st.sampled_from(["uniform", "pareto:2", "geometric:0.7"]),
    seed=st.integers(0, 2**70),
)
def test_sources_share_exactly_the_requested_leaves(
    leaves: int, overlap: float, law: str, seed: int
) -> None:
    corpora = ["one=1:5", "two=2:5", "both=2+1:5"]
    result = ec.synth(corpora=corpora, leaves=leaves, law=law, overlap=overlap, seed=seed)
    one, two, both = (support(result, number) for number in range(3))
    assert len(one) == len(two) == leaves
    assert len(one & two) == round(overlap * leaves)
    assert both == one | two == set(result.words.tolist())
    assert result.words.tolist() == sorted(both)
    assert result.probabilities.sum(axis=1) == pytest.approx(np.ones(3))
    assert result.probabilities[2] == pytest.approx(result.probabilities[:2].mean(axis=0))
    for mass in result.probabilities[:2]:
        assert np.sort(mass[mass > 0])[::-1].tolist() == result.law.probabilities.tolist()
    shared = result.probabilities[:, (result.probabilities[:2] > 0).all(axis=0)]
    assert result.coverage(0, 1) == pytest.approx(shared[0].sum())
    assert not (result.counts[result.probabilities == 0]).any()
    assert result.counts.sum(axis=1).tolist() == [5, 5, 5]


def test_sources_rank_common_leaves_differently() -> None:
    result = ec.synth(corpora=["one=1:1", "two=2:1"], leaves=100, overlap=1)
    orders = np.argsort(result.probabilities)
    assert (orders[0] != orders[1]).sum() > 80
    assert result.coverage(0, 1) == result.coverage(1, 0) == 1
    assert 0 < result.divergence_bits(0, 1) < math.inf


def test_divergence_is_cross_entropy_minus_entropy() -> None:
    result = ec.synth(corpora=["one=1:1", "all=1+2+3:1"], leaves=50, overlap=0.4)
    p, q = result.probabilities
    cross = -(p[p > 0] @ np.log2(q[p > 0]))
    assert result.divergence_bits(0, 1) == pytest.approx(cross - result.entropy_bits[0])


@pytest.mark.parametrize("law", ["uniform", "pareto:2", "geometric:0.9"])
def test_draws_follow_the_distribution(law: str) -> None:
    result = ec.synth(corpora=["all=1+2:100000"], leaves=40, law=law, overlap=0.5, seed=1)
    expected = 100_000 * result.probabilities[0]
    assert expected.min() > 5
    assert chisquare(result.counts[0], expected).pvalue > 1e-3


@pytest.mark.parametrize("exponent", [1.8, 2.5])
def test_a_fit_of_the_counts_recovers_the_exponent(exponent: float) -> None:
    result = ec.synth(corpora=["one=1:2M"], leaves=20_000, law=f"pareto:{exponent}")
    tail = result.counts[0][result.counts[0] >= 50]
    fitted = 1 + len(tail) / np.log(tail / 49.5).sum()  # Clauset et al. (2009), equation 3.7.
    assert fitted == pytest.approx(exponent, rel=0.03)


@pytest.mark.parametrize("depth", [3, 8, 20])
@pytest.mark.parametrize("segment", ["chunk", "prefix"])
def test_the_tree_of_a_corpus_has_the_counts(segment: str, depth: int, tmp_path: Path) -> None:
    corpora = ["a=1+2:2000", "b=2+3:100"]
    result = ec.synth(corpora=corpora, leaves=200, depth=depth, overlap=0.1, out=tmp_path)
    measured = ec.measure(
        tmp_path / "a.jsonl", tmp_path / "b.jsonl", depth=depth, segment=segment
    ).corpora
    for corpus, counts, bits in zip(
        measured[:2], result.counts, result.drawn_entropy_bits, strict=True
    ):
        drawn = counts > 0
        assert corpus.tree.counts.tolist() == counts[drawn].tolist()
        letters = corpus.tree.paths[:, :-1].astype(np.uint8)
        assert letters.view(f"S{depth - 1}").ravel().tolist() == result.words[drawn].tolist()
        assert (corpus.tree.paths[:, -1] == 256).all()
        assert corpus.depths[-1].entropy_bits == pytest.approx(bits, abs=1e-12)
        assert corpus.depths[-1].leaves == drawn.sum()


def test_the_folder_has_corpora_leaves_and_truth(tmp_path: Path) -> None:
    result = ec.synth(
        corpora=["a.b=2+1:30", "c=3:3"], leaves=9, entropy=2.5, out=tmp_path / "x" / "y"
    )
    folder = tmp_path / "x" / "y"
    assert sorted(file.name for file in folder.iterdir()) == [
        "a.b.jsonl",
        "c.jsonl",
        "leaves.csv",
        "truth.json",
    ]
    with (folder / "leaves.csv").open() as table:
        names, *rows = csv.reader(table)
    assert names == ["leaf", "a.b", "c"]
    assert [row[0].encode() for row in rows] == result.words.tolist()
    assert [[float(cell) for cell in row[1:]] for row in rows] == result.probabilities.T.tolist()
    texts = [json.loads(line)["text"] for line in (folder / "a.b.jsonl").read_text().splitlines()]
    assert len(texts) == 30
    assert [texts.count(word.decode()) for word in result.words] == result.counts[0].tolist()
    truth = json.loads((folder / "truth.json").read_text())
    assert truth == json.loads(json.dumps(result.to_dict()))
    assert_schema(truth)
    assert truth["config"]["corpora"] == ["a.b=2+1:30", "c=3:3"]
    assert truth["config"]["law"] == "pareto"
    assert truth["source"]["entropy_bits"] == pytest.approx(2.5, abs=1e-9)
    assert truth["corpora"][0]["entropy_bits"] == pytest.approx(3.5, abs=1e-9)
    assert truth["pairs"] == [
        {"corpus": "a.b", "under": "c", "coverage": 0, "divergence_bits": None},
        {"corpus": "c", "under": "a.b", "coverage": 0, "divergence_bits": None},
    ]


def assert_schema(truth: dict[str, Any]) -> None:
    """Asserts that the keys follow the schema, in order."""
    assert list(truth) == ["schema", *KEYS]
    assert truth["schema"] == "elastic-core/synth/1"
    for key, names in KEYS.items():
        parts = truth[key] if isinstance(truth[key], list) else [truth[key]]
        assert all(list(part) == names for part in parts)
    assert list(truth["config"]["versions"]) == ["elastic_core", "python", "numpy", "scipy"]


def read(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_files_are_determined_by_the_seed(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        ec.synth(leaves=50, seed=seed, out=tmp_path / name)
    assert read(tmp_path / "one") == read(tmp_path / "two")
    one, other = read(tmp_path / "one"), read(tmp_path / "other")
    assert all(one[name] != other[name] for name in one)


def test_a_larger_job_extends_a_smaller_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"leaves": 50, "overlap": 0.2, "seed": 3}
    ec.synth(corpora=["a=1:900", "b=1+2:40"], **settings, out=tmp_path / "small")
    monkeypatch.setattr(sys.modules["elastic_core.synthesis.synth"], "_BLOCK", 64)
    more = ["a=1:1000", "b=1+2:40", "c=9+3:7"]
    ec.synth(corpora=more, **settings, out=tmp_path / "large")
    small, large = read(tmp_path / "small"), read(tmp_path / "large")
    assert large["a.jsonl"].startswith(small["a.jsonl"])
    assert large["b.jsonl"] == small["b.jsonl"]


def test_every_word_of_a_depth_can_be_a_leaf() -> None:
    result = ec.synth(corpora=["a=1+2:9"], leaves=13, depth=2)
    assert b"".join(result.words.tolist()) == b"abcdefghijklmnopqrstuvwxyz"


def test_arrays_are_read_only() -> None:
    result = ec.synth(corpora=["a=1:9"], leaves=5)
    arrays = (result.law.probabilities, result.words, result.probabilities, result.counts)
    for array in arrays:
        assert not array.flags.writeable


INVALID: list[tuple[dict[str, Any], list[str]]] = [
    ({"corpora": []}, ["no corpus", "pretrain=1+2+3:90000"]),
    ({"corpora": ["align"]}, ["'align'", "NAME=SOURCES:SEGMENTS"]),
    ({"corpora": ["align=2"]}, ["'align=2'", "NAME=SOURCES:SEGMENTS"]),
    ({"corpora": ["a=:5"]}, ["'a=:5'", "does not name sources"]),
    ({"corpora": ["a=0:5"]}, ["'0'", "numbers from 1"]),
    ({"corpora": ["a=1+-1:5"]}, ["'1+-1'", "numbers from 1"]),
    ({"corpora": ["a=1+x:5"]}, ["'1+x'", "numbers from 1"]),
    ({"corpora": ["a=1+1:5"]}, ["twice"]),
    ({"corpora": ["a=1:0"]}, ["'a=1:0'", "'0' is not a count"]),
    ({"corpora": ["a=1:-5"]}, ["'a=1:-5'", "'-5' is not a count"]),
    ({"corpora": ["a=1:"]}, ["'a=1:'", "'' is not a count"]),
    ({"corpora": ["a=1:5", "A=2:5"]}, ["A", "taken"]),
    ({"corpora": ["leaf=1:5"]}, ["leaf", "taken"]),
    ({"corpora": ["=1:5"]}, ["''", "name a file"]),
    ({"corpora": ["../a=1:5"]}, ["'../a'", "name a file"]),
    ({"corpora": [".a=1:5"]}, ["'.a'", "name a file"]),
    ({"corpora": ["a\nb=1:5"]}, ["name a file"]),
    ({"corpora": [f"{'a' * 81}=1:5"]}, ["name a file"]),
    ({"overlap": -0.1}, ["-0.1", "from 0 to 1"]),
    ({"overlap": 1.5}, ["1.5", "from 0 to 1"]),
    ({"overlap": math.nan}, ["nan", "from 0 to 1"]),
    ({"depth": 1}, ["depth 1"]),
    ({"depth": 65}, ["depth 65"]),
    ({"seed": -1}, ["seed -1"]),
    ({"leaves": 1}, ["2 leaves"]),
    ({"leaves": -4}, ["2 leaves"]),
    ({"leaves": 10, "depth": 2}, ["40 leaves", "26", "overlap or depth"]),
    ({"leaves": 10**12}, ["4,000,000,000,000 leaves", "4,194,304"]),
    ({"corpora": ["a=999999999:5"]}, ["999,999,999,000 leaves"]),
    ({"law": "zipf"}, ["zipf"]),
    ({"law": ""}, ["unknown law ''"]),
    ({"law": "pareto:3", "entropy": 4}, ["pareto:3"]),
    ({"entropy": 10}, ["10 bits", "9.9658"]),
]


@pytest.mark.parametrize(("options", "words"), INVALID, ids=lambda value: str(value)[:40])
def test_invalid_arguments_are_rejected(
    options: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ec.InvalidArgumentError) as error:
        ec.synth(**options, out=tmp_path / "out")
    for word in words:
        assert word in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(ec.InvalidArgumentError, match="a file is in the way"):
        ec.synth(corpora=CORPORA[:1], out=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"


def test_a_single_corpus_is_a_list_of_one() -> None:
    single: Any = "words=1:40"
    assert ec.synth(corpora=single, leaves=9).config == ec.synth(corpora=[single], leaves=9).config
