"""Writing commands while files cannot be written, or the process is killed, at every operation.

Whatever happens, the older result is there as a whole or the newer is; a failure is one sentence
that names the file or folder of the result; and the next run leaves nothing but the right result.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import HAMLET
from faults import Done, Files, Server, build_shim, files, is_leftover, restore
from reviews import write_reviews

from elastic_core.common.yaml import yaml_text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs seccomp of Linux")

# Drawing takes more time than everything else, and figures are written as other files are.
WITHOUT_FIGURES = "import sys; sys.modules['matplotlib'] = sys.modules['jinja2'] = None"
VARYING = ("time", "seconds", "check", "last")


@dataclass(frozen=True)
class Command:
    """A command that writes a result.

    Attributes:
        older: The call that writes an older result to the same place.
        newer: The call.
        target: The file or folder of the result.
    """

    older: str
    newer: str
    target: str


def twice(call: str, target: str) -> Command:
    """A command on `old.*` and then on `new.*`."""
    return Command(call.replace("IN", "old"), call.replace("IN", "new"), target)


COMMANDS = {
    "build": twice("tree build IN.txt -o t --depth 2 --force", "t"),
    "merge": twice("tree merge IN.parquet IN.parquet -o t --force", "t"),
    "export": twice("tree export IN.parquet -o t --force", "t"),
    "compress": twice("compress IN.txt -o t --model tree:2 --force", "t"),
    "static": twice("compress IN.txt -o t --model static:2 --force", "t"),
    "decompress": twice("decompress IN.ec -o t --force", "t"),
    "measure": twice("measure IN.txt --depth 2 --out out", "out"),
    "show": twice("tree show IN.parquet --out out", "out"),
    "scores": twice("measure IN.txt --depth 1 --model tree:2 --per-document t --force", "t"),
    "mass": twice("mass IN.txt --depth 1 --bootstrap 0 --out out", "out"),
    "elasticity": twice(
        "elasticity --pretrain IN.rows.jsonl --align new.rows.jsonl --perturb old.rows.jsonl "
        "--depth 1 --bootstrap 2 --out out",
        "out",
    ),
    "synth": twice("synth out --leaves 9 --corpus IN=1:9", "out"),
    "language": twice(
        "synth language out --documents 9 --rows 2 --sentences 1 --classes 2 --force", "out"
    ),
}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def server(shim: Path) -> Iterator[Server]:
    """The command line without figures."""
    server = Server(shim, WITHOUT_FIGURES)
    yield server
    server.close()


@pytest.fixture(scope="module")
def inputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Corpora, trees, compressed files, and the folder of a run."""
    folder = tmp_path_factory.mktemp("inputs")
    for name, text in (("old", "to be or not to be"), ("new", "that is the very question")):
        (folder / f"{name}.txt").write_text(text)
        rows = [{"text": f"{word} {other}"} for word in text.split() for other in text.split()]
        (folder / f"{name}.rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for call in (
            f"tree build {name}.txt -o {name}.parquet --depth 2",
            f"compress {name}.txt -o {name}.ec --model tree:2",
        ):
            assert server.run(folder, call).code == 0
    return files(folder)


def without_replicates(state: Files) -> Files:
    """The files apart from resamples, which are kept one by one for the next run."""
    kept = {name: state[name] for name in state if name != "out/replicates.jsonl"}
    if not any(name.startswith("out/") for name in kept):
        kept.pop("out", None)
    return kept


class Study:
    """Tries every operation of a call on a folder.

    Args:
        server: Runs the call.
        folder: The folder.
        call: The call.
        target: The file or folder of its result, which errors must name.
        same: What must be equal in the end.
        whole: What must be that of the older or of the newer result after a fault.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        call: str,
        target: str,
        *,
        same: Callable[[Files], Any] = lambda state: state,
        whole: Callable[[Files], Any] = lambda state: state,
    ) -> None:
        self._server, self._folder, self._call, self._target = server, folder, call, target
        self._same, self._whole = same, whole
        self._before = files(folder)
        done = server.run(folder, call)
        assert done.code == 0, done.err
        self._operations, self._spaces = done.operations, done.spaces
        self._after = files(folder)
        assert not list(filter(is_leftover, self._after))

    def run(self, every: int = 1) -> None:
        """Lets every operation go wrong in every way, or one of `every` in one way, in turn."""
        problems, tried = [], 0
        for at in range(0, len(self._operations), every):
            modes = ["kill", "break", *(["fill"] if at in self._spaces else [])]
            for mode in modes if every == 1 else [modes[at // every % len(modes)]]:
                tried += 1
                if problem := self._problem(mode, at):
                    problems.append(f"{mode} {at} {self._operations[at]}: {problem}")
        print(f"{self._call}: {len(self._operations)} operations, {tried} faults")
        assert not problems, "\n".join([self._call, *problems])

    def _problem(self, mode: str, at: int) -> str | None:
        """What is wrong after an operation went wrong, and after the next run."""
        restore(self._folder, self._before)
        done = self._server.run(self._folder, self._call, mode, at)
        state = files(self._folder)
        result = {name: state[name] for name in state if not is_leftover(name)}
        is_removal = self._operations[at] in ("unlink", "rmdir")
        if mode == "kill":
            problem = None if done.code == -9 else f"ended with {done.code}"
        else:
            problem = self._problem_of_end(done, result)
            if result != state and not is_removal:
                problem = problem or f"left {sorted(state.keys() - result.keys())}"
        if problem:
            return problem
        if self._whole(result) not in (self._whole(self._before), self._whole(self._after)):
            return f"the result is neither the older nor the newer: {sorted(result)}"
        if state in (self._before, self._after):
            return None
        again = self._server.run(self._folder, self._call)
        if again.code:
            return f"the next run failed: {again.err}"
        after = files(self._folder)
        if self._same(after) != self._same(self._after):
            return f"the next run had another result: {sorted(after.keys() ^ self._after.keys())}"
        return None

    def _problem_of_end(self, done: Done, result: Files) -> str | None:
        """What is wrong unless there is the result, or one sentence that names the target."""
        if done.code == 0:
            is_there = self._whole(result) == self._whole(self._after)
            return None if is_there else "said to be done, but is not"
        *_, sentence = done.err.splitlines() or [""]
        is_right = (
            done.code == 1
            and done.out == ""
            and sentence.startswith("error: ")
            and self._target in sentence
            and ".partial-" not in done.err
            and "Traceback" not in done.err
        )
        return None if is_right else f"ended with {done.code}: {done.err}{done.out}"


@pytest.mark.parametrize(
    ("name", "is_there"), [*((name, True) for name in COMMANDS), ("build", False), ("show", False)]
)
def test_a_result_is_whole_whatever_goes_wrong(
    name: str, is_there: bool, server: Server, inputs: Files, tmp_path: Path
) -> None:
    command = COMMANDS[name]
    restore(tmp_path, inputs)
    if is_there:
        assert server.run(tmp_path, command.older).code == 0
    Study(server, tmp_path, command.newer, command.target, whole=without_replicates).run()


def run_files(state: Files) -> dict[str, Any]:
    """What does not vary between runs: names, rows in any order, and the tables of the report."""
    metrics = [json.loads(line) for line in (state.get("run/metrics.jsonl") or b"").splitlines()]
    return {
        "names": sorted(state),
        "rows": {
            row["key"]: {key: row[key] for key in row if key not in VARYING} for row in metrics
        },
        "config": state.get("run/config.yaml"),
        "tables": tables(state),
    }


def tables(state: Files) -> Files:
    """The tables of a run's report."""
    return {name: state[name] for name in state if name.startswith("run/report/tables/")}


def configured_run(folder: Path) -> str:
    """Writes the configuration of a small run; the call that runs it."""
    values: dict[str, Any] = {
        **write_reviews(folder, 30),
        "model": "tree:1",
        "pretrain": {"corpus": "good.jsonl"},
        "held_out": {"prompts": 4, "tokens": 4, "texts": 2},
        "scorer": {"rows": 4},
        "seeds": 1,
        "align": [3],
    }
    (folder / "rebound.yaml").write_text(yaml_text(values))
    return "experiment rebound --config rebound.yaml --out run"


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "extended"])
def test_a_run_resumes_whatever_goes_wrong(is_there: bool, server: Server, tmp_path: Path) -> None:
    call = f"{configured_run(tmp_path)} --jobs 1 dose="
    if is_there:
        assert server.run(tmp_path, f"{call}[2]").code == 0
    Study(server, tmp_path, f"{call}[2,3]", "run", same=run_files, whole=tables).run(every=83)


TORCH = f"""{WITHOUT_FIGURES}
import torch
import elastic_core.training.pretraining.run
from elastic_core.training import callbacks
torch.set_num_threads(1)
callbacks.SECONDS_BETWEEN_STATES = 0.0
"""
PRETRAINING = (
    "pretrain hamlet.txt --model scratch:0.3M --tokens 48 --batch 16 --context 16 "
    "--checkpoints 32 --device cpu --out out"
)


@pytest.fixture(scope="module")
def trainer(shim: Path) -> Iterator[Server]:
    """The command line with torch, which saves a state after every log row."""
    server = Server(shim, TORCH)
    yield server
    server.close()


def model_files(state: Files) -> dict[str, Any]:
    """What does not vary between trainings."""
    result = json.loads(state.get("out/result.json") or b"{}")
    varying = ("tokens_per_second", "check")
    return {
        "names": sorted(state),
        "weights": state.get("out/model.safetensors"),
        "curve": state.get("out/metrics.jsonl"),
        "result": {key: value for key, value in result.items() if key not in varying},
    }


def model_result(state: Files) -> Any:
    """The result of a finished training, apart from the lock and states to resume from."""
    others = (".out.lock", "out/unfinished")
    finished = {name: state[name] for name in state if not name.startswith(others)}
    return model_files(finished) if "out/result.json" in state else None


def test_a_pretraining_resumes_whatever_goes_wrong(trainer: Server, tmp_path: Path) -> None:
    (tmp_path / "hamlet.txt").write_text(HAMLET)
    study = Study(trainer, tmp_path, PRETRAINING, "out", same=model_files, whole=model_result)
    study.run(every=101)
