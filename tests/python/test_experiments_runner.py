"""Runs give the same results in any order, when interrupted, resumed or extended."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import FORKED, PROGRAM, environment
from reviews import VOLUMES, configured, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.common.yaml import yaml_text
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import plan
from elastic_core.experiments.estimate.schedule import Costs, Schedule
from elastic_core.experiments.folder import ModelStore, RunFolder
from elastic_core.experiments.run import describe_plan, experiment, open_run
from elastic_core.experiments.studies.registry import find_study

if TYPE_CHECKING:
    from elastic_core.common.progress import Step

VARYING = ("time", "seconds")


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return {**write_reviews(tmp_path), **VOLUMES}


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of a run by key, without the values that vary from run to run."""
    return {
        row["key"]: {name: value for name, value in row.items() if name not in VARYING}
        for row in RunFolder(folder).rows()
    }


def test_a_run_measures_every_cell_once(values: dict[str, Any], tmp_path: Path) -> None:
    experiment(configured(values), tmp_path / "run", jobs=1)
    measured = rows(tmp_path / "run")
    names = sorted(row["name"] for row in measured.values())
    assert len(names) == len(set(names)) == 2 * (1 + 2 + 1 + 2)
    for row in measured.values():
        assert row["kl"] >= 0
        assert row["kl_base"] >= 0
        is_base = row["labels"]["stage"] == "base"
        assert (row["kl"] == 0) == is_base
        is_end = row["labels"].get("dose") != 8
        assert ("rate_pretrain" in row) == is_end
        assert ("train_final" in row) == (is_end and not is_base)


def test_models_that_no_cell_needs_are_dropped(values: dict[str, Any], tmp_path: Path) -> None:
    experiment(configured(values), tmp_path / "run", jobs=1)
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").glob("[!.]*")}
    stages = {row["made"]: row["labels"]["stage"] for row in rows(tmp_path / "run").values()}
    assert kept == {model for model, stage in stages.items() if stage != "arm"}


def test_results_do_not_depend_on_processes(values: dict[str, Any], tmp_path: Path) -> None:
    experiment(configured(values), tmp_path / "one", jobs=1)
    experiment(configured(values), tmp_path / "two", jobs=2)
    assert rows(tmp_path / "one") == rows(tmp_path / "two")


def test_a_run_resumes_after_kill_9_with_the_same_results(
    values: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml_text({**values, "seeds": 3}))
    call = [str(PROGRAM), "experiment", "rebound", "--config", str(file)]
    call += ["--out", str(tmp_path / "run"), "--jobs", "2"]
    metrics = tmp_path / "run" / "metrics.jsonl"
    process = subprocess.Popen(
        call, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 90
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with metrics.open("a") as out:
        out.write('{"key": "torn')
    before = RunFolder(tmp_path / "run").rows()
    experiment(configured(values, seeds=3), tmp_path / "run", jobs=1)
    after = RunFolder(tmp_path / "run").rows()
    assert after[: len(before)] == before
    experiment(configured(values, seeds=3), tmp_path / "whole", jobs=1)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_an_extended_run_repeats_nothing(values: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    experiment(configured(values, seeds=1), folder, jobs=1)
    before = RunFolder(folder).rows()
    kept = {path: path.stat().st_mtime_ns for path in (folder / "checkpoints").glob("[!.]*/*")}
    steps: list[Step] = []
    longer = configured(values, seeds=2, dose=[8, 16, 32])
    said: list[str] = []
    experiment(longer, folder, jobs=1, progress=steps.append, notify=said.append)
    assert said == [f"dose was [8, 16] in the run in {folder}, and is [8, 16, 32] now"]
    assert RunFolder(folder).rows()[: len(before)] == before
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert (steps[0].done, steps[0].total) == (4, 16)
    assert (steps[-1].done, steps[-1].total) == (16, 16)
    assert {step.title for step in steps} == {"run rebound"}
    assert any(step.note.startswith("stage base, seed 1") for step in steps)
    experiment(longer, tmp_path / "whole", jobs=1)
    assert rows(tmp_path / "whole").items() <= rows(folder).items()


def test_a_removed_model_is_rebuilt(values: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    experiment(configured(values, seeds=1), folder, jobs=1)
    store = ModelStore(folder / "checkpoints")
    for path in store.folder.iterdir():
        store.drop(path.name)
    experiment(configured(values, seeds=1, dose=[8, 16, 24]), folder, jobs=1)
    experiment(configured(values, seeds=1, dose=[8, 16, 24]), tmp_path / "whole", jobs=1)
    assert rows(tmp_path / "whole").items() <= rows(folder).items()


def test_runs_share_models(values: dict[str, Any], tmp_path: Path) -> None:
    experiment(configured(values, seeds=1), tmp_path / "one", jobs=1, cache=tmp_path / "models")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").glob("[!.]*/*")}
    more = configured(values, seeds=1, dose=[24])
    experiment(more, tmp_path / "two", jobs=1, cache=tmp_path / "models")
    assert kept
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_a_ray_cluster_gives_the_same_results(values: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    values |= {"seeds": 1, "dose": [8]}
    (tmp_path / "config.yaml").write_text(yaml_text(values))
    call = [str(PROGRAM), "experiment", "rebound", "--config", "config.yaml"]
    # Ray starts only the processes that the run needs, which do not wait for those of other tests.
    zero: tuple[str, ...] = (
        "enable_worker_prestart",
        "prestart_worker_first_driver",
        "worker_niceness",
    )
    zero += ("enable_metrics_collection", "USAGE_STATS_ENABLED", "ENABLE_UV_RUN_RUNTIME_ENV")
    done = subprocess.run(
        [*call, "--out", "ray", "--jobs", "ray"],
        cwd=tmp_path,
        env=environment(**{f"RAY_{name}": "0" for name in zero}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    experiment(configured(values), tmp_path / "alone", jobs=1)
    assert rows(tmp_path / "ray") == rows(tmp_path / "alone")


def test_the_plan_counts_without_training(values: dict[str, Any], tmp_path: Path) -> None:
    config = configured(values)
    context = RunContext(config, ModelStore(tmp_path / "models"))
    planned = plan(find_study("rebound"), config, context)
    assert (planned.pretrainings, planned.trainings, len(planned.cells)) == (2, 6, 12)
    lines = describe_plan(config, tmp_path / "run", jobs=1).splitlines()
    assert lines[0] == "rebound: tree:3, 2 seeds"
    assert lines[3] == "2 pre-trainings, 6 trainings, 12 cells to measure"
    assert lines[4] == "rows for the scorer: 40 positive, 40 negative"
    assert lines[5].startswith("time left: about ")
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"align": [100]}, "100 rows to train on, but"),
        ({"pretrain": None}, "name a corpus as pretrain.corpus"),
        ({"model": "scratch:0.3M"}, "set pretrain.tokens"),
        ({"model": "nowhere"}, "unknown model 'nowhere'"),
        ({"scorer": {"rows": 120}}, "scorer.rows"),
        ({"held_out": {"prompts": 400}}, "cannot hold out"),
    ],
)
def test_an_impossible_run_is_rejected_before_anything_is_written(
    change: dict[str, Any], message: str, values: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        experiment(configured(values, **change), tmp_path / "run", jobs=1)
    assert not (tmp_path / "run").exists()


def test_a_side_that_is_empty_after_deduplication_is_rejected(
    values: dict[str, Any], tmp_path: Path
) -> None:
    values["data"]["negative"] = values["data"]["positive"]
    with pytest.raises(InvalidArgumentError, match="all 120 rows also occur"):
        experiment(configured(values), tmp_path / "run", jobs=1)


def test_a_folder_of_another_configuration_is_rejected(
    values: dict[str, Any], tmp_path: Path
) -> None:
    experiment(configured(values, seeds=1, dose=[8]), tmp_path / "run", jobs=1)
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(InvalidArgumentError, match="with model 'tree:3', not 'tree:4'"):
        experiment(configured(values, model="tree:4"), tmp_path / "run", jobs=1)
    changed = configured(values, seeds=1, dose=[8], held_out={**values["held_out"], "prompts": 14})
    with pytest.raises(InvalidArgumentError, match=r"with held_out\.prompts 12, not 14; choose"):
        experiment(changed, tmp_path / "run", jobs=1)
    rows = ({"text": f"other {number} rows here and there"} for number in range(120))
    (tmp_path / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InvalidArgumentError, match="data_sha256"):
        experiment(configured(values, seeds=1, dose=[8]), tmp_path / "run", jobs=1)
    assert (tmp_path / "run" / "config.yaml").read_text() == before


def test_a_folder_of_another_version_is_rejected(values: dict[str, Any], tmp_path: Path) -> None:
    experiment(configured(values, seeds=1, dose=[8]), tmp_path / "run", jobs=1)
    file = tmp_path / "run" / "config.yaml"
    file.write_text(file.read_text().replace("elastic_core: ", "elastic_core: 9."))
    with pytest.raises(InvalidArgumentError, match="elastic_core"):
        experiment(configured(values, seeds=1, dose=[8]), tmp_path / "run", jobs=1)


def test_a_folder_that_is_not_a_run_is_rejected(values: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="something other than a run"):
        experiment(configured(values), tmp_path, jobs=1)
    with pytest.raises(InvalidArgumentError, match="no run in it"):
        open_run(tmp_path)


def test_a_folder_in_use_is_rejected(values: dict[str, Any], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    experiment(configured(values, seeds=1, dose=[8]), folder.path, jobs=1)
    before = (folder.path / "config.yaml").read_text()
    with folder.locked(), pytest.raises(InvalidArgumentError, match="another process"):
        experiment(configured(values, seeds=2, dose=[8]), folder.path, jobs=1)
    assert (folder.path / "config.yaml").read_text() == before


@pytest.mark.parametrize(
    "jobs", ["0", "many", "none", "-1", "1.5", "\N{SUPERSCRIPT TWO}", "9" * 5000]
)
def test_invalid_jobs_are_rejected(jobs: str, values: dict[str, Any], tmp_path: Path) -> None:
    for call in (experiment, describe_plan):
        with pytest.raises(InvalidArgumentError, match=r"^jobs .{1,60}: write a number from 1 to"):
            call(configured(values), tmp_path / "run", jobs=jobs)
    assert not (tmp_path / "run").exists()


def test_a_plan_counts_one_second_and_one_seed(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(costs: Costs, *_: Any) -> Schedule:
        return Schedule(costs, {}, 0.4)

    monkeypatch.setattr(Schedule, "of", short)
    plan = describe_plan(configured(values, seeds=1), tmp_path / "run", jobs=9999)
    assert "tree:3, 1 seed\n" in plan
    assert plan.endswith("time left: about 1 second")


def test_a_diverged_training_is_flagged_and_the_others_continue(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elastic_core.experiments import worker

    real = vars(worker)["train"]

    def train(*arguments: Any, **options: Any) -> Any:
        from dataclasses import replace

        trained = real(*arguments, **options)
        return replace(trained, path=None, diverged=True) if len(arguments[1]) == 32 else trained

    monkeypatch.setattr(worker, "train", train)
    run = experiment(configured(values, seeds=1, align=[16, 32]), tmp_path / "run", jobs=1)
    by_name = {row["name"]: row for row in rows(tmp_path / "run").values()}
    marked = {name for name, row in by_name.items() if row.get("diverged")}
    assert marked == {name for name in by_name if "align 32" in name or "align 16" in name}
    assert len(marked) == 6  # One training gives the models of both volumes.
    assert any("6 cells are left out" in note for note in run.analysis.notes)
    experiment(configured(values, seeds=1, align=[16, 32]), tmp_path / "run", jobs=1)
    assert len(rows(tmp_path / "run")) == len(by_name)


def test_a_run_opens_after_its_model_was_moved(values: dict[str, Any], tmp_path: Path) -> None:
    config = configured(values, model=str(tmp_path / "moved"))
    RunFolder(tmp_path / "run").begin(config, "hash")
    assert open_run(tmp_path / "run").config == config


def test_worker_processes_need_a_main_guard(tmp_path: Path) -> None:
    values = write_reviews(tmp_path)
    lines = [
        "from elastic_core import ElasticCoreError",
        "from elastic_core.experiments.config import parse_config",
        "from elastic_core.experiments.run import experiment",
        "from elastic_core.experiments.studies.rebound import ReboundConfig",
        f"values = { ({**values, 'align': [8], 'dose': [8], 'seeds': 1})!r}",
        "try:",
        "    experiment(parse_config(values, ReboundConfig, 'x'), 'run', jobs=2)",
        "except ElasticCoreError as error:",
        "    print(error)",
    ]
    (tmp_path / "script.py").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("jobs 2: each worker process imports ")
    assert done.stdout.count("\n") == 1
    guarded = [*lines[:5], "if __name__ == '__main__':", *(f"    {line}" for line in lines[5:])]
    (tmp_path / "script.py").write_text("\n".join(guarded))
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == ""


def test_damaged_state_is_refused_and_a_torn_row_computed_again(
    values: dict[str, Any], tmp_path: Path
) -> None:
    config, out = configured(values, seeds=1, dose=[8]), tmp_path / "run"
    experiment(config, out, jobs=1)
    file = out / "metrics.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    experiment(config, out, jobs=1)
    rows, again = (
        [json.loads(line) for line in text.splitlines()] for text in (content, file.read_bytes())
    )
    for row in (*rows, *again):
        for name in ("time", "seconds", "check"):
            del row[name]
    assert again == rows
    file.write_bytes(content.replace(b'"margin_se": ', b'"margin_se": 1', 1))
    with pytest.raises(InvalidArgumentError, match=r"metrics\.jsonl: line 1 is damaged; remove"):
        experiment(config, out, jobs=1)
    file.write_bytes(content)
    model = next(path for path in (out / "checkpoints").iterdir() if (path / "model.ectm").exists())
    weights = (model / "model.ectm").read_bytes()
    (model / "model.ectm").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(InvalidArgumentError, match=r"model\.ectm: damaged.*; delete .* and run"):
        experiment(configured(values, seeds=1, dose=[8, 16]), out, jobs=1)


@pytest.mark.usefixtures("program_server")
def test_runs_at_once_may_share_a_cache(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml_text({**values, "seeds": 1}), encoding="utf-8")
    call = [str(FORKED), "experiment", "rebound", "--config", "config.yaml", "--cache", "cache"]
    runs = [
        subprocess.Popen(
            [
                *call,
                "--out",
                f"run{number}",
                "--jobs",
                str(1 + number % 2),
                f"dose=[{8 + 8 * number}]",
            ],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        for number in range(3)
    ]
    ended = [
        (run.wait(timeout=240), run.stderr.read().decode() if run.stderr else "") for run in runs
    ]
    for run in runs:
        if run.stderr:
            run.stderr.close()
    assert [code for code, _ in ended] == [0, 0, 0], ended
    alone = experiment(configured(values, seeds=1, dose=[8]), tmp_path / "alone", jobs=1)
    margins = [row["margin"] for row in alone.folder.rows()]
    assert [row["margin"] for row in RunFolder(tmp_path / "run0").rows()] == margins
    assert not list((tmp_path / "cache" / ".locks" / "users").iterdir())
