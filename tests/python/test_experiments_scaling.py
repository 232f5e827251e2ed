"""The scaling study: planted trends at equal gain, end to end over sizes and pre-training."""

import math
from pathlib import Path
from typing import Any

import pytest
from planted_arms import NAMED, planted, verdicts
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import Run, experiment
from elastic_core.experiments.studies.scaling import ScalingConfig, analyse, lineages

MODELS = ["tree:2", "tree:4", "tree:8"]


@pytest.mark.parametrize(
    ("exponent", "verdict"),
    [(-1.0, "holds"), (1.0, "does not hold"), (0.0, "no difference beyond ±0.1")],
)
def test_a_planted_trend_over_sizes_is_found(exponent: float, verdict: str) -> None:
    values = {**NAMED, "models": MODELS, "align": [16, 32, 64, 128], "dose": [8, 32, 128, 512]}
    config = parse_config({**values, "seeds": 6}, ScalingConfig, "test")

    def size_of(lineage: Lineage) -> float:
        return float(lineage.labels["size"])

    def gain(lineage: Lineage, volume: int) -> float:
        return 1e-4 * volume * size_of(lineage) / 2  # A larger model learns faster.

    def left(lineage: Lineage, _: int, __: str, dose: int) -> float:
        return math.exp(-dose / (60 * (size_of(lineage) / 4) ** exponent))

    analysis = analyse(config, planted(config, lineages(config), gain, left, noise=1e-5))
    found = verdicts(analysis)
    assert found["returns"] == "holds"
    assert found["faster"] == verdict
    stops = next(table for table in analysis.tables if table.name == "matched")
    assert [getattr(row[1], "mean", None) for row in stops.rows[1:]] == [64, 32, 16]


def test_unequal_gains_support_no_verdict() -> None:
    values = {**NAMED, "models": MODELS, "align": [16, 32], "dose": [8, 32], "seeds": 4}
    config = parse_config(values, ScalingConfig, "test")

    def gain(lineage: Lineage, volume: int) -> float:
        return volume * float(10.0 ** -float(lineage.labels["size"]))

    rows = planted(config, lineages(config), gain, lambda *_: 0.1, noise=1e-12)
    analysis = analyse(config, rows)
    assert verdicts(analysis)["faster"] == "no verdict"
    assert "at the volumes whose gains are closest" in analysis.findings[1].words


def test_models_are_placed_by_their_size() -> None:
    models = ["scratch:0.3M", "scratch:1M"]
    config = parse_config({**NAMED, "models": models}, ScalingConfig, "test")
    small, large = (x for _, _, x in config.points())
    assert 2e5 < small < 5e5 < large < 2e6
    trees = parse_config({**NAMED, "models": ["tree:2", "tree:8"]}, ScalingConfig, "test")
    assert [x for _, _, x in trees.points()] == [2.0, 8.0]
    with pytest.raises(InvalidArgumentError, match="hf:one: its size is unknown"):
        parse_config({**NAMED, "models": ["hf:one", "hf:two"]}, ScalingConfig, "test")


def run(values: dict[str, Any], folder: Path, **more: Any) -> Run:
    return experiment(parse_config({**values, **more}, ScalingConfig, "test"), folder, jobs=1)


def test_scaling_runs_over_depths_and_pretraining_volumes(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "align": [10, 20], "dose": [10], "seeds": 2}
    depths = run(values, tmp_path / "a", models=["tree:2", "tree:4"])
    assert [row[0] for row in depths.analysis.tables[1].rows] == ["base", "tree:2", "tree:4"]
    assert len(depths.folder.rows()) == 2 * 2 * (1 + 2 + 1 + 1)
    more = {"along": "pretraining", "pretraining": [2000, 4000], "seeds": 1}
    more |= {"null_model": "tree:1"}
    volumes = run(values, tmp_path / "b", **more)
    names = [row[0] for row in volumes.analysis.tables[1].rows]
    assert names == ["base", "2.0 k tokens", "4.0 k tokens"]
    rows = volumes.folder.rows()
    assert len([row for row in rows if row["labels"].get("null") == "tree:1"]) == len(rows) / 2
    curves, trend = volumes.analysis.figures
    assert [series.name for series in trend.panels[0].series] == ["opposite", "tree:1, opposite"]
    assert curves.panels[0].series[-1].name.startswith("tree:1")


def test_a_null_model_has_the_same_half_dose_along_sizes() -> None:
    values = {**NAMED, "models": MODELS, "align": [16, 32], "dose": [8, 32]}
    values |= {"null_model": "tree:1"}
    config = parse_config({**values, "seeds": 2}, ScalingConfig, "test")

    def left(lineage: Lineage, _: int, __: str, dose: int) -> float:
        return math.exp(-dose / (10 if lineage.model == "tree:1" else 20))

    rows = planted(config, lineages(config), lambda _, volume: 1e-3 * volume, left)
    analysis = analyse(config, rows)
    own, null = analysis.figures[-1].panels[0].series
    assert len({point.mean for point in null.y}) == 1
    assert null.y[0].mean < own.y[0].mean
    assert [row[0] for row in analysis.tables[1].rows] == ["base", *MODELS]


@pytest.mark.usefixtures("one_thread")
def test_scaling_uses_the_checkpoints_of_one_pretraining(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    values["pretrain"] |= {"tokens": 16384, "checkpoints": [8192]}
    more = {"align": [8], "dose": [8], "along": "pretraining", "pretraining": [8192, 16384]}
    rows = run(values, tmp_path / "run", **more).folder.rows()
    rates = [row["rate_pretrain"] for row in rows if row["labels"]["stage"] == "base"]
    assert len(set(rates)) == 2
