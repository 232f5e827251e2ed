"""Several processes at once on one target: each is right or refused, and nothing is mixed."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import FORKED, CommandLine, Done, environment
from faults import Files, files
from reviews import write_reviews

from elastic_core import TokenTree, compress
from elastic_core.common.yaml import yaml_text


def together(folder: Path, calls: Sequence[str]) -> list[Done]:
    """Runs calls of the command line at the same time."""
    running = [
        subprocess.Popen(
            [FORKED, *call.split()],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for call in calls
    ]
    ends = [process.communicate(timeout=300) for process in running]
    return [
        Done(process.returncode, out, err)
        for process, (out, err) in zip(running, ends, strict=True)
    ]


@pytest.fixture
def texts(tmp_path: Path) -> None:
    """Two texts, whose results differ in every file."""
    (tmp_path / "1.txt").write_text("to be or not to be " * 400)
    (tmp_path / "2.txt").write_text("that is the question " * 400)


WRITING = {
    "synth": ("synth out --leaves 50 --corpus c=1:500 --seed IN", "out"),
    "language": (
        "synth language out --documents 500 --rows 50 --sentences 3 --force --seed IN",
        "out",
    ),
    "build": ("tree build IN.txt -o out --depth 3 --force --threads 1", "out"),
    "compress": ("compress IN.txt -o out --model tree:3 --force", "out"),
}


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize("name", WRITING)
def test_one_of_several_results_is_there_as_a_whole(
    name: str, cli: CommandLine, tmp_path: Path
) -> None:
    call, target = WRITING[name]

    def result() -> Files:
        place = tmp_path / target
        return files(place) if place.is_dir() else {"": place.read_bytes()}

    wholes = []
    for text in "12":
        assert cli(*call.replace("IN", text).split()).code == 0
        wholes.append(result())
    for count in (2, 8):
        for done in together(tmp_path, [call.replace("IN", "12"[n % 2]) for n in range(count)]):
            assert done.code == 0, done.err
        assert result() in wholes
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"1.txt", "2.txt", target}


NEW = {
    "build": "tree build IN.txt -o out --depth 3 --threads 1",
    "export": "tree export IN.parquet -o out",
    "compress": "compress IN.txt -o out --model tree:3",
    "decompress": "decompress IN.ec -o out",
    "measure": "measure IN.txt --depth 1 --threads 1 --model tree:2 --per-document out",
    "language": "synth language out --documents 200 --rows 20 --sentences 3 --seed IN",
}


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize("name", NEW)
def test_without_force_one_of_several_results_is_kept(
    name: str, cli: CommandLine, tmp_path: Path
) -> None:
    out, kind = tmp_path / "out", "is not empty" if name == "language" else "exists"
    for text in "12":
        TokenTree.build(tmp_path / f"{text}.txt", depth=3).save(tmp_path / f"{text}.parquet")
        compress(tmp_path / f"{text}.txt", tmp_path / f"{text}.ec", model="tree:3")
    before = {path.name for path in tmp_path.iterdir()}

    def taken() -> Files:
        """The result, which is removed."""
        assert {path.name for path in tmp_path.iterdir()} == {*before, "out"}
        found: Files = files(out) if out.is_dir() else {"": out.read_bytes()}
        shutil.rmtree(out) if out.is_dir() else out.unlink()
        return found

    calls = [NEW[name].replace("IN", text) for text in "12"]
    wholes = []
    for call in calls:
        assert cli(*call.split()).code == 0
        wholes.append(taken())
    for count in (2, 8):
        ends = together(tmp_path, [calls[n % 2] for n in range(count)])
        assert sorted(done.code for done in ends) == [0] + [2] * (count - 1)
        for n, done in enumerate(ends):
            if done.code:
                assert done.err.splitlines()[-1].startswith(f"error: out {kind}: name another")
                assert done.err.endswith("with --force\n")
            else:
                whole = wholes[n % 2]
        assert taken() == whole


def test_one_of_several_runs_in_a_folder_goes_on(cli: CommandLine, tmp_path: Path) -> None:
    values: dict[str, Any] = {**write_reviews(tmp_path), "align": [16], "dose": [8, 16]}
    (tmp_path / "rebound.yaml").write_text(yaml_text(values))
    call = "experiment rebound --config rebound.yaml --jobs 1 --out"
    ends = together(tmp_path, [f"{call} run"] * 4)
    right = [done for done in ends if done.code == 0]
    assert right
    for done in ends:
        if done.code:
            assert done.code == 2
            assert done.err.splitlines()[-1].startswith("error: run: another process is running")
        else:
            assert done.out == right[0].out
    assert cli(*f"{call} alone".split()).out == right[0].out.replace("run ", "alone ", 1)
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert len({row["key"] for row in rows}) == len(rows) == 2 * (1 + 2 + 1 + 2)
