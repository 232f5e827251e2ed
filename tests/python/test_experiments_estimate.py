"""Estimated times: the trial, the schedule of cells, the time left, and what a report says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reviews import VOLUMES, configured, write_reviews

from elastic_core.experiments import progress
from elastic_core.experiments.cells import Cell, TrainingStep
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import list_cells
from elastic_core.experiments.estimate.schedule import Costs, Schedule
from elastic_core.experiments.estimate.shapes import count_rows, rate_free, shape_of
from elastic_core.experiments.estimate.trial import ModelCosts, run_trial
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.report import write_report
from elastic_core.experiments.rows import Subset
from elastic_core.experiments.run import experiment, read_config
from elastic_core.experiments.runner import Task, pending_tasks
from elastic_core.experiments.studies.registry import find_study
from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from elastic_core.common.progress import Step

RECIPE = Recipe()
ROWS = Subset("positive", 100)
COSTS = ModelCosts(
    pretraining=(0.0, 0.0),
    pretraining_volume=0,
    start=5.0,
    loading=1.0,
    rates=2.0,
    drawn=0.0,
    reference=0.0,
    measures={},
    preparations={},
    trainings={rate_free(RECIPE): (3.0, 0.1)},
    lengths={(rate_free(RECIPE), shape_of(ROWS)): 2.0},
    sampling={},
)


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return {**write_reviews(tmp_path), **VOLUMES}


def tasks() -> list[Task]:
    """A base, two models trained from it, and one from the first of these."""
    base = Cell((("stage", "base"),), 0, "folder", is_drawn=False, has_rates=False)
    one, other = (
        replace(
            base,
            labels=(("stage", name),),
            parent=base,
            training=TrainingStep(Subset("positive", count), RECIPE),
        )
        for name, count in (("one", 100), ("other", 50))
    )
    last = replace(one, labels=(("stage", "last"),), parent=one)
    return [Task(cell, is_measured=True) for cell in (base, one, other, last)]


def test_a_schedule_waits_for_models(values: dict[str, Any]) -> None:
    costs = Costs(configured(values), {"folder": COSTS})
    # Starting 5, loading 1; training 3 + 100 x 2 x 0.1 = 23, and 13.
    one_by_one = Schedule.of(costs, tasks(), 1, lambda cell: cell.name)
    assert list(one_by_one.seconds.values()) == [6.0, 24.0, 14.0, 24.0]
    assert one_by_one.duration == 68.0
    # The second worker starts with the first training, and is done before the last can begin.
    both = Schedule.of(costs, tasks(), 2, lambda cell: cell.name)
    assert both.duration == pytest.approx(6 + 29 + 24)


def test_the_time_left_follows_the_pace(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    monkeypatch.setattr(progress, "time", Clock)
    costs = Costs(configured(values), {"folder": COSTS})
    schedule = Schedule.of(costs, tasks(), 1, lambda cell: cell.name)
    left = progress.TimeLeft(schedule)
    assert left.seconds() == pytest.approx(68)
    base, one, *_ = tasks()
    left.on_start(base.cell)
    now = 12.0  # Everything takes twice as long.
    left.on_finish(base.cell, is_measured=True)
    assert 62 < left.seconds() < 124
    left.on_start(one.cell)
    now = 60.0
    left.on_finish(one.cell, is_measured=True)
    assert left.seconds() == pytest.approx(76, rel=0.1)
    for task in tasks()[2:]:
        left.on_finish(task.cell, is_measured=True)
    assert left.seconds() == 0


@pytest.mark.parametrize("study", ["reversion", "resistance", "springs"])
def test_a_trial_of_a_tree_model_covers_every_cell(
    study: str, values: dict[str, Any], tmp_path: Path
) -> None:
    additional: dict[str, dict[str, Any]] = {
        "reversion": {
            "arms": ["neutral", "opposite"],
            "measure": ["margin", "log_odds", "kl", "rates", "score", "first_order"],
            "align": [8, 16],
            "dose": [8],
        },
        "resistance": {"rows": 20, "slices": 2, "answers": 10},
        "springs": {"align": 16, "reverse": [8], "mix": 1, "depths": [1, 2]},
    }
    common = {key: values[key] for key in ("model", "pretrain", "data", "held_out", "scorer")}
    config = configured({**common, "study": study, "seeds": 2, **additional[study]})
    covers_every_cell(config, tmp_path)


def test_a_trial_of_a_transformer_covers_every_cell(
    values: dict[str, Any], checkpoint: Path, tmp_path: Path
) -> None:
    recipe = {"batch": 4, "accumulation": 1, "max_length": 24, "device": "cpu"}
    common = {key: values[key] for key in ("data", "scorer")}
    algorithms = {
        "study": "algorithms",
        "algorithms": ["sft", "dpo", "kto", "rloo"],
        "align": [8, 16],
        "dose": [8],
        "measure": ["margin", "kl"],
        "scorer": {"rows": 20},
        "held_out": {"prompts": 8, "tokens": 4, "texts": 2},
    }
    model = {"model": str(checkpoint), "recipe": recipe, "seeds": 1}
    covers_every_cell(configured({**common, **algorithms, **model}), tmp_path)


def covers_every_cell(config: Any, folder: Path) -> None:
    context = RunContext(config, ModelStore(folder / "models"))
    cells = list_cells(find_study(config.study), config)
    costs = Costs(config, run_trial(context, cells))
    todo = pending_tasks(context, cells, (), lambda cell: context.path(cell) is not None)
    schedule = Schedule.of(costs, todo, 2, context.model_hash)
    assert len(schedule.seconds) == len(todo)
    assert min(schedule.seconds.values()) >= 0
    assert 0 < schedule.duration <= sum(schedule.seconds.values())
    assert not (folder / "models").exists()


def test_shapes_leave_out_numbers_and_names() -> None:
    assert shape_of(Subset("positive", 5)) == shape_of(Subset("positive", 9, 3))
    assert shape_of(Subset("positive", 5)) != shape_of(Subset("negative", 5))
    assert count_rows((Subset("positive", 5), Subset("positive", 9, 3))) == 11
    assert rate_free(Recipe(learning_rate=1, epochs=2)) == rate_free(Recipe())


def test_a_run_notes_its_estimate_and_reports_it(values: dict[str, Any], tmp_path: Path) -> None:
    config, out = configured(values, seeds=1), tmp_path / "run"
    steps: list[Step] = []
    run = experiment(config, out, jobs=1, progress=steps.append)
    assert steps[0].note == "estimating the time"
    assert all(step.left is not None for step in steps[1:])
    assert steps[-1].left == 0
    (noted,) = map(json.loads, (out / "times.jsonl").read_text().splitlines())
    assert noted["estimated"] > 0
    assert noted["took"] > 0
    write_report([run], run.folder.report)
    provenance = json.loads((run.folder.report / "result.json").read_text())["runs"][0][
        "provenance"
    ]
    assert provenance["estimated"] == noted["estimated"]
    assert provenance["took"] == noted["took"]
    assert "estimated" in (run.folder.report / "report.html").read_text()
    experiment(config, out, jobs=1, progress=steps.append)
    assert len((out / "times.jsonl").read_text().splitlines()) == 1
    (out / "times.jsonl").write_text('{"estimated": "long"}\nnot JSON\n')
    write_report([run], run.folder.report)


def test_the_scorer_takes_what_the_run_leaves(values: dict[str, Any], tmp_path: Path) -> None:
    said: list[str] = []
    file, out = tmp_path / "config.yaml", tmp_path / "run"
    open_rows = {**values, "scorer": {}, "seeds": 1}
    file.write_text(json.dumps(open_rows))
    config = read_config("rebound", file)
    assert config.scorer.rows is None
    run = experiment(config, out, jobs=1, notify=said.append)
    assert said == []
    # Of 120 rows 6 are held out, and 16 are trained on.
    assert run.config.scorer.rows == 98
    named = read_config("rebound", file, ["scorer.rows=98"])
    hashes = [RunContext(each, ModelStore(out)).hashes for each in (run.config, named)]
    assert hashes[0] == hashes[1]
    # The number of an existing run stays, although more rows are needed now.
    more = read_config("rebound", file, ["seeds=2"])
    assert experiment(more, out, jobs=1).config.scorer.rows == 98


def test_rows_lost_to_repeated_prompts_are_said_with_the_remedy(
    values: dict[str, Any], tmp_path: Path
) -> None:
    for side in ("good", "bad"):
        file = tmp_path / f"{side}.jsonl"
        texts = [
            json.loads(line)["text"].partition(": ")[2] for line in file.read_text().splitlines()
        ]
        rows = [
            {"text": f"{'once upon a time' if at % 2 else at} {text}"}
            for at, text in enumerate(texts)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said: list[str] = []
    values["held_out"]["prompts"] = 40
    config = configured(values, seeds=1)
    experiment(config, tmp_path / "run", jobs=1, notify=said.append)
    assert [sentence.partition(":")[0] for sentence in said] == ["positive", "negative"]
    assert "rows are not used, because another row with their prompt is held out" in said[0]
    assert "'once upon a' begins 3" in said[0]
    assert "; set data.prompt_words=" in said[0]
