"""Loading examples: file formats, folders, labels, the hub, renamed columns."""

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError

from elastic_core import Corpus, CorpusError, InvalidArgumentError
from elastic_core.data.files import read_rows
from elastic_core.data.load import load_examples
from elastic_core.data.select import deduplicate

ROWS = [
    {"prompt": "To be,", "completion": " or not\nto be"},
    {"prompt": "ὦ ξεῖνε", "completion": ' "🦉", he said'},
]


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def jsonl(rows: Sequence[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# Files of rows


@pytest.mark.parametrize("ending", COMPRESS)
def test_json_lines(ending: str, tmp_path: Path) -> None:
    file = write(tmp_path / f"rows.jsonl{ending}", COMPRESS[ending](jsonl(ROWS) + b"\n"))
    read = load_examples(file)
    assert list(read.rows) == ROWS
    assert (read.name, read.source, read.format) == (str(file), str(file), "prompt-completion")
    assert load_examples(file, name="hamlet").name == "hamlet"


@pytest.mark.parametrize(
    "content", [ROWS, {"version": 1, "tags": [], **{k: [r[k] for r in ROWS] for k in ROWS[0]}}]
)
def test_json(content: object, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.json.gz", gzip.compress(json.dumps(content).encode()))
    assert list(load_examples(file).rows) == ROWS


def test_csv_with_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    pl.DataFrame(ROWS).write_csv(tmp_path / "rows.csv", include_bom=True)
    assert list(load_examples(tmp_path / "rows.csv").rows) == ROWS


def test_tsv_keeps_quotes(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.tsv", 'text\tlabel\n"to be\t1\nor "not"\t0\n')
    assert [*load_examples(file).rows] == [
        {"text": '"to be', "label": "1"},
        {"text": 'or "not"', "label": "0"},
    ]


def test_parquet(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}]
    pl.DataFrame({"messages": [chat]}).write_parquet(tmp_path / "chat.parquet")
    assert load_examples(tmp_path / "chat.parquet").rows == ({"messages": chat},)


def test_several_files_of_rows(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", jsonl(ROWS[1:]))
    write(tmp_path / "a.json", json.dumps(ROWS[:1]))
    assert list(load_examples(tmp_path).rows) == ROWS
    assert list(load_examples(tmp_path / "*.jsonl").rows) == ROWS[1:]


# Plain text


def test_a_folder_of_texts(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "to be\n")
    write(tmp_path / "b.txt.gz", gzip.compress(b"or not"))
    write(tmp_path / "empty.txt", "\n")
    assert load_examples(tmp_path).rows == ({"text": "to be\n"}, {"text": "or not"})


def test_subfolders_of_texts_become_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("pos", "neg"):
        write(tmp_path / label / "0.txt", f"a {label} text")
    write(tmp_path / ".DS_Store", "")
    read = load_examples(tmp_path)
    assert read.rows == (
        {"text": "a neg text", "label": "neg"},
        {"text": "a pos text", "label": "pos"},
    )
    assert load_examples(tmp_path / "pos").rows == ({"text": "a pos text"},)
    monkeypatch.chdir(tmp_path)
    for source in (".", "pos/..", f"../{tmp_path.name}/"):
        assert load_examples(source).rows == read.rows


def test_lines_of_text(play: Path) -> None:
    assert len(load_examples(play)) == 1
    read = load_examples(play, split="line")
    assert read.texts() == ["to be or not to be, that is the question"] * 3


# Renamed columns


def test_columns_are_renamed(tmp_path: Path) -> None:
    rows = [{"question": {"text": "Who?"}, "answer": "I.", "text": "left out"}]
    file = write(tmp_path / "rows.jsonl", jsonl(rows))
    read = load_examples(file, columns={"prompt": "question.text", "completion": "answer"})
    assert read.rows == ({"prompt": "Who?", "completion": "I."},)


def test_a_template_drops_lines_of_empty_columns(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Add.", "input": "{1}", "output": 1},
        {"instruction": "Sing.", "input": "", "output": "La."},
        {"instruction": "Sum.", "input": None, "output": 0},
    ]
    file = write(tmp_path / "rows.json", json.dumps(rows))
    columns = {"prompt": "Do:\n{instruction}\n{input}\n\n", "completion": " {output}"}
    assert [*load_examples(file, columns=columns).rows] == [
        {"prompt": "Do:\nAdd.\n{1}\n\n", "completion": " 1"},
        {"prompt": "Do:\nSing.\n\n", "completion": " La."},
        {"prompt": "Do:\nSum.\n\n", "completion": " 0"},
    ]


def test_column_names_may_contain_spaces(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.csv", "Question,Best Answer\nWho?,I.\n")
    read = load_examples(file, columns={"text": "Q: {Question}\nA: {Best Answer}"})
    assert read.texts() == ["Q: Who?\nA: I."]


# The hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """Replaces `datasets` by a stub that records the requested data sets."""
    requests: list[tuple[Any, ...]] = []
    config = SimpleNamespace(HF_HUB_OFFLINE=False)
    library = SimpleNamespace(config=config)

    def load_dataset(name: str, subset: str | None, *, split: str) -> SimpleNamespace:
        requests.append((name, subset, split, config.HF_HUB_OFFLINE))
        if split == "none":
            raise ConnectionError("no network\nmore words")
        data = SimpleNamespace(column_names=["id", "text"], to_list=lambda: [{"text": "to be"}])
        data.select_columns = lambda names: data if names == ["text"] else None
        return data

    def dataset_info(_: HfApi, name: str, **__: Any) -> None:
        if name == "a/refused":
            raise HFValidationError
        if name != "imdb":
            raise OSError("no network")

    library.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", library)
    monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
    yield requests
    assert not config.HF_HUB_OFFLINE


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hf:imdb", ("imdb", None, "train", False)),
        ("hf:a/refused:test", ("a/refused", None, "test", False)),
        ("hf:openai/gsm8k/main:train[:9]", ("openai/gsm8k", "main", "train[:9]", True)),
    ],
)
def test_data_sets_are_loaded_from_the_hub(
    source: str, expected: tuple[Any, ...], hub: list[tuple[Any, ...]]
) -> None:
    assert load_examples(source).rows == ({"text": "to be"},)
    assert hub == [expected]


@pytest.mark.usefixtures("hub")
def test_an_unreachable_hub_is_reported() -> None:
    with pytest.raises(CorpusError, match=r"^hf:a/b:none: `datasets` cannot load it: no network$"):
        load_examples("hf:a/b:none")


def test_a_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InvalidArgumentError, match=r"not installed; pip install 'elastic-core"):
        load_examples("hf:a/b")


def test_only_the_columns_of_a_format_are_kept(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": 1, "vector": [0.5] * 1000}]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    corpus = Corpus(tmp_path / "a.parquet")
    assert read_rows(corpus, ["text", "label"]).rows == [{"text": "a", "label": 1}]
    assert load_examples(tmp_path / "a.parquet").rows == ({"text": "a", "label": 1},)


# Rejected input


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "", "a.jsonl: no documents found"),
        ("a.jsonl", '{"text": "a"}\n{', r"a.jsonl, line 2: invalid JSON \(EOF.*\); fix the row$"),
        ("a.jsonl", "5", "a.jsonl, line 1: the row is a number, not an object; fix the row$"),
        ("a.json", '{"text": "a"}\n{', r"a.json, line 2: invalid JSON"),
        (
            "a.jsonl",
            '{"text": "a"}\n\n{"text": "\\ud83d b"}',
            "a.jsonl, line 3: text has a lone surrogate",
        ),
        ("a.jsonl", "[" * 100_000, "a.jsonl, line 1: invalid JSON"),
        (
            "a.jsonl",
            '{"text": ' + "[" * 2000 + "]" * 2000 + "}",
            "a.jsonl, line 1: nested too deeply; flatten it",
        ),
        ("a.json", "[5]", "a.json, row 1: the row is a number, not an object"),
        ("a.json", '{"text": ["a"], "b": [1, 2]}', "a.json: the columns `b`, `text` differ in len"),
        ("a.json", "{}", "a.json: no columns in its rows"),
        ("a.csv", "text\na,b\n", "a.csv, row 1: 2 cells for 1 columns"),
        ("a.csv", 'text\n"a', "a.csv: a quote is opened and never closed"),
        ("a.parquet", "PAR1", "a.parquet: damaged or truncated Parquet data"),
        ("a.jsonl", b'{"text": "\xff"}', "a.jsonl, line 1: not UTF-8 at column 11"),
        ("a.txt", b"\xff", "a.txt: not UTF-8"),
        ("a.txt", " \n", "a.txt: no rows in it"),
        ("a.jsonl.gz", "text", r"a.jsonl.gz: not gzip data"),
        ("a.jsonl.gz", gzip.compress(b"{}", mtime=0)[:-9], r"a.jsonl.gz: truncated gzip data"),
        ("a.jsonl.xz", "text", r"a.jsonl.xz: not xz data"),
        ("a.jsonl.bz2", "text", r"a.jsonl.bz2: not bzip2 data"),
        ("a.jsonl.zst", "text", r"a.jsonl.zst: not zstd data"),
    ],
)
def test_invalid_files_are_reported(
    name: str, content: bytes | str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=message):
        load_examples(write(tmp_path / name, content))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"text": "answer"},
            r"line 1: no column answer; the columns are prompt, completion; the row is {",
        ),
        ({"text": "{answer.x}"}, r"line 1: no column answer.x; the columns are prompt, completion"),
        ({"text": "prompt.x"}, r"line 1: no column prompt.x"),
        ({"wrong": "prompt"}, r"rows.jsonl: the columns wrong do not form a known format"),
    ],
)
def test_missing_columns_are_reported(
    columns: dict[str, str], message: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "rows.jsonl", jsonl(ROWS))
    with pytest.raises(CorpusError, match=message):
        load_examples(file, columns=columns)


def test_a_list_in_a_template_is_rejected(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", jsonl([{"answers": ["a"]}]))
    with pytest.raises(CorpusError, match="line 1: answers is neither a text nor a number"):
        load_examples(file, columns={"text": "{answers}"})


def test_mixed_folders_are_rejected(tmp_path: Path) -> None:
    write(tmp_path / "pos" / "0.txt", "a")
    write(tmp_path / "notes", "b")
    with pytest.raises(InvalidArgumentError, match="notes lies beside sub-folders, which are"):
        load_examples(tmp_path)
    write(tmp_path / "rows.jsonl", jsonl(ROWS))
    with pytest.raises(
        InvalidArgumentError, match="some files are plain text, but others have rows"
    ):
        load_examples(tmp_path)


def test_splitting_rows_is_rejected(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", jsonl(ROWS))
    with pytest.raises(InvalidArgumentError, match=r"rows.jsonl: a split applies to plain text"):
        load_examples(file, split="line")
    with pytest.raises(InvalidArgumentError, match="hf:a/b: a split applies to plain text"):
        load_examples("hf:a/b", split="line")


def test_a_missing_source_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_examples(tmp_path / "none.jsonl")


# Real data


@pytest.mark.data
def test_real_data_sets_load_in_their_formats(data: Path, tmp_path: Path) -> None:
    def unpacked(name: str) -> Path:
        packed = data / f"{name}.xz"
        return write(tmp_path / Path(name).name, lzma.decompress(packed.read_bytes()))

    alpaca = {"prompt": "{instruction}\n{input}\n", "completion": "output"}
    read = load_examples(unpacked("alpaca-5k/alpaca_5000.json"), columns=alpaca)
    assert (read.format, len(read)) == ("prompt-completion", 5000)
    qa = {"prompt": "Q: {Question}\nA:", "completion": " {Best Answer}"}
    assert len(load_examples(unpacked("truthfulqa/TruthfulQA.csv"), columns=qa)) == 817
    safe = unpacked("safety-tuned-llamas/safety_only_data_Instructions.json")
    assert len(load_examples(safe, columns=alpaca)) == 2483
    cona = load_examples(
        unpacked("safety-tuned-llamas/I-CoNa.json"), columns={"prompt": "instructions"}
    )
    assert (cona.format, len(cona)) == ("prompt", 178)
    sst2 = {"text": "sentence", "label": "label"}
    assert len(load_examples(unpacked("sst2/dev.tsv"), columns=sst2)) == 6735
    dialogues = load_examples(data / "hh-rlhf-harmless-base-test" / "harmless-base.test.jsonl.gz")
    assert (dialogues.format, len(dialogues)) == ("preference", 2312)
    assert all(prompt.endswith("\n\nAssistant:") for prompt in dialogues.prompts())
    deduplicated = deduplicate(dialogues, read)
    assert len(deduplicated.splits[0]) == 2312 - deduplicated.removed[0]


# Good data of other kinds


def test_long_integers_and_cells_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", '{"text": "a b", "n": ' + "9" * 5000 + "}\n")
    assert load_examples(file).rows == ({"text": "a b"},)
    long = "word " * 40_000
    file = write(tmp_path / "a.csv", f'prompt,completion\np,"{long}"\n')
    assert load_examples(file).rows == ({"prompt": "p", "completion": long},)


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".json.zst"])
@pytest.mark.parametrize("form", ["lines", "array", "pretty", "columns"])
def test_json_is_read_in_all_its_forms(form: str, suffix: str, tmp_path: Path) -> None:
    rows: list[Any] = [{"text": "one", "url": "u"}, {"text": "two", "url": "v"}]
    content = {
        "lines": jsonl(rows).decode(),
        "array": json.dumps(rows),
        "pretty": json.dumps(rows, indent=2),
        "columns": json.dumps({"text": ["one", "two"], "url": ["u", "v"]}),
    }[form].encode()
    if suffix.endswith(".gz"):
        content = gzip.compress(content)
    elif suffix.endswith(".zst"):
        pyarrow = pytest.importorskip("pyarrow")
        content = pyarrow.compress(content, codec="zstd", asbytes=True)
    file = tmp_path / f"rows{suffix}"
    file.write_bytes(content)
    assert [row["text"] for row in load_examples(file).rows] == ["one", "two"]


def test_a_json_file_with_one_row(tmp_path: Path) -> None:
    row = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]}
    file = write(tmp_path / "a.json", json.dumps(row))
    assert len(load_examples(file)) == 1


def test_pq_is_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    parquet.write_table(pyarrow.table({"text": ["a"]}), tmp_path / "a.pq")
    assert load_examples(tmp_path / "a.pq").rows == ({"text": "a"},)


def test_a_faulty_row_in_a_folder_is_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", jsonl([{"text": "a"}, {"text": "b"}]))
    write(tmp_path / "b.jsonl", jsonl([{"text": "c"}]) + b'{"text": "\\ud83d"}\n')
    with pytest.raises(CorpusError, match=r"b\.jsonl, line 2: text has a lone surrogate"):
        load_examples(tmp_path)
    write(tmp_path / "a.jsonl", jsonl([{"x": "a"}]))
    with pytest.raises(CorpusError, match=r"b\.jsonl, line 1: no column x"):
        load_examples(tmp_path, columns={"text": "x"})
