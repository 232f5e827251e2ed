"""The datasets of an experiment: deduplication; disjoint held-out, scorer and training rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from reviews import BAD, GOOD, review, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.config import apply_overrides
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.datasets import SIDES, Datasets
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.sections import Data, ScorerConfig
from elastic_core.experiments.studies.rebound import ReboundConfig


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return write_reviews(tmp_path)


def read(values: dict[str, Any], prompts: int = 12, **scorer: Any) -> Datasets:
    chosen = {**values["scorer"], **scorer}
    return Datasets(
        Data.model_validate(values["data"]), ScorerConfig.model_validate(chosen), prompts
    )


def texts(rows: Any) -> set[str]:
    return {row["prompt"] + row["completion"] for row in rows}


def test_held_out_scorer_and_training_rows_are_disjoint(
    values: dict[str, Any],
) -> None:
    datasets = read(values)
    for seed in (0, 1):
        split = datasets.split(seed)
        for side in SIDES:
            parts = [
                texts(split.held_out[side].rows),
                texts(split.pool[side].rows),
                texts(datasets.scorer[side].rows),
            ]
            assert [len(part) for part in parts] == [6, 74, 40]
            assert len(set.union(*parts)) == 120
    assert datasets.split(0).pool["positive"].rows != datasets.split(1).pool["positive"].rows
    assert (
        datasets.split(0).held_out["positive"].rows != datasets.split(1).held_out["positive"].rows
    )


def test_a_row_on_both_sides_is_kept_once(values: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "bad.jsonl").open("a") as out:
        out.write(json.dumps({"text": review(GOOD, 3).upper()}) + "\n")
        out.write(json.dumps({"text": review(BAD, 3)}) + "\n")
    datasets = read(values)
    assert [len(datasets.rows[side]) + len(datasets.scorer[side]) for side in SIDES] == [120, 120]


def test_a_scorer_with_its_own_rows_takes_none_from_the_sides(
    values: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    write_reviews(folder, 130)
    own: dict[str, Any] = {side: {"source": str(folder / name)} for side, name in _NAMES.items()}
    datasets = read(values, **own)
    assert len(datasets.rows["positive"]) == 120
    # The first 120 reviews also occur on the side.
    assert len(datasets.scorer["positive"]) == 10
    assert not texts(datasets.scorer["positive"].rows) & texts(datasets.rows["positive"].rows)


_NAMES = {"positive": "good.jsonl", "negative": "bad.jsonl"}


def test_a_label_may_be_true_or_false(values: dict[str, Any], tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": f"question {n} is", "response": review(GOOD if n % 2 else BAD, n), "safe": n % 2}
        for n in range(120)
    ]
    lines = (json.dumps({**row, "safe": bool(row["safe"])}) + "\n" for row in rows)
    (tmp_path / "both.jsonl").write_text("".join(lines))
    columns = {"prompt": "prompt", "completion": "response", "label": "safe"}
    for side, label in (("positive", True), ("negative", False)):
        source = {"source": str(tmp_path / "both.jsonl"), "label": label, "columns": columns}
        values["data"][side] = source
    datasets = read(values)
    assert texts(datasets.scorer["positive"].rows) | texts(datasets.rows["positive"].rows) == {
        row["prompt"] + row["response"] for row in rows if row["safe"]
    }


def test_a_limit_caps_the_rows(values: dict[str, Any]) -> None:
    values["data"]["positive"]["limit"] = 70
    assert len(read(values).rows["positive"]) == 70 - 40


def test_matched_sides_are_equally_long(values: dict[str, Any], tmp_path: Path) -> None:
    rows = ({"text": review(BAD, n) + " indeed" * (n % 7)} for n in range(120))
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values["data"]["match_length"] = True
    datasets = read(values, rows=10)
    sides = [datasets.rows[side] for side in SIDES]
    lengths = [sum(map(len, rows.completions())) / len(rows) for rows in sides]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
    assert len(datasets.rows["positive"]) == len(datasets.rows["negative"]) < 110


def test_the_identity_changes_with_the_rows(values: dict[str, Any], tmp_path: Path) -> None:
    before = read(values).identity
    assert read(values).identity == before
    assert read(values, prompts=14).identity != before
    with (tmp_path / "good.jsonl").open("a") as out:
        out.write(json.dumps({"text": "something else that is quite long"}) + "\n")
    assert read(values).identity != before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"messages": [{"role": "user", "content": "hi"}]}] * 3,
            "as plain text; name their columns",
        ),
        ([{"chosen": "a b", "rejected": "a c"}] * 3, "preference, but a side needs"),
        ([{"review": "a b c"}] * 3, "the columns review do not form a known format"),
        ([{"text": "too short"}] * 3, "no text is longer than 3 words"),
    ],
)
def test_rows_of_another_kind_are_rejected(
    rows: list[Any], message: str, values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(Exception, match=message):
        read(values)


def test_prompts_alternate_between_the_sides(values: dict[str, Any], tmp_path: Path) -> None:
    config = ReboundConfig.model_validate(values)
    context = RunContext(config, ModelStore(tmp_path / "models"))
    prompts = context.seed_context(0).prompts()
    held_out = context.datasets.split(0).held_out
    assert prompts[:2] == [held_out[side].prompts()[0] for side in SIDES]
    assert len(prompts) == 12
    assert len(context.seed_context(0).held_out("positive")) == 5
    with pytest.raises(InvalidArgumentError, match=r"needs data\.pairs"):
        context.seed_context(0).pairs(0, 1)


def test_labels_are_found_beside_renamed_columns(tmp_path: Path) -> None:
    rows = [{"body": f"{n} words of a text", "label": n % 2} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"source": str(tmp_path / "rows.jsonl"), "columns": {"text": "body"}}
    data = Data.model_validate(
        {"positive": {**source, "label": 1}, "negative": {**source, "label": 0}, "prompt_words": 1}
    )
    datasets = Datasets(data, ScorerConfig(rows=5), prompts=4)
    assert len(datasets.rows["positive"]) == len(datasets.rows["negative"]) == 15


def test_rows_with_a_held_out_prompt_are_counted(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        rows = [{"text": f"{n % 6} is {name} number {n}"} for n in range(60)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = Data.model_validate(
        {
            "positive": {"source": str(tmp_path / "good.jsonl")},
            "negative": {"source": str(tmp_path / "bad.jsonl")},
            "prompt_words": 1,
        }
    )
    split = Datasets(data, ScorerConfig(rows=10), prompts=4).split(0)
    for side in ("positive", "negative"):
        rest = len(split.pool[side]) + len(split.held_out[side])
        assert split.shared[side] == 50 - rest > 0


def test_names_of_folders_are_labels_whatever_yaml_1_1_made_of_them(tmp_path: Path) -> None:
    for name in ("yes", "no"):
        (tmp_path / "lab" / name).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "lab" / name / f"{number}.txt").write_text(f"{number} {name} and more")
    overrides = [
        f"data.{side}={{source: {tmp_path / 'lab'}, label: {label}}}"
        for side, label in (("positive", "yes"), ("negative", "no"))
    ]
    data = Data.model_validate(apply_overrides({}, overrides)["data"])
    assert (data.positive.label, data.negative and data.negative.label) == ("yes", "no")
    datasets = Datasets(data.model_copy(update={"prompt_words": 1}), ScorerConfig(rows=5), 4)
    assert [len(datasets.rows[side]) for side in SIDES] == [15, 15]
