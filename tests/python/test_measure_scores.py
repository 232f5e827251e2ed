"""Scores of documents: the Parquet file of `ScoreWriter` and of `measure`."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

import elastic_core as ec
from elastic_core._core import ScoreWriter

COLUMNS = {
    "source": pl.String,
    "index": pl.Int64,
    "corpus": pl.String,
    "model": pl.String,
    "tokens": pl.Int64,
    "bytes": pl.Int64,
    "characters": pl.Int64,
    "bits": pl.Float64,
}


def write(writer: ScoreWriter, rows: int, **columns: Any) -> None:
    counts = np.arange(rows, dtype=np.int64)
    default: dict[str, Any] = {
        "sources": [f"file {row}" for row in range(rows)],
        "indices": counts,
        "corpus": "novels",
        "model": "tree:8",
        "tokens": counts + 1,
        "bytes": counts + 2,
        "characters": [None if row % 3 == 1 else row for row in range(rows)],
        "bits": counts / 4,
    }
    writer.write(**default | columns)


def test_polars_and_pyarrow_read_the_file(tmp_path: Path) -> None:
    with ScoreWriter(tmp_path / "scores.parquet") as writer:
        write(writer, 3)
        write(writer, 0)
        write(writer, 1, model="hf:x")
    frame = pl.read_parquet(tmp_path / "scores.parquet")
    assert dict(frame.schema) == COLUMNS
    assert frame.rows() == [
        ("file 0", 0, "novels", "tree:8", 1, 2, 0, 0.0),
        ("file 1", 1, "novels", "tree:8", 2, 3, None, 0.25),
        ("file 2", 2, "novels", "tree:8", 3, 4, 2, 0.5),
        ("file 0", 0, "novels", "hf:x", 1, 2, 0, 0.0),
    ]
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table.to_pylist() == frame.to_dicts()
    assert pq.read_metadata(tmp_path / "scores.parquet").metadata[b"elastic_core.schema"] == (
        b"elastic-core/scores/1"
    )


def test_rows_are_written_in_groups(tmp_path: Path) -> None:
    with ScoreWriter(tmp_path / "scores.parquet") as writer:
        for _ in range(3):
            write(writer, 60_000)
    metadata = pq.read_metadata(tmp_path / "scores.parquet")
    assert (metadata.num_rows, metadata.num_row_groups) == (180_000, 2)


def test_a_failed_block_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "scores.parquet").write_text("old")
    with pytest.raises(TypeError), ScoreWriter(tmp_path / "scores.parquet") as writer:
        write(writer, 3, bits="none")
    assert (tmp_path / "scores.parquet").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_invalid_calls_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ScoreWriter(tmp_path / "nowhere" / "scores.parquet")
    with pytest.raises(ec.InvalidArgumentError, match="is a folder"):
        ScoreWriter(tmp_path)
    with ScoreWriter(tmp_path / "scores.parquet") as writer:
        with pytest.raises(ec.InvalidArgumentError, match="columns of scores do not match"):
            write(writer, 3, bits=np.zeros(2))
        write(writer, 2)
    with pytest.raises(ec.InvalidArgumentError, match="is closed"):
        write(writer, 1)


def test_measure_writes_a_row_per_document_and_model(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "to be"}\n{}\n{"text": "\\u00e9"}\n')
    (tmp_path / "b.txt").write_bytes(b"not \xff")
    result = ec.measure(
        tmp_path / "a.jsonl",
        tmp_path / "b.txt",
        models=["tree:3", "tree:2"],
        per_document=tmp_path / "scores.parquet",
        on_bad_row="skip",
    )
    frame = pl.read_parquet(tmp_path / "scores.parquet")
    a, b = str(tmp_path / "a.jsonl"), str(tmp_path / "b.txt")
    assert frame.drop("bits").rows() == [
        (a, 0, a, "tree:3", 6, 5, 5),
        (a, 2, a, "tree:3", 3, 2, 1),
        (a, 0, a, "tree:2", 6, 5, 5),
        (a, 2, a, "tree:2", 3, 2, 1),
        (b, 0, b, "tree:3", 6, 5, None),
        (b, 0, b, "tree:2", 6, 5, None),
    ]
    sums = frame.group_by("corpus", "model").agg(pl.col("bits").sum() / pl.col("tokens").sum())
    rates = {(corpus, model): rate for corpus, model, rate in sums.rows()}
    for corpus in result.corpora[:2]:
        for rate in corpus.model_rates:
            assert rate.bits_per_token == pytest.approx(rates[corpus.name, rate.model])


def test_a_failed_measurement_writes_no_scores(tmp_path: Path, play: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n{}\n')
    before = sorted(tmp_path.iterdir())
    corpora, scores = (play, tmp_path / "bad.jsonl"), tmp_path / "scores.parquet"
    with pytest.raises(ec.CorpusError):
        ec.measure(*corpora, models=["tree:2"], per_document=scores)
    assert sorted(tmp_path.iterdir()) == before
