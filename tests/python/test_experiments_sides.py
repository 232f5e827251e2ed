"""The two sides of an experiment: nothing twice, nothing held out or scored by is learned."""

import json
from pathlib import Path
from typing import Any

import pytest
from reviews import BAD, GOOD, review, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.config import Data, ScorerConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.datasets import SIDES, Datasets
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.studies.rebound import ReboundConfig


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return write_reviews(tmp_path)


def made(values: dict[str, Any], prompts: int = 12, **scorer: Any) -> Datasets:
    chosen = {**values["scorer"], **scorer}
    return Datasets(
        Data.model_validate(values["data"]), ScorerConfig.model_validate(chosen), prompts
    )


def texts(rows: Any) -> set[str]:
    return {row["prompt"] + row["completion"] for row in rows}


def test_rows_are_held_out_scored_by_or_learned_and_never_two_of_it(
    values: dict[str, Any],
) -> None:
    sides = made(values)
    for seed in (0, 1):
        division = sides.split(seed)
        for side in SIDES:
            parts = [
                texts(division.held_out[side].rows),
                texts(division.pool[side].rows),
                texts(sides.scorer[side].rows),
            ]
            assert [len(part) for part in parts] == [6, 74, 40]
            assert len(set.union(*parts)) == 120
    assert sides.split(0).pool["positive"].rows != sides.split(1).pool["positive"].rows
    assert sides.split(0).held_out["positive"].rows != sides.split(1).held_out["positive"].rows


def test_a_row_in_both_sides_is_taken_once(values: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "bad.jsonl").open("a") as out:
        out.write(json.dumps({"text": review(GOOD, 3).upper()}) + "\n")
        out.write(json.dumps({"text": review(BAD, 3)}) + "\n")
    sides = made(values)
    assert [len(sides.rows[side]) + len(sides.scorer[side]) for side in SIDES] == [120, 120]


def test_a_scorer_with_rows_of_its_own_takes_none_of_the_sides(
    values: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    write_reviews(folder, 130)
    own: dict[str, Any] = {side: {"source": str(folder / name)} for side, name in _NAMES.items()}
    sides = made(values, **own)
    assert len(sides.rows["positive"]) == 120
    # The first 120 reviews there are those of the side.
    assert len(sides.scorer["positive"]) == 10
    assert not texts(sides.scorer["positive"].rows) & texts(sides.rows["positive"].rows)


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
    sides = made(values)
    assert texts(sides.scorer["positive"].rows) | texts(sides.rows["positive"].rows) == {
        row["prompt"] + row["response"] for row in rows if row["safe"]
    }


def test_a_limit_takes_so_many_rows(values: dict[str, Any]) -> None:
    values["data"]["positive"]["limit"] = 70
    assert len(made(values).rows["positive"]) == 70 - 40


def test_sides_of_matched_length_are_equally_long(values: dict[str, Any], tmp_path: Path) -> None:
    rows = ({"text": review(BAD, n) + " indeed" * (n % 7)} for n in range(120))
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values["data"]["match_length"] = True
    sides = made(values, rows=10)
    lengths = [
        sum(map(len, sides.rows[side].completions())) / len(sides.rows[side]) for side in SIDES
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
    assert len(sides.rows["positive"]) == len(sides.rows["negative"]) < 110


def test_the_identity_is_that_of_the_rows(values: dict[str, Any], tmp_path: Path) -> None:
    before = made(values).identity
    assert made(values).identity == before
    assert made(values, prompts=14).identity != before
    with (tmp_path / "good.jsonl").open("a") as out:
        out.write(json.dumps({"text": "something else that is quite long"}) + "\n")
    assert made(values).identity != before


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"messages": [{"role": "user", "content": "hi"}]}] * 3,
            "as plain text; name their columns",
        ),
        ([{"chosen": "a b", "rejected": "a c"}] * 3, "preference, but a side needs"),
        ([{"review": "a b c"}] * 3, "the columns review make no format"),
        ([{"text": "too short"}] * 3, "no text goes on after 3 words"),
    ],
)
def test_rows_of_another_kind_are_refused(
    rows: list[Any], told: str, values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(Exception, match=told):
        made(values)


def test_prompts_of_both_sides_come_in_turn(values: dict[str, Any], tmp_path: Path) -> None:
    config = ReboundConfig.model_validate(values)
    context = RunContext(config, ModelStore(tmp_path / "models"))
    prompts = context.seed_context(0).prompts()
    held_out = context.datasets.split(0).held_out
    assert prompts[:2] == [held_out[side].prompts()[0] for side in SIDES]
    assert len(prompts) == 12
    assert len(context.seed_context(0).held_out("positive")) == 5
    with pytest.raises(InvalidArgumentError, match=r"needs data\.pairs"):
        context.seed_context(0).pairs(0, 1)
