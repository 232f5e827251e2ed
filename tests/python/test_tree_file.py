"""Tree files: Parquet for other readers, export, damaged files."""

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elastic_core import InvalidArgumentError, TokenTree, TreeFileError


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


def rewrite(file: Path, counts: list[int] | None = None, **changes: int | str | None) -> None:
    """Writes a tree file with other counts or metadata; None removes an entry."""
    metadata = pq.read_metadata(file).metadata
    del metadata[b"ARROW:schema"]
    for key, value in changes.items():
        del metadata[f"elastic_core.{key}".encode()]
        if value is not None:
            metadata[f"elastic_core.{key}".encode()] = str(value).encode()
    table = pq.read_table(file)
    if counts is not None:
        table = table.slice(0, len(counts))
        field = table.schema.field("count")
        table = table.set_column(table.num_columns - 1, field, pa.array(counts, pa.uint64()))
    pq.write_table(table.replace_schema_metadata(metadata), file)


def test_a_file_of_an_earlier_version_has_no_digest(tree: TokenTree, file: Path) -> None:
    rewrite(file, digest=None)
    opened = TokenTree.open(file)
    assert rows(opened) == rows(tree)
    assert (opened.documents, opened.bytes, opened.segments) == (1, tree.bytes, tree.segments)


@pytest.mark.parametrize("place", [0, 13, 18])
def test_a_digest_under_another_name_is_missing(file: Path, place: int) -> None:
    key = bytearray(b"elastic_core.digest")
    key[place] ^= 1
    damaged = file.read_bytes().replace(b"elastic_core.digest", key)
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    with pytest.raises(TreeFileError, match="its digest is missing; rebuild it"):
        TokenTree.open(file)


def test_the_digest_covers_counts_and_metadata(tree: TokenTree, file: Path) -> None:
    whole = file.read_bytes()
    rewrite(file)
    assert rows(TokenTree.open(file)) == rows(tree)
    changes: list[dict[str, Any]] = [
        {"counts": tree.counts.tolist()[::-1]},
        {"bad_rows": 1},
        {"documents": 2, "bytes": tree.bytes - 1, "symbols": tree.symbols - 1},
    ]
    for change in changes:
        file.write_bytes(whole)
        rewrite(file, **change)
        with pytest.raises(TreeFileError, match=r"do not match its digest.*tree build"):
            TokenTree.open(file)
        rewrite(file, digest=None)
        TokenTree.open(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": 300}, "vocabulary is 300, but the alphabet byte has 256"),
        ({"alphabet": "bit"}, "vocabulary is 256, but the alphabet bit has 2"),
        ({"alphabet": "morse"}, "unknown alphabet 'morse'"),
        ({"bytes": 122}, "122 bytes of text cannot be 123 symbols"),
        ({"documents": 0}, "documents, 0 in number"),
        ({"documents": 2}, "cannot give 124 segments of the kind window"),
        ({"segment": "prefix"}, "cannot give 124 segments of the kind prefix"),
        ({"segment": "chunk", "documents": 125}, "cannot give 124 segments of the kind chunk"),
        ({"depth": 4}, "columns"),
        ({"symbols": -1}, "symbols is not a number"),
        ({"segments": 2**64}, "segments is not a number"),
        ({"counts": [2**63, 2**63]}, "add up to more than 64 bits hold"),
        ({"counts": []}, "no leaves"),
    ],
)
def test_impossible_contents_are_refused(changes: dict[str, Any], message: str, file: Path) -> None:
    rewrite(file, digest=None, **changes)
    with pytest.raises(TreeFileError, match=f"tree\\.parquet: .*{message}"):
        TokenTree.open(file)


def test_volumes_that_overflow_are_not_merged(play: Path, tmp_path: Path) -> None:
    file = tmp_path / "tree.parquet"
    TokenTree.build(play, depth=2, segment="prefix").save(file)
    rewrite(file, [2**63], digest=None, segments=2**63, documents=2**63)
    tree = TokenTree.open(file)
    assert tree.count([]) == 2**63
    with pytest.raises(InvalidArgumentError, match="more text than 64 bits can count"):
        tree.merge(tree)


def test_another_version_is_rejected(file: Path) -> None:
    assert pq.read_metadata(file).metadata[b"elastic_core.schema"] == b"elastic-core/tree/1"
    rewrite(file, schema="elastic-core/tree/2")
    with pytest.raises(TreeFileError, match="this version reads elastic-core/tree/1"):
        TokenTree.open(file)


def test_a_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TokenTree.open(tmp_path / "nowhere.parquet")
