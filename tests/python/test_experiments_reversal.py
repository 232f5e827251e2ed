"""The reversal study: its search compared with trying every number, end to end, planted rows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_curves import NAMED, base_rows, verdicts
from reviews import for_transformer, write_reviews

from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.experiments.studies.reversal import (
    ReversalConfig,
    analyse,
    run_search,
    smallest_sufficient,
)
from elastic_core.statistics.intervals import Interval


@given(st.integers(1, 16), st.integers(1, 500), st.integers(0, 600))
def test_the_search_finds_the_smallest_sufficient_number_of_a_monotone_test(
    step: int, most: int, needed: int
) -> None:
    tried: list[int] = []

    def is_sufficient(number: int) -> bool:
        tried.append(number)
        return number >= needed

    most = max(most, step)
    result = run_search(smallest_sufficient(step, most), is_sufficient)
    sufficient = [number for number in (*range(step, most + 1, step), most) if number >= needed]
    if not sufficient:
        assert result is None
    else:
        assert result is not None
        assert result - step < sufficient[0] <= result
    assert len(tried) == len(set(tried))
    assert len(tried) <= 2 * (most // step).bit_length() + 2
    assert max(tried) <= most


@given(st.integers(1, 8), st.lists(st.booleans(), min_size=8, max_size=300))
def test_the_result_suffices_and_one_step_less_does_not(step: int, suffices: list[bool]) -> None:
    tried: dict[int, bool] = {}

    def is_sufficient(number: int) -> bool:
        return tried.setdefault(number, suffices[number - 1])

    result = run_search(smallest_sufficient(step, len(suffices)), is_sufficient)
    if result is None:
        assert not any(tried.values())
        return
    assert tried[result]
    below = [number for number in tried if number < result]
    if below:
        assert result - max(below) <= step
        assert not tried[max(below)]


def test_the_search_returns_the_first_step_the_last_number_or_none() -> None:
    assert run_search(smallest_sufficient(8, 100), lambda _: True) == 8
    assert run_search(smallest_sufficient(8, 100), lambda _: False) is None
    assert run_search(smallest_sufficient(8, 100), lambda number: number == 100) == 100


@pytest.fixture(scope="module")
def config() -> ReversalConfig:
    values = {"align": [250, 1000], "reverse": 800, "step": 8, "eps": 0.02}
    return parse_config({**NAMED, **values}, ReversalConfig, "test")


def searched(config: ReversalConfig, needed: dict[int, int]) -> list[dict[str, Any]]:
    """The rows of searches, given the number of rows needed after each alignment.

    Each seed needs 8 rows more than the one before.
    """
    rows = base_rows(config.seed_range)
    for seed in config.seed_range:
        for align, count in needed.items():
            tried: list[int] = []
            threshold = count + 8 * seed

            def is_sufficient(
                number: int, tried: list[int] = tried, threshold: int = threshold
            ) -> bool:
                tried.append(number)
                return number >= threshold

            run_search(smallest_sufficient(config.step, config.reverse), is_sufficient)
            for number in (0, *tried):
                stage = {"stage": "reverse", "reverse": number} if number else {"stage": "align"}
                row = {"seed": seed, "first": "positive", "align": align, **stage, "score": 0.6}
                rows.append({**row, "name": "", "kl": 0.0 if number >= threshold else 0.2})
    return rows


def test_the_planted_numbers_of_rows_are_recovered(config: ReversalConfig) -> None:
    analysis = analyse(config, searched(config, {250: 400, 1000: 200}))
    assert verdicts(analysis) == {
        "Undoing an alignment takes less data than making it.": "holds",
        "After more alignment, less reverse data is needed.": "holds",
    }
    [table] = analysis.tables
    for row, count in zip(table.rows, (400, 200), strict=True):
        needed = row[3]
        assert isinstance(needed, Interval)
        assert needed.mean == pytest.approx(count + 8 * 2)
        assert row[-1] == "5 of 5"


def test_an_alignment_that_is_harder_to_undo_is_reported(
    config: ReversalConfig,
) -> None:
    config = config.model_copy(update={"align": [100, 200]})
    assert verdicts(analyse(config, searched(config, {100: 200, 200: 600}))) == {
        "Undoing an alignment takes less data than making it.": "does not hold",
        "After more alignment, less reverse data is needed.": "does not hold",
    }


def test_models_that_do_not_return_are_counted(config: ReversalConfig) -> None:
    analysis = analyse(config, searched(config, {250: 400, 1000: 9999}))
    assert analysis.tables[0].rows[1][-1] == "0 of 5"
    assert "5 of 10 models did not return" in analysis.notes[-1]
    assert verdicts(analysis)["After more alignment, less reverse data is needed."] == "open"


def test_an_alignment_within_eps_of_the_base_supports_no_verdict(config: ReversalConfig) -> None:
    rows = searched(config, {250: 400, 1000: 200})
    for row in rows:
        if row.get("align") == 1000 and row["stage"] == "align" and row["seed"] == 0:
            row["kl"] = 0.0
    analysis = analyse(config, rows)
    assert set(verdicts(analysis).values()) == {"open"}
    assert all("did not move the model beyond eps" in one.words for one in analysis.findings)


def test_a_run_agrees_with_training_on_every_number(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "seeds": 1, "align": [30]}
    more = {"step": 4, "reverse": 28, "target": "score", "eps": 0.0}
    config = parse_config({**values, **more}, ReversalConfig, "test")
    needed = experiment(config, tmp_path / "run", jobs=1).analysis.tables[0].rows[0][3]
    assert isinstance(needed, Interval)
    all_numbers = list(range(4, 29, 4))
    all_volumes = parse_config({**values, "reverse": all_numbers}, ReboundConfig, "test")
    scores = {
        row["labels"].get("reverse", row["labels"]["stage"]): row["score"]
        for row in experiment(all_volumes, tmp_path / "all", jobs=1).folder.rows()
    }
    sufficient = [number for number in all_numbers if scores[number] <= scores["base"]]
    if scores["align"] <= scores["base"]:
        assert needed.mean == 0
    elif needed.count:
        number = int(needed.mean)
        assert number in sufficient
        assert number == 4 or number - 4 not in sufficient
    else:
        assert not {4, 8, 16, 28} & set(sufficient)


@pytest.mark.usefixtures("one_thread")
def test_reversal_runs_on_a_transformer(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    more = {"align": [16], "reverse": 16, "step": 8, "eps": 1e-9}
    config = parse_config({**values, **more}, ReversalConfig, "test")
    run = experiment(config, tmp_path / "run", jobs=1)
    tried = [row["labels"].get("reverse") for row in run.folder.rows()]
    assert tried == [None, None, 8, 16]
    assert run.analysis.tables[0].rows[0][-1] == "0 of 1"
