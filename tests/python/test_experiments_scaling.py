"""The scaling study: end to end over sizes and pre-training, planted curves."""

from pathlib import Path
from typing import Any

import pytest
from planted_curves import NAMED, base_rows, curve_rows, exponential, verdicts
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.scaling import ScalingConfig, analyse


@pytest.mark.parametrize(
    ("scales", "verdict"),
    [
        ({2.0: 800, 4.0: 200, 8.0: 50}, "holds"),
        ({2.0: 50, 4.0: 200, 8.0: 800}, "does not hold"),
        ({2.0: 200, 4.0: 200, 8.0: 200}, "open"),
    ],
)
def test_a_planted_trend_over_sizes_is_recovered(scales: dict[float, float], verdict: str) -> None:
    values = {"models": ["tree:2", "tree:4", "tree:8"], "align": [100]}
    values |= {"reverse": [50, 100, 200, 400, 800]}
    config = parse_config({**NAMED, **values}, ScalingConfig, "test")
    seeds = config.seed_range
    rows = []
    for size, scale in scales.items():
        rows += base_rows(seeds, size=size)
        rows += curve_rows(seeds, exponential(0.8, 0.4, scale), 0.002, align=100, size=size)
    claims = verdicts(analyse(config, rows))
    assert claims["Larger models fall faster."] == verdict
    assert claims["Larger models reach the plateau earlier."] == verdict


def test_models_are_placed_by_their_size() -> None:
    models = ["scratch:0.3M", "scratch:1M"]
    config = parse_config({**NAMED, "models": models}, ScalingConfig, "test")
    small, large = (x for _, _, x in config.points())
    assert 2e5 < small < 5e5 < large < 2e6
    trees = parse_config({**NAMED, "models": ["tree:2", "tree:8"]}, ScalingConfig, "test")
    assert [x for _, _, x in trees.points()] == [2.0, 8.0]
    with pytest.raises(InvalidArgumentError, match="hf:one: its size is unknown"):
        parse_config({**NAMED, "models": ["hf:one", "hf:two"]}, ScalingConfig, "test")


def run(values: dict[str, Any], folder: Path, **more: Any) -> Analysis:
    config = parse_config({**values, **more}, ScalingConfig, "test")
    return experiment(config, folder, jobs=1).analysis


def test_scaling_runs_over_depths_and_pretraining_volumes(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "align": [20], "reverse": [10], "seeds": 2}
    depths = run(values, tmp_path / "a", models=["tree:2", "tree:4"])
    assert [row[0] for row in depths.tables[0].rows] == ["tree:2", "tree:4"]
    volumes = run(values, tmp_path / "b", along="pretraining", pretraining=[2000, 4000])
    assert [row[0] for row in volumes.tables[0].rows] == ["2.0 k tokens", "4.0 k tokens"]


@pytest.mark.usefixtures("one_thread")
def test_scaling_uses_the_checkpoints_of_one_pretraining(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    values["pretrain"] |= {"tokens": 16384, "checkpoints": [8192]}
    more = {"align": [8], "reverse": [8], "along": "pretraining", "pretraining": [8192, 16384]}
    config = parse_config({**values, **more}, ScalingConfig, "test")
    rows = experiment(config, tmp_path / "run", jobs=1).folder.rows()
    rates = [row["rate_pretrain"] for row in rows if row["labels"]["stage"] == "base"]
    assert len(set(rates)) == 2
