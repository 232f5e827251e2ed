"""Atomic files, JSON lines, hashes, schema identifiers."""

import hashlib
import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elastic_core
from elastic_core import InvalidArgumentError, ModelError
from elastic_core.common import schemas
from elastic_core.common.extras import requires_extra
from elastic_core.common.files import (
    append_json_line,
    read_json_lines,
    slugs,
    without_nan,
    write_json,
    write_json_lines,
    write_text,
)
from elastic_core.common.hashing import digest, rows_sha256


def test_a_text_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.txt"
    write_text(file, "old\n")
    write_text(file, "größer\r\n")
    assert file.read_bytes() == "größer\r\n".encode()
    assert [path.name for path in file.parent.iterdir()] == ["b.txt"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(file, {"a": math.nan})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(file.read_text()) == {"a": 1}


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_a_file_gets_the_default_mode(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_json_is_utf8_with_undecodable_names_escaped(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"names": ["größer", "caf\udce9"]})
    assert file.read_text("utf-8") == '{\n  "names": [\n    "größer",\n    "caf\\udce9"\n  ]\n}\n'
    assert json.loads(file.read_text("utf-8")) == {"names": ["größer", "caf\udce9"]}


def test_json_lines_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "a" / "rows.jsonl"
    assert read_json_lines(file) == []
    rows: list[dict[str, Any]] = [{"a": 1, "text": "line\nbreak \u2028"}, {"a": None}]
    for row in rows:
        append_json_line(file, row)
    assert read_json_lines(file) == rows
    write_json_lines(tmp_path / "again.jsonl", rows)
    assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("torn", ['{"a": 3', '{"a": 3}', '{"text": "gr\xc3'])
def test_a_torn_last_line_is_skipped_and_overwritten(tmp_path: Path, torn: str) -> None:
    file = tmp_path / "rows.jsonl"
    write_json_lines(file, [{"a": 1}, {"a": 2}])
    with file.open("ab") as out:
        out.write(torn.encode("latin-1"))
    assert read_json_lines(file) == [{"a": 1}, {"a": 2}]
    append_json_line(file, {"a": 3})
    assert read_json_lines(file) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert file.read_bytes().count(b"\n") == 3
    file.write_bytes(b'{"a')
    append_json_line(file, {"a": 1})
    assert read_json_lines(file) == [{"a": 1}]


def test_a_damaged_line_is_reported_unless_rows_can_be_recomputed(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    for damaged in ('{"a', "5", '{"a": 1, "check": "0123456789abcdef"}', "[" * 99_999):
        file.write_text(f'{{"a": 1}}\n{damaged}\n{{"a": 3}}\n')
        with pytest.raises(InvalidArgumentError, match="line 2 is damaged"):
            read_json_lines(file)
        assert read_json_lines(file, skip_damaged=True) == [{"a": 1}, {"a": 3}]


def test_nan_and_infinity_become_none() -> None:
    values: dict[str, Any] = {
        "plain": [1, 1.5, "nan", None, True, math.nan, (math.inf, -math.inf)],
        "array": np.array([[1.0, np.nan], [np.inf, 2.0]]),
        "numbers": [np.float32(np.nan), np.float64(0.5), np.int64(3)],
    }
    plain = without_nan(values)
    assert plain == {
        "plain": [1, 1.5, "nan", None, True, None, [None, None]],
        "array": [[1.0, None], [None, 2.0]],
        "numbers": [None, 0.5, 3],
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_hashes_match_those_of_existing_run_folders() -> None:
    value = {"b": [1, 2.5, None], "a": Path("x")}
    text = '{"a": "x", "b": [1, 2.5, null]}'
    assert digest(value) == hashlib.sha256(text.encode()).hexdigest()[:24]
    assert digest(["0.1.0", None, 3]) == "1f1e4be4c898365294d79d79"
    lines = b'{"text": "a"}\n{"label": 1, "text": "b"}\n'
    rows: list[dict[str, Any]] = [{"text": "a"}, {"text": "b", "label": 1}]
    assert rows_sha256(rows) == hashlib.sha256(lines).hexdigest()


def test_a_missing_library_is_reported_with_its_extra() -> None:
    message = r"gpt: nolib is not installed; pip install .*\[lm\]"
    with pytest.raises(ModelError, match=message), requires_extra("gpt"):
        raise ModuleNotFoundError(name="nolib")
    # A missing module of our own is a bug, which no extra fixes.
    with pytest.raises(ModuleNotFoundError), requires_extra("gpt"):
        raise ModuleNotFoundError(name="elastic_core.nowhere")


def test_schema_identifiers_are_unique_and_in_one_file() -> None:
    identifiers = [value for name, value in vars(schemas).items() if name.isupper()]
    assert len(set(identifiers)) == len(identifiers)
    for identifier in identifiers:
        assert re.fullmatch(r"elastic-core/[a-z-]+/[1-9]", identifier)
    elsewhere = {
        str(file)
        for file in Path(elastic_core.__file__).parent.rglob("*.py")
        if file.name != "schemas.py"
        for line in file.read_text("utf-8").splitlines()
        if re.search(r"""= *["']elastic-core/[a-z-]+/[0-9]+["']""", line)
    }
    assert not elsewhere


def test_slugs_are_distinct_file_name_parts() -> None:
    names = ["data/a b", "data/a-b", "-", "ÄÖ", "../x", "DATA/A-B", "n" * 300]
    parts = slugs(names)
    assert parts[:6] == ["data-a-b", "data-a-b-2", "corpus", "corpus-2", "x", "DATA-A-B-3"]
    assert len(parts[6]) == 80
