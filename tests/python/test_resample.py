"""Documents drawn for a bootstrap replicate."""

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


def drawn(corpus: ec.Corpus) -> Counter[bytes]:
    return Counter(text for batch in corpus.batches() for text in batch.texts)


def test_each_document_counts_as_a_poisson_variable(rows: Path) -> None:
    copies = Counter(drawn(ec.Corpus(rows).resampled(3)).values())
    copies[0] = DOCUMENTS - copies.total()
    for count in range(4):
        expected = DOCUMENTS * math.exp(-1) / math.factorial(count)
        assert abs(copies[count] - expected) < 5 * math.sqrt(expected)


def test_a_seed_is_a_replicate(rows: Path) -> None:
    corpus = ec.Corpus(rows)
    assert drawn(corpus.resampled(1)) == drawn(corpus.resampled(1))
    assert drawn(corpus.resampled(1)) != drawn(corpus.resampled(2))
    assert drawn(corpus).total() == DOCUMENTS


def test_the_sample_and_the_resample_are_drawn_apart(rows: Path) -> None:
    sampled = drawn(ec.Corpus(rows, sample=0.5, seed=7))
    both = drawn(ec.Corpus(rows, sample=0.5, seed=7).resampled(7))
    assert both.keys() < sampled.keys()
    assert abs(both.total() - sampled.total()) < 5 * math.sqrt(sampled.total())


def test_threads_do_not_matter(rows: Path) -> None:
    corpus = ec.Corpus(rows).resampled(5)
    one, two = (ec.TokenTree.build(corpus, threads=threads) for threads in (1, 2))
    assert one.documents == two.documents == drawn(corpus).total()
    assert one.counts.tolist() == two.counts.tolist()


def test_a_limit_counts_documents_before_they_are_drawn(rows: Path) -> None:
    corpus = ec.Corpus(rows, limit=100).resampled(5)
    assert drawn(corpus).keys() <= {f"row {at}".encode() for at in range(100)}
    assert 60 < drawn(corpus).total() < 140


def test_whole_files_and_long_lines_are_drawn_too(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for at in range(40):
        (folder / f"{at}.txt").write_text(f"file {at}")
    files = drawn(ec.Corpus(folder).resampled(0))
    assert max(files.values()) > 1
    assert len(files) < 40
    # Lines that are longer than what is read at once.
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(letter * (3 << 20) for letter in "abcdefgh"))
    copies = drawn(ec.Corpus(lines, split="line").resampled(1))
    assert all(len(line) == 3 << 20 and len(set(line)) == 1 for line in copies)
    assert max(copies.values()) > 1
    bytes_ = ec.TokenTree.build(ec.Corpus(lines, split="line").resampled(1)).bytes
    assert bytes_ == copies.total() * (3 << 20)


def test_bad_rows_count_once(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join('{"text": "good"}\n{"body": "bad"}\n' for _ in range(200)))
    corpus = ec.Corpus(file, on_bad_row="skip").resampled(1)
    tree = ec.TokenTree.build(corpus, threads=1)
    assert 0 < tree.bad_rows < 200
