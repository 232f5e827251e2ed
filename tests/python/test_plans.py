"""`--dry-run` of measure, elasticity and pretrain, and the estimates behind it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import HAMLET, CommandLine
from test_cli_errors import assert_error

import elastic_core as ec
from elastic_core.corpora import trial
from elastic_core.corpora.trees import TreeOptions
from elastic_core.corpora.trial import seconds_for, survey, try_tree


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """400 rows of 10 bytes each."""
    file = tmp_path / "rows.jsonl"
    texts = (f"number {number:03}" for number in range(400))
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return file


def test_a_small_corpus_is_surveyed_exactly(rows: Path) -> None:
    found = survey(ec.Corpus(rows))
    assert (found.documents, found.bytes, found.is_exact) == (400, 4000, True)
    found = survey(ec.Corpus(rows, limit=300))
    assert (found.documents, found.bytes, found.is_exact) == (300, 3000, True)
    assert sum(len(batch.texts) for batch in found.sample(500).batches()) == 50
    assert sum(len(batch.texts) for batch in found.sample(10**6).batches()) == 300


def test_a_corpus_that_takes_too_long_is_guessed(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TooLong:
        def build(self, *_: object, **__: object) -> None:
            raise trial._TooLongError

    monkeypatch.setattr(trial, "TokenTree", TooLong())
    found = survey(ec.Corpus(rows))
    assert (found.documents, found.bytes, found.is_exact) == (1, rows.stat().st_size, False)


def test_long_documents_are_sampled_by_lines(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("to be or not to be\n" * 300_000)
    sample = survey(ec.Corpus(tmp_path / "long.txt")).sample(6000)
    assert [len(batch.texts) for batch in sample.batches()] == [100]


def test_time_is_extrapolated_from_a_sample_that_takes_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.txt").write_text("a line of 20 letters\n" * 200_000)
    corpus = survey(ec.Corpus(tmp_path / "lines.txt", split="line"))
    sizes, now = [], [0.0]

    def work(sample: ec.Corpus) -> int:
        size = sum(len(text) for batch in sample.batches() for text in batch.texts)
        sizes.append(size)
        now[0] += size * 1e-5
        return size

    monkeypatch.setattr(trial, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert seconds_for(work, corpus) == pytest.approx(40)
    assert len(sizes) == 2, "the first sample takes 0.7 s, the second 5 s"


def test_the_memory_of_a_tree_is_limited_by_the_budget(rows: Path) -> None:
    corpus = survey(ec.Corpus(rows))
    assert 8 * 400 < try_tree(corpus, TreeOptions(), 1 << 30).memory < 400 * 100
    assert try_tree(corpus, TreeOptions(), 1000).memory == 1000


def test_a_dry_run_of_measure_reads_and_writes_nothing_else(cli: CommandLine, rows: Path) -> None:
    (rows.parent / "play.txt").write_text(HAMLET)
    options = ("--compare", "zstd:3,gzip:1", "--model", "tree:2", "--out", "out")
    done = cli("measure", "rows.jsonl", "play.txt", *options, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"measure: rows\.jsonl, play\.txt\n"
        r"rows\.jsonl: 400 documents, 4\.0 kB\n"
        rf"play\.txt: 1 document, {len(HAMLET)} B\n"
        r"tree:2: about \d+ seconds?\n"
        r"zstd:3, gzip:1: about \d+ seconds?\n"
        r"trees: about \d+ seconds?\n"
        r"estimated time: about \d+ seconds?\n"
        r"estimated memory: about \d+\.\d MB\n",
        done.out,
    ), done.out
    assert sorted(file.name for file in rows.parent.iterdir()) == ["play.txt", "rows.jsonl"]
    assert_error(cli("measure", "-", "--dry-run", stdin=b"to be"), 2, "can be read only once")
    assert_error(cli("measure", "no.txt", "--dry-run"), 2, "no.txt")
    assert_error(cli("measure", "play.txt", "--compare", "lz4:1", "--dry-run"), 2, "lz4:1")
    assert cli("tree", "build", "play.txt", "-o", "tree.parquet").code == 0
    assert "estimated time" in cli("measure", "tree.parquet", "--dry-run").out
    assert_error(cli("measure", "tree.parquet", "--depth", "9", "--dry-run"), 2, "a depth of 8")


def test_a_dry_run_of_elasticity_lists_its_parts(cli: CommandLine, tmp_path: Path) -> None:
    ec.synth(leaves=20, out=tmp_path)
    files = sorted(file.name for file in tmp_path.iterdir())
    study = ["elasticity", "--pretrain", "pretrain.jsonl", "--align", "align.jsonl"]
    study += ["--perturb", "perturb.jsonl", "--perturb", "novel.jsonl", "--dry-run"]
    done = cli(*study, "--bootstrap", "5", "--order", "sequential", "--seeds", "1")
    assert (done.code, done.err) == (0, "")
    names = [line.split(":")[0] for line in done.out.splitlines()]
    corpora = ["pretrain.jsonl", "align.jsonl", "perturb.jsonl", "novel.jsonl"]
    parts = ["trees", "law", "5 resamples", "tree models", "estimated time", "estimated memory"]
    assert names == ["elasticity", *corpora, *parts]
    assert sorted(file.name for file in tmp_path.iterdir()) == files
    assert_error(cli(*study, "--bootstrap", "1"), 2, "bootstrap 1")
    ec.TokenTree.build(tmp_path / "align.jsonl").save(tmp_path / "tree.parquet")
    study[4] = "tree.parquet"
    assert cli(*study).code == 0
    assert_error(cli(*study, "--bootstrap", "5"), 2, "a bootstrap needs documents")


def test_a_dry_run_of_pretrain_makes_no_folder(cli: CommandLine, play: Path) -> None:
    small = ["--model", "scratch:0.3M", "--batch", "32", "--context", "16", "--device", "cpu"]
    call = ["pretrain", play.name, *small, "--out", "out", "--dry-run"]
    done = cli(*call, "--branch", "1600,6400")
    assert (done.code, done.err) == (0, "")
    title, tokens, corpus, *parts = done.out.splitlines()
    assert title.startswith("pretrain: scratch:0.3M, 320.0 k parameters, ")
    # A fifth of the steps of the shorter branch is trained again.
    assert tokens.startswith("6.7 k tokens to train on; the corpus has about ")
    assert corpus == "play.txt: 1 document, 123 B"
    names = [part.split(":")[0] for part in parts]
    assert names == ["tokenizer", "training", "estimated time", "estimated memory"]
    assert list(play.parent.iterdir()) == [play]
    assert_error(cli(*call), 2, "tokens")
