"""Rebound, reversal and scaling: end to end, and on rows whose truth is known."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reviews import for_transformer, write_reviews

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.bisection import found, least
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies import find_study
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.experiments.studies.rebound import analyse as analyse_rebound
from elastic_core.experiments.studies.reversal import ReversalConfig
from elastic_core.experiments.studies.reversal import analyse as analyse_reversal
from elastic_core.experiments.studies.scaling import ScalingConfig
from elastic_core.experiments.studies.scaling import analyse as analyse_scaling
from elastic_core.statistics.intervals import Interval

NAMED: dict[str, Any] = {
    "model": "tree:4",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}


def run(values: dict[str, Any], folder: Path, **more: Any) -> Analysis:
    config = parse_config({**values, **more}, find_study(more["study"]).config, "test")
    return experiment(config, folder, jobs=1).analysis


def verdicts(analysis: Analysis) -> dict[str, str]:
    return {each.claim: each.verdict for each in analysis.findings}


def curve_rows(
    seeds: Iterable[int], align: int, values: dict[int, float], noise: float, **labels: Any
) -> list[dict[str, Any]]:
    """The rows of a curve: `values` by reverse volume, 0 the start, with noise over seeds."""
    rows = []
    for seed in seeds:
        draw = np.random.default_rng([seed, align, *map(ord, str(labels))])
        for volume, value in values.items():
            at = {"stage": "reverse", "reverse": volume} if volume else {"stage": "align"}
            score = value + noise * draw.normal()
            row = {"seed": seed, "first": "positive", "align": align, **at, **labels}
            rows.append({**row, "name": str(row), "score": score, "kl": 1 - value, "kl_base": 0.1})
    return rows


def base_rows(seeds: Iterable[int], **labels: Any) -> list[dict[str, Any]]:
    row = {"stage": "base", "name": "base", "score": 0.5, "kl": 0.0, "kl_base": 0.0, **labels}
    return [{**row, "seed": seed} for seed in seeds]


def exponential(start: float, plateau: float, scale: float) -> dict[int, float]:
    volumes = (0, 50, 100, 200, 400, 800)
    return {n: plateau + (start - plateau) * math.exp(-n / scale) for n in volumes}


@pytest.fixture(scope="module")
def rebound_config() -> ReboundConfig:
    volumes = {"align": [250, 1000], "reverse": [50, 100, 200, 400, 800]}
    return parse_config({**NAMED, **volumes}, ReboundConfig, "test")


def test_deeper_alignment_that_falls_faster_is_found(rebound_config: ReboundConfig) -> None:
    seeds = rebound_config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, 250, exponential(0.6, 0.4, 400), 0.002)
    rows += curve_rows(seeds, 1000, exponential(0.8, 0.4, 100), 0.002)
    analysis = analyse_rebound(rebound_config, rows)
    assert set(verdicts(analysis).values()) == {"holds"}
    table = next(each for each in analysis.tables if each.name == "positive-first-fall")
    plateau, rows_to = table.rows[1][4:]
    assert isinstance(plateau, Interval)
    assert isinstance(rows_to, Interval)
    assert plateau.mean == pytest.approx(0.4, abs=0.01)
    assert rows_to.mean == pytest.approx(math.log10(100 * math.log(10)), abs=0.05)


def test_deeper_alignment_that_falls_slower_is_said_to(rebound_config: ReboundConfig) -> None:
    seeds = rebound_config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, 250, exponential(0.7, 0.4, 60), 0.002)
    rows += curve_rows(seeds, 1000, exponential(0.8, 0.4, 500), 0.002)
    found = verdicts(analyse_rebound(rebound_config, rows))
    assert found["More alignment data, faster fall."] == "does not hold"
    assert found["More alignment data, earlier plateau."] == "does not hold"


def test_noise_decides_nothing(rebound_config: ReboundConfig) -> None:
    seeds = rebound_config.seed_range
    rows = base_rows(seeds)
    for align in (250, 1000):
        rows += curve_rows(seeds, align, dict.fromkeys((0, 50, 100, 200, 400, 800), 0.5), 0.05)
    found = verdicts(analyse_rebound(rebound_config, rows))
    assert found["More alignment data, faster fall."] == "open"
    assert found["Reverse data undo it."] == "open"


def test_an_elastic_tree_model_rebounds_and_a_rigid_one_does_not(tmp_path: Path) -> None:
    values = write_reviews(tmp_path)
    more = {"study": "rebound", "align": [40], "reverse": [20], "seeds": 4}
    more |= {"recipe": {"weight": 4}, "held_out": {"prompts": 24, "tokens": 40, "texts": 5}}
    elastic = run(values, tmp_path / "elastic", **more)
    rigid = run(values, tmp_path / "rigid", **more, reverse_recipe={"weight": 1e-9})
    assert verdicts(elastic)["Alignment moves the model."] == "holds"
    assert verdicts(elastic)["Reverse data undo it."] == "holds"
    assert verdicts(rigid)["Reverse data undo it."] != "holds"


@pytest.mark.usefixtures("one_thread")
def test_an_elastic_transformer_is_moved_and_a_frozen_one_is_not(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    more = {"study": "rebound", "align": [32], "reverse": [16], "cache": None}
    del more["cache"]
    config = parse_config({**values, **more}, ReboundConfig, "test")
    frozen = parse_config(
        {**values, **more, "reverse_recipe": {"learning_rate": 1e-12}}, ReboundConfig, ""
    )
    kl = {}
    for name, each in (("elastic", config), ("frozen", frozen)):
        made = experiment(each, tmp_path / name, jobs=1, cache=tmp_path / "models")
        kl[name] = {row["labels"]["stage"]: row["kl"] for row in made.folder.rows()}
    assert kl["elastic"]["base"] == 0
    assert kl["elastic"]["align"] == kl["frozen"]["align"] > 0
    assert kl["frozen"]["reverse"] == pytest.approx(kl["frozen"]["align"], rel=1e-4)
    assert kl["elastic"]["reverse"] != pytest.approx(kl["elastic"]["align"], rel=1e-2)


@pytest.fixture(scope="module")
def reversal_config() -> ReversalConfig:
    values = {"align": [250, 1000], "reverse": 800, "step": 8, "eps": 0.02}
    return parse_config({**NAMED, **values}, ReversalConfig, "test")


def searched(config: ReversalConfig, needed: dict[int, int]) -> list[dict[str, Any]]:
    """The rows of searches where so many rows are needed after each alignment, seeds apart."""
    rows = base_rows(config.seed_range)
    for seed in config.seed_range:
        for align, count in needed.items():
            tried: list[int] = []
            least_of = count + 8 * seed

            def is_enough(number: int, tried: list[int] = tried, most: int = least_of) -> bool:
                tried.append(number)
                return number >= most

            found(least(config.step, config.reverse), is_enough)
            for number in (0, *tried):
                at = {"stage": "reverse", "reverse": number} if number else {"stage": "align"}
                row = {"seed": seed, "first": "positive", "align": align, **at, "score": 0.6}
                rows.append({**row, "name": "", "kl": 0.0 if number >= least_of else 0.2})
    return rows


def test_what_reversal_takes_is_what_the_searches_found(reversal_config: ReversalConfig) -> None:
    analysis = analyse_reversal(reversal_config, searched(reversal_config, {250: 400, 1000: 200}))
    assert set(verdicts(analysis).values()) == {"holds", "open"} or verdicts(analysis)
    [table] = analysis.tables
    for row, count in zip(table.rows, (400, 200), strict=True):
        needed = row[3]
        assert isinstance(needed, Interval)
        assert needed.mean == pytest.approx(count + 8 * 2)
        assert row[-1] == "5 of 5"
    assert verdicts(analysis)["More alignment data, less reverse data needed."] == "holds"


def test_models_that_do_not_come_back_are_counted(reversal_config: ReversalConfig) -> None:
    analysis = analyse_reversal(reversal_config, searched(reversal_config, {250: 400, 1000: 9999}))
    assert analysis.tables[0].rows[1][-1] == "0 of 5"
    assert "5 of 10 models did not come back" in analysis.notes[-1]
    assert verdicts(analysis)["More alignment data, less reverse data needed."] == "open"


def test_bisection_comes_to_what_trying_every_number_does(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "seeds": 1}
    more = {"align": [30], "step": 4, "reverse": 28, "target": "score", "eps": 0.0}
    reversal = run(values, tmp_path / "run", study="reversal", **more)
    needed = reversal.tables[0].rows[0][3]
    assert isinstance(needed, Interval)
    every = list(range(4, 29, 4))
    config = parse_config({**values, "align": [30], "reverse": every}, ReboundConfig, "test")
    scores = {
        row["labels"].get("reverse", row["labels"]["stage"]): row["score"]
        for row in experiment(config, tmp_path / "all", jobs=1).folder.rows()
    }
    back = [number for number in every if scores[number] <= scores["base"]]
    if scores["align"] <= scores["base"]:
        assert needed.mean == 0
    elif needed.count:
        number = int(needed.mean)
        assert number in back
        assert number == 4 or number - 4 not in back
    else:
        assert not {4, 8, 16, 28} & set(back)


def scaled(config: ScalingConfig, scales: dict[float, float]) -> list[dict[str, Any]]:
    rows = []
    for x, scale in scales.items():
        rows += base_rows(config.seed_range, size=x)
        rows += curve_rows(config.seed_range, 100, exponential(0.8, 0.4, scale), 0.002, size=x)
    return rows


@pytest.mark.parametrize(
    ("scales", "verdict"),
    [
        ({2.0: 800, 4.0: 200, 8.0: 50}, "holds"),
        ({2.0: 50, 4.0: 200, 8.0: 800}, "does not hold"),
        ({2.0: 200, 4.0: 200, 8.0: 200}, "open"),
    ],
)
def test_the_trend_over_sizes_is_found(scales: dict[float, float], verdict: str) -> None:
    values = {"models": ["tree:2", "tree:4", "tree:8"], "align": [100]}
    values |= {"reverse": [50, 100, 200, 400, 800]}
    config = parse_config({**NAMED, **values}, ScalingConfig, "test")
    found = verdicts(analyse_scaling(config, scaled(config, scales)))
    assert found["More size, faster fall."] == verdict
    assert found["More size, earlier plateau."] == verdict


def test_scaling_runs_over_depths_and_over_pre_training(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "align": [20], "reverse": [10], "seeds": 2}
    depths = run(values, tmp_path / "a", study="scaling", models=["tree:2", "tree:4"])
    assert [row[0] for row in depths.tables[0].rows] == ["tree:2", "tree:4"]
    more = {"along": "pretraining", "pretraining": [2000, 4000]}
    read = run(values, tmp_path / "b", study="scaling", **more)
    assert [row[0] for row in read.tables[0].rows] == ["2.0 k tokens", "4.0 k tokens"]


@pytest.mark.usefixtures("one_thread")
def test_scaling_goes_over_the_checkpoints_of_one_pre_training(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    values["pretrain"] |= {"tokens": 16384, "checkpoints": [8192]}
    more = {"align": [8], "reverse": [8], "along": "pretraining", "pretraining": [8192, 16384]}
    config = parse_config({**values, **more}, ScalingConfig, "test")
    made = experiment(config, tmp_path / "run", jobs=1)
    rates = [row["rate_pretrain"] for row in made.folder.rows() if row["labels"]["stage"] == "base"]
    assert len(set(rates)) == 2


@pytest.mark.usefixtures("one_thread")
def test_reversal_runs_on_a_transformer(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    more = {"align": [16], "reverse": 16, "step": 8, "eps": 1e-9}
    config = parse_config({**values, **more}, ReversalConfig, "test")
    made = experiment(config, tmp_path / "run", jobs=1)
    tried = [row["labels"].get("reverse") for row in made.folder.rows()]
    assert tried == [None, None, 8, 16]
    assert made.analysis.tables[0].rows[0][-1] == "0 of 1"
