"""State files: every flipped bit and every truncation is refused, or changes nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import elastic_core as ec
from elastic_core import InvalidArgumentError
from elastic_core.common.files import (
    append_json_line,
    read_json_lines,
    read_sealed_json,
    write_sealed_json,
)
from elastic_core.common.manifest import MANIFEST, check_manifest, is_intact, write_manifest
from elastic_core.common.sealed import sealed, unsealed

ROWS = [
    {"key": "0f", "labels": {"stage": "base", "seed": 1}, "score": 2.043, "kl": None},
    {"key": "1e", "labels": {"stage": "align", "seed": 1}, "score": -1e-9, "diverged": True},
    {"key": "2d", "labels": {"stage": "reverse", "text": "größer"}, "score": 12.7, "steps": 40},
]


def flips(content: bytes) -> Iterator[bytes]:
    """The content with every single bit flipped, one at a time."""
    for at in range(len(content)):
        for bit in range(8):
            yield content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def reads_or_refuses(read: Callable[[], Any]) -> Any:
    """What is read; None if it is refused in one sentence."""
    try:
        return read()
    except InvalidArgumentError as error:
        reason = str(error)
    assert "\n" not in reason
    assert "damaged" in reason
    return None


def test_every_flipped_bit_of_rows_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    for row in ROWS:
        append_json_line(file, row)
    content = file.read_bytes()
    for damaged in flips(content):
        file.write_bytes(damaged)
        # The last row is dropped where its line feed is damaged, and is then computed again.
        assert reads_or_refuses(lambda: read_json_lines(file)) in (None, ROWS, ROWS[:2])
        rows = read_json_lines(file, skip_damaged=True)
        assert all(row in ROWS for row in rows)


def test_truncated_rows_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    for row in ROWS:
        append_json_line(file, row)
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        assert read_json_lines(file) == ROWS[: content[:size].count(b"\n")]


def test_every_damage_to_a_state_file_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    state = {"model": "tree:4", "loss": 2.858, "files": ["a", "b"], "done": True, "name": "größer"}
    write_sealed_json(file, state)
    content = file.read_bytes()

    def read() -> Any:
        return read_sealed_json(file, "delete it", lambda values: values)

    assert read() == state
    for damaged in (*flips(content), *(content[:size] for size in range(len(content) - 2))):
        file.write_bytes(damaged)
        assert reads_or_refuses(read) in (None, state)


def test_a_state_of_another_form_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for content in ("5", "[]", "{}", '{"a": null}', "[" * 99_999):
        file.write_text(content)
        with pytest.raises(InvalidArgumentError, match=r"state\.json: damaged since.*; delete it"):
            read_sealed_json(file, "delete it", lambda values: values["a"]["b"])


def test_objects_without_a_seal_are_accepted() -> None:
    for values in ({}, {"a": 1}, {"a": "0123"}, [1], None):
        assert unsealed(values) == values
    assert unsealed(sealed({"a": float("nan"), "b": (1, 2)}))["b"] == (1, 2)


def test_a_manifest_finds_every_kind_of_damage(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "weights").write_bytes(b"weights")
    (tmp_path / "sub" / "empty").touch()
    check_manifest(tmp_path, "delete it")
    assert not is_intact(tmp_path)
    write_manifest(tmp_path)
    assert is_intact(tmp_path)
    for damaged, reason in ((b"weighty", "damaged"), (b"weights!", "damaged"), (None, "missing")):
        (tmp_path / "weights").unlink()
        if damaged is not None:
            (tmp_path / "weights").write_bytes(damaged)
        with pytest.raises(InvalidArgumentError, match=f"weights: .*{reason}.*; delete it"):
            check_manifest(tmp_path, "delete it")
        assert not is_intact(tmp_path)
        (tmp_path / "weights").write_bytes(b"weights")
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(InvalidArgumentError, match=r"sha256\.json: damaged"):
        check_manifest(tmp_path, "delete it")


def test_a_finished_training_is_not_trusted_over_damaged_weights(tmp_path: Path) -> None:
    def train() -> Any:
        return ec.train("tree:3", [{"text": "to be or not"}], ec.Recipe(), tmp_path / "m", seed=0)

    first = train()
    assert train().to_dict() == first.to_dict()
    for name in ("model.ectm", "trained.json"):
        content = (tmp_path / "m" / name).read_bytes()
        (tmp_path / "m" / name).write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(InvalidArgumentError, match=f"{name}: damaged.*; delete .*m and run"):
            train()
        (tmp_path / "m" / name).write_bytes(content)
    (tmp_path / "m" / "sha256.json").unlink()
    plain = json.loads((tmp_path / "m" / "trained.json").read_text())
    del plain["check"]
    (tmp_path / "m" / "trained.json").write_text(json.dumps(plain))
    assert train().to_dict() == first.to_dict()
