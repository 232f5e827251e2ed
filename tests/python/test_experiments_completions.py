"""What models wrote is kept beside the rows of a run, and its models have labels."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CommandLine
from documents import Page
from reviews import VOLUMES, configured, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.common.files import append_json_line
from elastic_core.experiments.cells import Cell, SharedHashes
from elastic_core.experiments.completions import read_completions
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.listing import CellList, list_runs
from elastic_core.experiments.report import write_report
from elastic_core.experiments.run import experiment, open_run


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExperimentConfig:
    return configured({**write_reviews(tmp_path_factory.mktemp("data")), **VOLUMES})


@pytest.fixture(scope="module")
def finished(config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return experiment(config, tmp_path_factory.mktemp("runs") / "run", jobs=1).folder


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_the_ends_of_the_first_seed_keep_completions_of_the_same_prompts(
    finished: RunFolder,
) -> None:
    written = read_completions(finished.completions)
    names = {row["key"]: row["name"] for row in finished.rows()}
    assert {names[key] for key in written} == {
        "stage base, seed 0",
        "stage align, first positive, align 16, draw 0, seed 0",
        "stage arm, first positive, align 0, draw 0, arm opposite, dose 16, seed 0",
        "stage arm, first positive, align 16, draw 0, arm opposite, dose 16, seed 0",
    }
    for completions in written.values():
        assert len({completion.prompt for completion in completions}) == 6
        assert all(completion.text for completion in completions)
        assert all(0 < (completion.score or 0) < 1 for completion in completions)
    prompts = [[each.prompt for each in completions] for completions in written.values()]
    assert all(some == prompts[0] for some in prompts)
    assert len({completions[0].text for completions in written.values()}) > 1


def test_no_hash_depends_on_them() -> None:
    hashes = SharedHashes("a", "b", "c")
    cell = Cell((("stage", "base"), ("seed", 0)), 0, "tree:3")
    kept = replace(cell, has_completions=True)
    assert kept.row_hash(hashes) == cell.row_hash(hashes)
    assert kept.model_hash(hashes) == cell.model_hash(hashes)


def test_a_killed_run_resumes_with_the_same_completions(
    config: ExperimentConfig, finished: RunFolder, folder: RunFolder
) -> None:
    shutil.rmtree(folder.checkpoints)  # Those of another folder do not serve.
    for file, count in ((folder.metrics, 3), (folder.completions, 2)):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(lines[:count]) + '{"key": "torn', "utf-8")
    experiment(config, folder.path, jobs=1)
    assert read_completions(folder.completions) == read_completions(finished.completions)


def test_a_run_without_completions_is_reported(folder: RunFolder) -> None:
    assert open_run(folder.path).analysis.story.examples
    folder.completions.unlink()
    run = open_run(folder.path)
    assert run.analysis.story.examples == ()
    write_report([run], folder.report)
    assert "What the models wrote" not in (folder.report / "report.html").read_text("utf-8")


def test_the_report_shows_them(folder: RunFolder) -> None:
    run = open_run(folder.path)
    write_report([run], folder.report)
    page = " ".join(Page((folder.report / "report.html").read_text("utf-8")).text.split())
    first, second = run.analysis.story.examples
    assert [sample.author for sample in first.samples] == [
        "base",
        "aligned, 16 rows",
        "then 16 opposite rows",
    ]
    for samples in (first, second):
        assert samples.opening in page
        assert " ".join(samples.samples[1].text.split()) in page
    assert "from 0 (negative) to 1 (positive)" in page


@pytest.mark.parametrize(
    "row",
    [
        {"completions": []},
        {"key": "a", "completions": [1]},
        {"key": "a", "completions": [{"prompt": "b", "text": "c", "score": "d"}]},
        {"key": "a", "completions": [{"prompt": "b", "text": "c"}]},
    ],
)
def test_damaged_completions_are_reported(row: dict[str, object], tmp_path: Path) -> None:
    append_json_line(tmp_path / "completions.jsonl", row)
    with pytest.raises(InvalidArgumentError, match="row 1 is not that of a cell; remove that line"):
        read_completions(tmp_path / "completions.jsonl")


def test_models_have_the_labels_of_their_cells(finished: RunFolder) -> None:
    names = {row["made"]: row["name"] for row in finished.rows()}
    labels = {
        file.parent.name: file.read_text("utf-8").strip()
        for file in finished.checkpoints.glob("*/label.txt")
    }
    kept = {place.name for place in finished.checkpoints.glob("[!.]*")}
    assert labels == {model: names[model] for model in kept}


def test_the_cells_of_a_run_are_listed_with_their_folders(
    cli: CommandLine, folder: RunFolder
) -> None:
    found = list_runs(folder.path)
    assert isinstance(found, CellList)
    assert len(found.cells) == len(folder.rows())
    stages = {cell.labels["stage"] for cell in found.cells if cell.folder}
    assert stages == {"base", "align"}
    assert all(Path(cell.folder).is_dir() for cell in found.cells if cell.folder)
    done = cli("runs", "run")
    assert (done.code, done.err) == (0, "")
    assert "run  rebound, tree:3, 12 cells done" in done.out
    [base] = [cell.folder for cell in found.cells if cell.labels == {"stage": "base", "seed": 1}]
    assert base is not None
    assert Path(base).name in done.out
    assert len(json.loads(cli("runs", "run", "--format", "json").out)["cells"]) == 12


def test_the_runs_below_a_folder_are_listed(cli: CommandLine, folder: RunFolder) -> None:
    below = folder.path.parent / "below" / "damaged"
    shutil.copytree(folder.path, below)
    (folder.path.parent / "config.yaml").write_text("mine: true\n", "utf-8")
    (below / "config.yaml").write_text("a: [", "utf-8")
    done = cli("runs", ".")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(".  1 run\n")
    assert "run     rebound  tree:3      2     12" in done.out
    assert "below/damaged/config.yaml: line 1: not YAML" in done.out
    for name, reason in (("nowhere", "no such folder"), ("run/report", "no run in or below it")):
        (folder.path / "report").mkdir(exist_ok=True)
        done = cli("runs", name)
        assert (done.code, done.out) == (2, "")
        assert done.err == f"error: {name}: {reason}; name a folder with runs\n"
