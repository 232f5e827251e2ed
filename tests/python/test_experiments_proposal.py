"""`experiment init`: configurations that fit the data, and data that do not do."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import CommandLine
from reviews import write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.common.yaml import parse_yaml
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.proposal import propose as proposal
from elastic_core.experiments.proposal.sizes import choose_sizes
from elastic_core.experiments.proposal.text import Section, config_text
from elastic_core.experiments.run import experiment, read_config
from elastic_core.experiments.studies.registry import STUDIES, find_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_reviews(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def without_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposes three seeds without trying anything."""
    monkeypatch.setattr(proposal, "_choose_seeds", lambda *_, **__: (3, 60.0, 2))


def proposed(study: str, models: Sequence[str], *overrides: str, **options: Any) -> Any:
    found = proposal.propose(
        study, models, "good.jsonl", "bad.jsonl", overrides=overrides, **options
    )
    values = parse_yaml(found.text, "proposal")
    assert parse_config(values, find_study(study).config, "proposal") == found.config
    return found.config


def rejection(*overrides: str, study: str = "rebound", model: str = "tree:3") -> str:
    with pytest.raises(InvalidArgumentError) as error:
        proposed(study, [model], *overrides, corpus="corpus")
    return str(error.value)


def write(file: str, rows: Sequence[dict[str, Any]]) -> None:
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_proposed_configuration_runs_as_it_is(folder: Path, cli: CommandLine) -> None:
    call = ("experiment", "init", "rebound", "--model", "tree:3", "--pretrain", "corpus")
    sides = ("--positive", "good.jsonl", "--negative", "bad.jsonl")
    done = cli(*call, *sides, "seeds=1")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("positive: good.jsonl, 120 rows (text); ")
    assert lines[2] == "prompts: 4 words, with which 0 rows are lost"
    assert "tells the sides apart in 100% of 72 texts" in lines[3]
    assert lines[5].startswith("1 seed, about ")
    assert done.err.endswith(
        "wrote rebound.yaml; elastic-core experiment rebound --config rebound.yaml\n"
    )
    text = (folder / "rebound.yaml").read_text()
    assert f"# {lines[0]}" in text
    assert "align: [16, 48]\n" in text
    run = experiment(read_config("rebound", folder / "rebound.yaml"), folder / "run", jobs=1)
    assert run.config.scorer.rows == 30
    assert len(run.analysis.findings) == 3
    done = cli(*call, *sides)
    assert done.code == 2
    assert "rebound.yaml" in done.err
    assert "--force" in done.err


@pytest.mark.usefixtures("without_trial", "folder")
@pytest.mark.parametrize("study", STUDIES)
def test_every_study_gets_sizes_that_fit(study: str, checkpoint: Path) -> None:
    model = str(checkpoint)
    models = [model, model] if study == "scaling" else [model]
    config = proposed(study, models, "seed=7", corpus="corpus" if study == "springs" else None)
    assert (config.study, config.model, config.seeds, config.seed) == (study, model, 3, 7)
    assert config.data.prompt_words == 4
    assert config.recipe["max_length"] == 64
    assert config.recipe["learning_rate"] > 1e-4
    assert getattr(config, "calibrate", True)
    if study == "reversion":
        assert (config.align, config.dose) == ([16, 48], [16, 24, 48])
        assert (config.held_out.prompts, config.held_out.length) == (48, 64)
        assert not config.claims["pretraining_pulls"].primary
    if study == "scaling":
        assert config.xs[0] == config.xs[1] > 10_000


@pytest.mark.usefixtures("without_trial", "folder")
def test_more_words_where_openings_repeat() -> None:
    for side in ("good", "bad"):
        rows = [json.loads(line) for line in Path(f"{side}.jsonl").read_text().splitlines()]
        texts = (row["text"].partition(": ")[2] for row in rows)
        write(f"{side}.jsonl", [{"text": f"Once upon a time, {text}"} for text in texts])
    config = proposed("rebound", ["tree:3"], corpus="corpus")
    assert config.data.prompt_words > 6
    config = proposed("rebound", ["tree:3"], "data.prompt_words=9", corpus="corpus")
    assert config.data.prompt_words == 9


@pytest.mark.usefixtures("without_trial", "folder")
def test_columns_and_labels_are_named_by_keys() -> None:
    rows = [
        {"review": json.loads(line)["text"], "stars": stars, "label": stars}
        for side, stars in (("good", 5), ("bad", 1))
        for line in Path(f"{side}.jsonl").read_text().splitlines()
    ]
    write("good.jsonl", rows)
    write("bad.jsonl", rows)
    columns = [f"data.{side}.columns.text=review" for side in ("positive", "negative")]
    message = rejection()
    assert (
        "as in data.positive.columns.text=review, or two, as in 'data.positive.columns=" in message
    )
    assert "for each side; row 1 is {'review': 'review 0: " in message
    message = rejection("data.positive.columns.text=revue")
    assert "no column revue; the columns are review, stars, label; the row is" in message
    assert message.endswith("; name columns that there are with data.positive.columns")
    columns += [f"data.{side}.columns.label=stars" for side in ("positive", "negative")]
    assert "data.positive.label=5 data.negative.label=1" in rejection(*columns)
    labels = ["data.positive.label=5", "data.negative.label=1"]
    config = proposed("rebound", ["tree:3"], *columns, *labels, corpus="corpus")
    assert config.data.positive.label == 5


@pytest.mark.usefixtures("folder")
def test_sides_of_one_class_are_refused() -> None:
    good = Path("good.jsonl").read_text()
    Path("bad.jsonl").write_text(good)
    assert rejection().startswith("both sides have the same rows: bad.jsonl: all 120 rows also")
    rows = [{**json.loads(line), "label": "pos"} for line in good.splitlines()]
    write("good.jsonl", rows[:60])
    write("bad.jsonl", rows[60:])
    assert "both sides have only the label pos, so they are one class" in rejection()


@pytest.mark.usefixtures("folder")
def test_what_is_missing_is_said() -> None:
    rows = [json.loads(line) for line in Path("good.jsonl").read_text().splitlines()]
    write("good.jsonl", rows[:40])
    assert "rebound needs 50 rows on each side" in rejection()
    assert "name each with `models`, from small to large" in rejection(study="scaling")
    assert "only learns by sft" in rejection(study="algorithms")
    assert "unknown key data.positve; did you mean positive?" in rejection("data.positve=x")
    Path("adapter").mkdir()
    Path("adapter/adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')
    assert rejection(model="adapter").startswith("adapter: an adapter without its base, gpt2; ")
    with pytest.raises(InvalidArgumentError, match="name some with --pretrain CORPUS"):
        proposed("rebound", ["tree:3"])


def test_sizes_leave_rows_for_everything() -> None:
    for rows in (79, 100, 200, 1000, 100_000):
        for study in ("rebound", "resistance"):
            sizes = choose_sizes(study, rows, lambda held_out: held_out // 10, 2)
            used = sizes.held_out + sizes.answers // 2 + 2 * sizes.scorer + sizes.trained
            assert used <= rows
            assert sizes.trained % 16 == 0
            assert sizes.volumes[-1] == sizes.doses[-1] == sizes.stops[-1] == sizes.trained


def test_comments_cannot_become_keys() -> None:
    text = config_text([Section({"model": "a"}, "a: b\nstudy: c\u2028seeds: d\rseed: e")])
    assert parse_yaml(text, "text") == {"model": "a"}
