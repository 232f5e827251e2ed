"""Reading: formats, compression, splitting, keys, limits, samples, bad rows."""

import bz2
import csv
import gzip
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import oracle
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elastic_core import (
    Corpus,
    CorpusError,
    InvalidArgumentError,
    TokenTree,
    elasticity,
    mass,
)
from elastic_core.corpora.sources import ReadOptions

TEXTS = ["to be", "or not to be", "that is the question", "ὦ ξεῖνε 🦉"]


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def leaves(paths: Any, **options: Any) -> dict[tuple[int, ...], int]:
    """The leaves at depth 3 of the corpus read from these paths."""
    tree = TokenTree.build(Corpus(paths, **options), depth=3)
    items = zip(tree.paths.tolist(), tree.counts.tolist(), strict=True)
    return {tuple(path): count for path, count in items}


def expected(texts: Sequence[str]) -> dict[tuple[int, ...], int]:
    """The leaves at depth 3 of these documents, by the oracle."""
    paths = oracle.segments([text.encode() for text in texts], 3, "chunk", 256)
    table = oracle.leaves(paths, 3)
    return {(*path, *[256] * (3 - len(path))): count for path, count in table.items()}


def jsonl(rows: Sequence[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("ending", COMPRESS)
def test_lines_of_text(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"texts.txt{ending}"
    file.write_bytes(COMPRESS[ending]("\n".join(TEXTS).encode()))
    assert leaves(file, split="line") == expected(TEXTS)
    assert leaves(file) == expected(["\n".join(TEXTS)])


@pytest.mark.parametrize("ending", COMPRESS)
def test_rows_of_jsonl(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"texts.jsonl{ending}"
    file.write_bytes(COMPRESS[ending](jsonl([{"text": text} for text in TEXTS])))
    assert leaves(file) == expected(TEXTS)


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "lz4", "zstd", "brotli"])
def test_rows_of_parquet(codec: Any, tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    pl.DataFrame({"text": TEXTS}).write_parquet(file, compression=codec)
    assert leaves(file) == expected(TEXTS)


def test_paragraphs(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("to be\nor not\n\n\nto be\n")
    assert leaves(file, split="paragraph") == expected(["to be\nor not", "to be"])


def test_folders_are_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "a.txt").write_text("to be")
    (tmp_path / "b.txt").write_text("or not")
    (tmp_path / ".hidden.txt").write_text("secret")
    corpus = Corpus(tmp_path)
    assert [Path(file).name for file in corpus.files] == ["b.txt", "a.txt"]
    assert corpus.size == len("to be" + "or not")
    assert leaves(tmp_path) == expected(["or not", "to be"])


def test_globs(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.md"):
        (tmp_path / name).write_text(name)
    assert leaves(tmp_path / "*.txt") == expected(["a.txt", "b.txt"])


def test_a_text_key_reaches_nested_fields(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(jsonl([{"answer": {"text": text}} for text in TEXTS]))
    assert leaves(file, text_key=["answer.text"]) == expected(TEXTS)


def test_several_keys_are_joined_by_a_line_feed(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(jsonl([{"prompt": "to be?", "completion": "or not"}]))
    keys = ["prompt", "completion"]
    assert leaves(file, text_key=keys) == expected(["to be?\nor not"])


def test_chat_messages_are_joined(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "to be?"}, {"role": "assistant", "content": "or not"}]
    (tmp_path / "chat.jsonl").write_bytes(jsonl([{"messages": chat}]))
    pl.DataFrame({"messages": [chat]}).write_parquet(tmp_path / "chat.parquet")
    for name in ("chat.jsonl", "chat.parquet"):
        actual = leaves(tmp_path / name, text_key=["messages"])
        assert actual == expected(["to be?\nor not"])


def test_the_limit_counts_documents(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_bytes(jsonl([{"text": text} for text in TEXTS]))
    assert leaves(file, limit=2) == expected(TEXTS[:2])


def test_a_sample_is_determined_by_the_seed(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("".join(f"document number {n}\n" for n in range(2000)))
    trees = [
        TokenTree.build(Corpus(file, split="line", sample=0.25, seed=seed), threads=threads)
        for seed, threads in [(1, 1), (1, 3), (2, 1)]
    ]
    assert 400 < trees[0].documents < 600
    assert trees[0].counts.tolist() == trees[1].counts.tolist()
    assert trees[0].paths.tolist() != trees[2].paths.tolist()


BAD_ROWS = [
    '{"txt": "the key is missing"}',
    '{"text": 7}',
    '{"text": null}',
    '["no object"]',
    '{"text": "cut of',
]


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_bad_row_is_reported_or_skipped(bad: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f'{{"text": "to be"}}\n{bad}\n{{"text": "or not"}}\n')
    with pytest.raises(CorpusError, match=r"rows\.jsonl.*line 2"):
        TokenTree.build(file)
    tree = TokenTree.build(Corpus(file, on_bad_row="skip"))
    assert (tree.documents, tree.bad_rows) == (2, 1)


def test_a_parquet_row_without_text_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pl.DataFrame({"text": ["to be", None]}).write_parquet(file)
    with pytest.raises(CorpusError, match=r"rows\.parquet.*row 2"):
        TokenTree.build(file)
    tree = TokenTree.build(Corpus(file, on_bad_row="skip"))
    assert (tree.documents, tree.bad_rows) == (1, 1)


@pytest.mark.parametrize("ending", [".gz", ".xz", ".bz2", ".zst"])
@pytest.mark.parametrize("inner", [".txt", ".jsonl"])
def test_a_truncated_file_is_reported(ending: str, inner: str, tmp_path: Path) -> None:
    content = jsonl([{"text": f"{n} {text}"} for n in range(500) for text in TEXTS])
    whole = COMPRESS[ending](content)
    file = tmp_path / f"texts{inner}{ending}"
    for size in (len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(CorpusError, match=r"texts\."):
            TokenTree.build(file)


def test_a_truncated_parquet_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    pl.DataFrame({"text": TEXTS}).write_parquet(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(CorpusError, match=r"texts\.parquet"):
        TokenTree.build(file)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_checksums_of_parquet_pages_are_verified(codec: str, tmp_path: Path) -> None:
    file = tmp_path / "texts.parquet"
    table = pa.table({"text": TEXTS})
    pq.write_table(table, file, compression=codec, use_dictionary=False, write_page_checksum=True)
    whole = file.read_bytes()
    column = pq.read_metadata(file).row_group(0).column(0)
    pages = range(column.data_page_offset, column.data_page_offset + column.total_compressed_size)
    refused = 0
    for bit in range(8 * pages.start, 8 * pages.stop):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            texts = [text for batch in Corpus(file).batches() for text in batch.texts]
        except CorpusError:
            refused += 1
        else:  # A field of the page's header that is not needed.
            assert texts == [text.encode() for text in TEXTS]
    assert refused > 4 * len(pages)


def test_an_empty_corpus_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "folder").mkdir()
    for name in ("empty.txt", "folder"):
        with pytest.raises(CorpusError, match=f"{name}.*no documents"):
            TokenTree.build(tmp_path / name)


def test_a_missing_path_raises_file_not_found(tmp_path: Path) -> None:
    for name in ("nowhere", "*.nothing"):
        with pytest.raises(FileNotFoundError):
            Corpus(tmp_path / name)


@pytest.mark.parametrize(
    "options",
    [
        {"split": "word"},
        {"on_bad_row": "mend"},
        {"sample": 1.5},
        {"sample": -0.1},
        {"sample": float("nan")},
        {"text_key": []},
        {"text_key": ["a..b"]},
        {"limit": 0},
    ],
    ids=str,
)
def test_invalid_options_are_rejected(options: dict[str, Any], play: Path) -> None:
    with pytest.raises(InvalidArgumentError):
        Corpus(play, **options)


def test_a_text_key_is_one_key_and_not_its_letters(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "to be"}\n')
    key: Any = "prompt"
    assert mass(tmp_path / "rows.jsonl", depth=1, text_key=key).corpora[0].bytes == 5
    rows = [tmp_path / "rows.jsonl"] * 3
    assert elasticity(*rows, depth=1, text_key=key).config.reading.text_key == ("prompt",)


def test_tables_are_read_as_csv_reads_them(tmp_path: Path) -> None:
    texts = ["to be", 'or "not", to be', "that\r\nis", "", "the question " * 9_000]
    file = tmp_path / "texts.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
    with file.open(newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["text"] for row in rows] == texts
    assert leaves(file) == expected(texts)
    file = tmp_path / "texts.tsv.gz"
    file.write_bytes(gzip.compress(b'text\tid\n"to be\t1\nor"\t2\n'))
    assert leaves(file) == expected(['"to be', 'or"'])


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ending", COMPRESS)
def test_json_arrays_are_read_as_json_reads_them(
    ending: str, indent: int | None, tmp_path: Path
) -> None:
    rows = [{"text": text, "n": float("nan"), "more": [{"]": '"['}]} for text in TEXTS]
    file = tmp_path / f"texts.json{ending}"
    content = json.dumps(rows, indent=indent, ensure_ascii=False)
    assert [row["text"] for row in json.loads(content)] == TEXTS
    file.write_bytes(COMPRESS[ending](content.encode()))
    assert leaves(file) == expected(TEXTS)
    file.write_bytes(COMPRESS[ending](jsonl(rows)))
    assert leaves(file) == expected(TEXTS)


def test_the_options_of_a_corpus_are_those_it_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a|b")
    options = {"split_on": "|", "include": ["*.txt"], "exclude": ["b*"]}
    corpus = Corpus(tmp_path, **options)  # type: ignore[arg-type]
    assert options.items() <= corpus.options.items()
    assert ReadOptions.of(corpus).include == ("*.txt",)
    assert ReadOptions.of(corpus).to_dict() == corpus.options
    assert "include" not in ReadOptions().to_dict()
    assert TokenTree.build(corpus).documents == 2


def test_a_path_that_the_locale_lacks_is_reported() -> None:
    code = """
import elastic_core as ec
for paths in ("sch\\xf6n.txt", ["a", "sch\\xf6n.txt"]):
    try:
        ec.Corpus(paths)
    except ec.InvalidArgumentError as error:
        assert "set LC_ALL=C.UTF-8" in str(error)
    else:
        raise SystemExit(1)
"""
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert subprocess.run([sys.executable, "-c", code], env=plain, check=False).returncode == 0


def test_one_name_is_no_list_of_letters(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "to be"}\n')
    assert Corpus(tmp_path / "a.jsonl", text_key="prompt").options["text_key"] == ["prompt"]
    assert Corpus(tmp_path, include="*.jsonl", exclude="b*").options["exclude"] == ["b*"]
    with pytest.raises(TypeError, match="neither a path nor a list of paths"):
        Corpus(5)  # type: ignore[arg-type]
