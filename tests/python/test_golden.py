"""The comparison of golden runs: differences that it reports, and those that it ignores."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

GOLDEN = Path(__file__).parents[1] / "golden"
CASE = "measure"
TRAINED = "elasticity-sequential"


def load(name: str) -> ModuleType:
    loader = SourceFileLoader(f"golden_{name}", str(GOLDEN / f"{name}.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


comparison, cases = load("comparison"), load("cases")

RESULT = {
    "rate": 1.25,
    "count": 3,
    "name": "play.txt",
    "missing": None,
    "seconds": 0.5,
    "claim": "It moves by 0.5.",
    "notes": ["One of 12 cells diverged."],
    "path": "DIR/in",
    "target_modules": ["q", "k"],
    "curve": [0.1, float("nan")],
}
TABLE = "-1.5 ±0.25 | -3.10 [-4.00, -2.20]\njoint, unseen text, l = 0.5: it fell.\n"
ROWS = [{"key": "b", "kl": 0.25, "time": "noon"}, {"key": "a", "kl": 0.5, "time": "noon"}]


def write(run: Path) -> None:
    """Writes a golden run of two commands, with a file of each kind."""
    files = run / CASE / "files"
    files.mkdir(parents=True)
    (run / "inputs").mkdir()
    (run / "inputs" / "play.txt").write_text("to be")
    text = json.dumps(RESULT).replace("DIR", str(run))
    write_case(
        run, CASE, ["a --format json", 0, text, ""], ["b", 2, "", "error: depth 65 is too much"]
    )
    write_case(run, TRAINED, ["c", 0, TABLE, ""])
    (files / "result.json").write_text(text)
    (files / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (files / "table.csv").write_text("depth,rate\n1,0.5\n2,0.25\n")
    (files / "table.md").write_text("| depth | rate |\n| 1 | 0.5 |\n")
    (files / "config.yaml").write_text("seeds: 3\nelastic_core: 1.0\n")
    (files / "curve.svg").write_text('<svg><text>by 1</text><path d="M 0 1"/></svg>')
    (files / "play.ec").write_bytes(b"EC\0\1")
    table = pa.table({"bits": [1.5, 2.5], "name": ["a", "b"]})
    for name in ("scores.parquet", "tree.parquet"):
        parquet.write_table(table, files / name)


def write_case(run: Path, case: str, *commands: list[Any]) -> None:
    (run / case / "files").mkdir(parents=True, exist_ok=True)
    keys = ("command", "code", "out", "err")
    done = [dict(zip(keys, command, strict=True)) for command in commands]
    record = json.dumps({"folder": str(run), "commands": done}, ensure_ascii=False)
    (run / case / "done.json").write_text(record)


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        file = run / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


def scores_with(**columns: list[Any]) -> Callable[[Path], None]:
    return lambda run: parquet.write_table(pa.table(columns), run / FILES / "scores.parquet")


FILES = f"{CASE}/files"


def differences(tmp_path: Path, change: Callable[[Path], None]) -> list[str]:
    """The differences between a run and a changed copy of it."""
    write(tmp_path / "before")
    write(tmp_path / "after")
    change(tmp_path / "after")
    result = comparison.compare(tmp_path / "before", tmp_path / "after")
    return list(result.differences)


def test_equal_runs_have_no_differences(tmp_path: Path) -> None:
    assert differences(tmp_path, lambda _: None) == []
    result = comparison.compare(tmp_path / "before", tmp_path / "after")
    assert result.counts[CASE] > 30
    assert result.counts["inputs"] > 0


REPORTED = {
    "a number in JSON": replace(f"{FILES}/result.json", "1.25", "1.2500000000000002"),
    "an integer that became a float": replace(f"{FILES}/result.json", ": 3", ": 3.0"),
    "a null that became a number": replace(f"{FILES}/result.json", "null", "0"),
    "a NaN that became a number": replace(f"{FILES}/result.json", "NaN", "0.0"),
    "a name": replace(f"{FILES}/result.json", "play.txt", "poem.txt"),
    "a missing key": replace(f"{FILES}/result.json", '"count": 3, ', ""),
    "another order of keys": replace(
        f"{FILES}/result.json", '"rate": 1.25, "count": 3', '"count": 3, "rate": 1.25'
    ),
    "a missing varying key": replace(f"{FILES}/result.json", '"seconds": 0.5, ', ""),
    "another member of a set": replace(f"{FILES}/result.json", '["q", "k"]', '["q", "v"]'),
    "a shorter list": replace(f"{FILES}/result.json", "[0.1, NaN]", "[0.1]"),
    "a number in prose": replace(f"{FILES}/result.json", "by 0.5", "by 0.6"),
    "a number in a note": replace(f"{FILES}/result.json", "12 cells", "13 cells"),
    "a file that is not JSON": replace(f"{FILES}/result.json", "{", ""),
    "a number in JSON lines": replace(f"{FILES}/metrics.jsonl", "0.25", "0.26"),
    "a missing row": replace(f"{FILES}/metrics.jsonl", json.dumps(ROWS[0]) + "\n", ""),
    "a value in CSV": replace(f"{FILES}/table.csv", "0.25", "0.250"),
    "a column of CSV": replace(f"{FILES}/table.csv", "rate", "bits"),
    "a number in Markdown": replace(f"{FILES}/table.md", "0.5", "0.50"),
    "swapped numbers": replace(f"{FILES}/table.md", "1 | 0.5", "0.5 | 1"),
    "a value in YAML": replace(f"{FILES}/config.yaml", "3", "4"),
    "a line of a drawing": replace(f"{FILES}/curve.svg", "M 0 1", "M 0 2"),
    "a value in Parquet": scores_with(bits=[1.5, 2.0], name=["a", "b"]),
    "a column of Parquet": scores_with(bits=[1.5, 2.5], names=["a", "b"]),
    "a type in Parquet": scores_with(bits=["1.5", "2.5"], name=["a", "b"]),
    "rows of Parquet": scores_with(bits=[1.5], name=["a"]),
    "bytes of a tree": lambda run: parquet.write_table(
        parquet.read_table(run / FILES / "tree.parquet"),
        run / FILES / "tree.parquet",
        compression="none",
    ),
    "bytes of a coded file": lambda run: (run / FILES / "play.ec").write_bytes(b"EC\0\2"),
    "a missing file": lambda run: (run / FILES / "table.md").unlink(),
    "an extra file": lambda run: (run / FILES / "left.tmp").touch(),
    "a folder in the place of a file": lambda run: (
        (run / FILES / "table.md").unlink(),
        (run / FILES / "table.md").mkdir(),
    ),
    "an exit code": replace(f"{CASE}/done.json", '"code": 2', '"code": 1'),
    "a printed number": replace(f"{CASE}/done.json", "1.25", "1.26"),
    "a number in an error": replace(f"{CASE}/done.json", "depth 65", "depth 66"),
    "a missing error message": replace(
        f"{CASE}/done.json", "error: depth 65 is too much", ""
    ),
    "a missing command": lambda run: write_case(run, CASE, ["a --format json", 0, "{}", ""]),
    "a missing case": lambda run: shutil.rmtree(run / CASE),
    "other inputs": replace("inputs/play.txt", "to be", "or not"),
    "a mean beside an interval that may differ": replace(f"{TRAINED}/done.json", "-1.5", "-1.6"),
}  # fmt: skip


@pytest.mark.parametrize("what", REPORTED)
def test_a_difference_is_reported(what: str, tmp_path: Path) -> None:
    lines = differences(tmp_path, REPORTED[what])
    assert lines
    assert all(line.split()[0] in (CASE, TRAINED, "inputs") for line in lines)


IGNORED = {
    "reworded prose": replace(f"{FILES}/result.json", "It moves by 0.5.", "By 0.5 it is moved."),
    "a reworded note": replace(f"{FILES}/result.json", "One of 12", "A single one of 12"),
    "another time": replace(f"{FILES}/result.json", '"seconds": 0.5', '"seconds": 0.75'),
    "another time of a row": replace(f"{FILES}/metrics.jsonl", "noon", "midnight"),
    "another version": replace(f"{FILES}/config.yaml", "elastic_core: 1.0", "elastic_core: 2.0"),
    "another order of cells": lambda run: (run / FILES / "metrics.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in reversed(ROWS))
    ),
    "another order of a set": replace(f"{FILES}/result.json", '["q", "k"]', '["k", "q"]'),
    "a reworded table": replace(f"{FILES}/table.md", "depth", "Depth d"),
    "a reworded error": replace(f"{CASE}/done.json", "is too much", "is beyond"),
    "lines of progress": replace(
        f"{CASE}/done.json", "error: depth", "run rebound: 3 of 8 cells, 0:07 left\\nerror: depth"
    ),
    "reworded text in a drawing": replace(f"{FILES}/curve.svg", "by 1", "per 1"),
    "the same scores in other bytes": lambda run: parquet.write_table(
        parquet.read_table(run / FILES / "scores.parquet"),
        run / FILES / "scores.parquet",
        compression="none",
    ),
    "an interval that may differ": replace(f"{TRAINED}/done.json", "±0.25", "±0.5"),
    "ends that may differ": replace(f"{TRAINED}/done.json", "[-4.00, -2.20]", "[-]"),
    "a conclusion that may differ": replace(f"{TRAINED}/done.json", "l = 0.5", "l = 0.25"),
}


@pytest.mark.parametrize("what", IGNORED)
def test_an_irrelevant_difference_is_ignored(what: str, tmp_path: Path) -> None:
    assert differences(tmp_path, IGNORED[what]) == []


def test_intervals_of_the_law_must_not_differ(tmp_path: Path) -> None:
    for name, high in (("before", 1.0), ("after", 2.0)):
        write(tmp_path / name)
        estimate = {"mean": 0.5, "high": high}
        trained = {"sequential": {"unseen": [{"ratio": estimate}]}}
        perturbation = {"law": [{"intervals": {"ratio": estimate}}], "trained": trained}
        file = tmp_path / name / TRAINED / "files" / "result.json"
        file.write_text(json.dumps({"perturbations": [perturbation]}))
    (line,) = comparison.compare(tmp_path / "before", tmp_path / "after").differences
    assert "law[].intervals.ratio.high: 1.0 is now 2.0" in line


def test_every_command_has_a_case() -> None:
    from elastic_core.cli import program

    called = [command.split() for commands in cases.CASES.values() for command in commands]
    for name in program.commands:
        if name != "demo":  # It takes minutes and only calls the others.
            assert any(words[:1] == [name] and "--help" not in words for words in called), name


def test_inputs_are_deterministic(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        cases.write_inputs(tmp_path / name)
        files = sorted(file for file in (tmp_path / name).rglob("*") if file.is_file())
        contents.append(
            {str(file.relative_to(tmp_path / name)): file.read_bytes() for file in files}
        )
    assert contents[0] == contents[1]
    assert len(contents[0]) > 20
