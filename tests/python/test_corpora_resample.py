"""Resampling of documents for bootstrap replicates."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest

import elastic_core as ec

DOCUMENTS = 2000


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": f"row {at}"}) + "\n" for at in range(DOCUMENTS)))
    return file


def document_counts(corpus: ec.Corpus) -> Counter[bytes]:
    return Counter(text for batch in corpus.batches() for text in batch.texts)


def test_document_counts_are_poisson_distributed(rows: Path) -> None:
    copies = Counter(document_counts(ec.Corpus(rows).resampled(3)).values())
    copies[0] = DOCUMENTS - copies.total()
    for count in range(4):
        expected = DOCUMENTS * math.exp(-1) / math.factorial(count)
        assert abs(copies[count] - expected) < 5 * math.sqrt(expected)


def test_the_replicate_is_determined_by_the_seed(rows: Path) -> None:
    corpus = ec.Corpus(rows)
    assert document_counts(corpus.resampled(1)) == document_counts(corpus.resampled(1))
    assert document_counts(corpus.resampled(1)) != document_counts(corpus.resampled(2))
    assert document_counts(corpus).total() == DOCUMENTS


def test_sample_and_resample_are_independent(rows: Path) -> None:
    sampled = document_counts(ec.Corpus(rows, sample=0.5, seed=7))
    both = document_counts(ec.Corpus(rows, sample=0.5, seed=7).resampled(7))
    assert both.keys() < sampled.keys()
    assert abs(both.total() - sampled.total()) < 5 * math.sqrt(sampled.total())


def test_the_result_does_not_depend_on_threads(rows: Path) -> None:
    corpus = ec.Corpus(rows).resampled(5)
    one, two = (ec.TokenTree.build(corpus, threads=threads) for threads in (1, 2))
    assert one.documents == two.documents == document_counts(corpus).total()
    assert one.counts.tolist() == two.counts.tolist()


def test_a_limit_applies_before_resampling(rows: Path) -> None:
    corpus = ec.Corpus(rows, limit=100).resampled(5)
    assert document_counts(corpus).keys() <= {f"row {at}".encode() for at in range(100)}
    assert 60 < document_counts(corpus).total() < 140


def test_whole_files_and_long_lines_are_resampled(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for at in range(40):
        (folder / f"{at}.txt").write_text(f"file {at}")
    files = document_counts(ec.Corpus(folder).resampled(0))
    assert max(files.values()) > 1
    assert len(files) < 40
    # Lines longer than the read buffer.
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(letter * (3 << 20) for letter in "abcdefgh"))
    copies = document_counts(ec.Corpus(lines, split="line").resampled(1))
    assert all(len(line) == 3 << 20 and len(set(line)) == 1 for line in copies)
    assert max(copies.values()) > 1
    bytes_ = ec.TokenTree.build(ec.Corpus(lines, split="line").resampled(1)).bytes
    assert bytes_ == copies.total() * (3 << 20)


def test_bad_rows_are_resampled_too(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join('{"text": "good"}\n{"body": "bad"}\n' for _ in range(200)))
    corpus = ec.Corpus(file, on_bad_row="skip").resampled(1)
    tree = ec.TokenTree.build(corpus, threads=1)
    assert 0 < tree.bad_rows < 200
