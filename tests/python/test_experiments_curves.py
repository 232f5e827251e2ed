"""Points on curves, shares of alignments, equal gains and the wording of intervals."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_arms import NAMED, planted
from scipy.stats import spearmanr

from elastic_core.experiments.analysis import Grid, with_ci
from elastic_core.experiments.arms.curves import first_crossing, half_dose
from elastic_core.experiments.arms.matching import all_volumes, matched
from elastic_core.experiments.arms.outcome import Outcome
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.studies.mitigation import MitigationConfig
from elastic_core.experiments.studies.mitigation import lineages as variants
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.experiments.studies.sides import lineages
from elastic_core.statistics.effects import over_seeds
from elastic_core.statistics.intervals import Interval


def test_the_half_dose_is_found() -> None:
    volumes = (0, 100, 200, 400)
    gains = [
        [0.4, 0.3, 0.1, 0.0],  # Between 100 and 200.
        [0.4, 0.3, 0.3, 0.25],  # Never.
        [0.4, 0.1, 0.3, 0.1],  # The value at 100 is noise: the fit stays at 0.2 from there on.
        [-0.1, -0.2, -0.3, -0.4],
        [0.4, np.nan, 0.0, 0.0],
        [np.nan, 0.3, 0.1, 0.0],
    ]
    dose = half_dose(volumes, gains)
    assert dose[:3].tolist() == pytest.approx([150, math.inf, 100])
    assert np.isnan(dose[[3, 5]]).all()
    assert dose[4] == pytest.approx(100)


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.lists(st.integers(1, 100), min_size=8, max_size=8),
)
def test_falling_gains_are_interpolated(falls: list[float], steps: list[int]) -> None:
    gains = np.concatenate([[0], -np.cumsum(falls)]) + np.sum(falls) * 1.5
    volumes = np.concatenate([[0], np.cumsum(steps[: len(falls)])])
    dose = half_dose(volumes.tolist(), gains)[0]
    if gains[-1] > gains[0] / 2:
        assert dose == math.inf
    else:
        assert dose == pytest.approx(np.interp(-gains[0] / 2, -gains, volumes))


def test_the_first_crossing_of_a_level_is_found() -> None:
    volumes = (0, 10, 20)
    values = [
        [1.0, 0.0, 2.0],
        [1.0, 0.8, 0.6],
        [0.1, 0.5, 0.9],
        [np.nan, 0.0, 0.0],
        [1.0, np.nan, 0.0],
        [1.0, np.nan, np.nan],
    ]
    found = first_crossing(volumes, values, 0.2)
    assert found[:3].tolist() == pytest.approx([8, math.inf, 0])
    assert np.isnan(found[[3, 5]]).all()
    assert found[4] == pytest.approx(16)


def test_alignments_with_the_negative_side_count_with_the_opposite_sign() -> None:
    values = {**NAMED, "align": [32], "dose": [8, 16], "first": ["positive", "negative"]}
    config = parse_config(values, ReboundConfig, "test")

    def left(*_: Any) -> float:
        return 0.25

    rows = planted(config, lineages(config), lambda *_: 0.02, left)
    outcome = Outcome(Grid(rows, config.seed_range), "margin", config.doses)
    for lineage in lineages(config):
        (alignment,) = all_volumes(config, lineage)
        assert outcome.aligned(alignment) == pytest.approx(0.02)
        assert outcome.lost(alignment, "opposite") == pytest.approx(0.75)
        assert outcome.has_moved(alignment)


def test_alignments_stop_where_their_gains_are_equal() -> None:
    values = {**NAMED, "study": "mitigation", "align": [8, 16, 32, 64], "dose": [8], "seeds": 3}
    config = parse_config(values, MitigationConfig, "test")

    def gain(lineage: Lineage, volume: int) -> float:
        return volume * (1.0 if lineage.name == "plain" else 0.5)

    rows = planted(config, variants(config), gain, lambda *_: 1.0)
    grid = Grid(rows, config.seed_range)
    (plain, mixed), nulls = matched(config, variants(config), grid)
    assert not nulls
    assert (plain.volumes == 32).all()
    assert (mixed.volumes == 64).all()
    absolute = config.model_copy(update={"gain": 7.0})
    (plain, mixed), _ = matched(absolute, variants(config), grid)
    assert (plain.volumes == 8).all()
    assert (mixed.volumes == 16).all()
    (planned, _), _ = matched(config, variants(config), Grid([], config.seed_range))
    assert (planned.volumes == 64).all()


def test_a_null_model_stops_at_half_of_its_own_gain() -> None:
    values = {**NAMED, "study": "mitigation", "align": [8, 16, 32], "dose": [8]}
    values |= {"null_model": "tree:1"}
    config = parse_config({**values, "gain": 7.0}, MitigationConfig, "test")

    def gain(lineage: Lineage, volume: int) -> float:
        return volume * (100.0 if lineage.model == "tree:1" else 1.0)

    rows = planted(config, variants(config), gain, lambda *_: 1.0)
    (plain, mixed), (null,) = matched(config, variants(config), Grid(rows, config.seed_range))
    assert [plain.name, mixed.name, null.name] == ["plain", "mixed", "tree:1 plain"]
    assert (plain.volumes == 8).all()
    assert (null.volumes == 16).all()


def test_metrics_rank_the_rows_of_a_seed() -> None:
    scores = [0.5, 0.9, 0.9, None, 0.1, 0.4]
    rows: list[dict[str, Any]] = [
        {"seed": 0, "name": str(margin), "margin": margin, "score": score}
        for margin, score in enumerate(scores)
    ]
    rows[4]["diverged"] = True
    rows += [{"seed": 0, "null": "tree:1", "margin": 9.0, "score": 0.0}]
    rows += [{"seed": 1, "margin": margin, "score": 0.5} for margin in range(4)]
    rows += [{"seed": 2, "margin": margin, "score": -margin} for margin in (1, 2)]
    found = Grid(rows, range(3)).rank_correlations("margin", "score")
    assert found[0] == pytest.approx(spearmanr([0, 1, 2, 5], [0.5, 0.9, 0.9, 0.4]).statistic)
    assert np.isnan(found[1:]).all()


def test_numbers_are_formatted_with_their_intervals() -> None:
    difference = Interval(-18.0, -31.0, -0.2, 5)
    assert with_ci(difference, 0) == "-18 (95% CI -31 to 0)"
    assert with_ci(Interval(0.5, None, None, 1)) == "0.500"
    assert with_ci(over_seeds([math.nan])) == "-"
