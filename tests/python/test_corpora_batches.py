"""`Corpus.batches`: documents with their positions, errors, Ctrl-C, early termination."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import environment
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import Corpus, CorpusError, DocumentBatch, InvalidArgumentError, TokenTree


def documents(corpus: Corpus, **options: Any) -> list[tuple[str, int, bytes]]:
    return [
        document
        for batch in corpus.batches(**options)
        for document in zip(batch.sources, batch.indices.tolist(), batch.texts, strict=True)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(b"one\n\nb\xffd\ntwo\n")
    (tmp_path / "b.jsonl").write_text('{"text": "three"}\n{}\n{"text": ""}\n')
    return tmp_path


def test_documents_have_source_and_index(folder: Path) -> None:
    corpus = Corpus(folder, split="line", on_bad_row="skip")
    a, b = corpus.files
    assert documents(corpus) == [
        (a, 0, b"one"),
        (a, 2, b"b\xffd"),
        (a, 3, b"two"),
        (b, 0, b"three"),
        (b, 2, b""),
    ]
    assert [text for _, _, text in documents(corpus, utf8=True)] == [b"one", b"two", b"three", b""]


def test_a_batch_has_columns(folder: Path) -> None:
    (batch,) = Corpus(folder / "a.txt").batches()
    assert isinstance(batch, DocumentBatch)
    assert batch.indices.dtype == np.int64
    assert not batch.indices.flags.writeable
    assert repr(batch) == "DocumentBatch(1 documents)"


@given(
    texts=st.lists(st.text("ab\né", max_size=6), min_size=1, max_size=30),
    size=st.integers(1, 30),
    limit=st.one_of(st.none(), st.integers(1, 30)),
    seed=st.integers(0, 9),
)
def test_batches_are_full_and_contain_the_documents_of_a_tree(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    size: int,
    limit: int | None,
    seed: int,
) -> None:
    file = tmp_path_factory.mktemp("batches") / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    corpus = Corpus(file, limit=limit, sample=0.7, seed=seed)
    try:
        tree = TokenTree.build(corpus, depth=2)
    except CorpusError:
        with pytest.raises(CorpusError, match="no documents"):
            documents(corpus)
        return
    read = documents(corpus, bytes=size)
    assert all(texts[index].encode() == text for _, index, text in read)
    assert (tree.documents, tree.bytes) == (len(read), sum(len(text) for _, _, text in read))
    sizes = [[len(text) + 1 for text in batch.texts] for batch in corpus.batches(bytes=size)]
    assert all(len(lengths) == 1 or sum(lengths) <= size for lengths in sizes)
    assert all(sum(this) + following[0] > size for this, following in pairwise(sizes))


def test_errors_are_raised_when_reading_reaches_them(folder: Path) -> None:
    batches = Corpus(folder, split="line").batches(bytes=1)
    assert next(batches).texts == [b"one"]
    with pytest.raises(CorpusError, match=r"b.jsonl, line 2: .*`on_bad_row=.skip.`"):
        list(batches)
    assert list(batches) == []
    with pytest.raises(CorpusError, match=r"a.txt, line 3: invalid UTF-8 at byte 1"):
        documents(Corpus(folder, split="line"), utf8=True)
    with pytest.raises(InvalidArgumentError, match="bytes 0"):
        Corpus(folder).batches(bytes=0)
    (folder / "a.txt").unlink()
    gone = Corpus(folder / "b.jsonl")
    (folder / "b.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        documents(gone)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads in /proc")
def test_dropping_the_iterator_stops_the_reader_thread(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("a line\n" * 200_000)

    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    before = threads()
    batches = Corpus(tmp_path, split="line").batches(bytes=10)
    next(batches)
    assert threads() == before + 1
    del batches
    until = time.monotonic() + 30
    while threads() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threads() == before


def test_ctrl_c_interrupts_waiting_for_standard_input() -> None:
    script = "import elastic_core as ec\nprint('go', flush=True)\nlist(ec.Corpus('-').batches())"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"go\n"
        time.sleep(0.2)
        os.kill(running.pid, signal.SIGINT)
        assert b"KeyboardInterrupt" in running.stderr.read()
