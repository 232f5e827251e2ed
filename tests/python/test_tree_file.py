"""Tree files: Parquet for other readers, export, damaged files."""

import csv
import json
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from elastic_core import TokenTree, TreeFileError


@pytest.fixture
def tree(play: Path) -> TokenTree:
    return TokenTree.build(play, depth=5, segment="window")


@pytest.fixture
def file(tree: TokenTree, tmp_path: Path) -> Path:
    tree.save(tmp_path / "tree.parquet")
    return tmp_path / "tree.parquet"


def rows(tree: TokenTree) -> list[tuple[int, ...]]:
    """The path and count of each leaf, as in a row of the file."""
    return [
        (*path, count)
        for path, count in zip(tree.paths.tolist(), tree.counts.tolist(), strict=True)
    ]


COLUMNS = [*(f"symbol_{k}" for k in range(1, 6)), "count"]


def test_pyarrow_reads_the_file(tree: TokenTree, file: Path) -> None:
    table = pq.read_table(file)
    assert table.column_names == COLUMNS
    assert [tuple(row.values()) for row in table.to_pylist()] == rows(tree)


def test_polars_reads_the_file(tree: TokenTree, file: Path) -> None:
    frame = pl.read_parquet(file)
    assert frame.columns == COLUMNS
    assert frame.rows() == rows(tree)


def test_duckdb_reads_the_file(tree: TokenTree, file: Path) -> None:
    with duckdb.connect() as connection:
        result = connection.execute(f"select * from '{file}'").fetchall()
    assert result == rows(tree)


def test_export_writes_the_same_rows(tree: TokenTree, tmp_path: Path) -> None:
    tree.export(tmp_path / "tree.csv")
    with (tmp_path / "tree.csv").open(newline="") as file:
        exported = [(row["path"].split(), row["count"]) for row in csv.DictReader(file)]
    assert [(list(map(int, path)), int(count)) for path, count in exported] == leaves(tree)

    tree.export(tmp_path / "tree.jsonl", format="jsonl")
    lines = [json.loads(line) for line in (tmp_path / "tree.jsonl").read_text().splitlines()]
    assert [(line["path"], line["count"]) for line in lines] == leaves(tree)
    assert all(list(line) == ["path", "count"] for line in lines)


def leaves(tree: TokenTree) -> list[tuple[list[int], int]]:
    """The path of each leaf, up to and including EOS, and its count."""
    eos = tree.eos
    return [
        (path[: path.index(eos) + 1] if eos in path else path, count)
        for path, count in zip(tree.paths.tolist(), tree.counts.tolist(), strict=True)
    ]


def test_a_truncated_file_is_rejected(file: Path) -> None:
    content = file.read_bytes()
    for size in (0, 3, 4, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:size])
        with pytest.raises(TreeFileError, match=r"tree\.parquet"):
            TokenTree.open(file)


def test_damage_never_crashes(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(0, len(content), 7):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        file.write_bytes(damaged)
        try:
            TokenTree.open(file).statistics()
        except TreeFileError as error:
            assert "tree.parquet" in str(error)  # noqa: PT017


def test_another_parquet_file_is_rejected(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["to be"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(TreeFileError, match="not a token tree"):
        TokenTree.open(tmp_path / "other.parquet")


def test_another_version_is_rejected(file: Path) -> None:
    metadata = pq.read_metadata(file).metadata
    assert metadata[b"elastic_core.schema"] == b"elastic-core/tree/1"
    del metadata[b"ARROW:schema"]
    metadata[b"elastic_core.schema"] = b"elastic-core/tree/2"
    pq.write_table(pq.read_table(file).replace_schema_metadata(metadata), file)
    with pytest.raises(TreeFileError, match="this version reads elastic-core/tree/1"):
        TokenTree.open(file)


def test_a_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TokenTree.open(tmp_path / "nowhere.parquet")
