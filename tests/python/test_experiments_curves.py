"""Curves of studies: falls and half doses of known curves, and the wording of findings."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core.experiments.analysis import Grid, judged, with_ci, with_test
from elastic_core.experiments.curves import fit_falls, half_dose
from elastic_core.statistics.intervals import Interval, PairedComparison, interval


@given(st.floats(0.1, 1), st.floats(0.05, 0.9), st.floats(20, 2000))
def test_an_exponential_is_recovered(start: float, depth: float, scale: float) -> None:
    volumes = [0.0, 50, 100, 200, 400, 800, 1600]
    plateau = start - depth
    values = [plateau + depth * math.exp(-n / scale) for n in volumes]
    falls = fit_falls(volumes, values)
    assert falls.first[0] == pytest.approx((values[0] - values[1]) * 2)
    assert falls.total[0] == pytest.approx(values[0] - values[-1])
    assert falls.plateau[0] == pytest.approx(plateau, abs=0.05 * depth + 1e-6)
    assert falls.rows_to_plateau[0] == pytest.approx(scale * math.log(10), rel=0.05)


def test_a_curve_of_few_points_has_no_plateau() -> None:
    falls = fit_falls([0, 10, 20], [[1.0, 0.5, 0.4], [math.nan, 1.0, 0.5]])
    assert falls.first[0] == pytest.approx(5.0)
    assert math.isnan(falls.plateau[0])
    assert math.isnan(falls.first[1])


def test_a_curve_that_reaches_no_plateau_has_none() -> None:
    volumes = [0.0, 50, 100, 200, 400]
    straight = [0.9 - 0.001 * n for n in volumes]
    at_once = [0.9, 0.5, 0.5, 0.5, 0.5]
    below_zero = [-0.2 + 1.1 * math.exp(-n / 300) for n in volumes]
    falls = fit_falls(volumes, [straight, at_once, below_zero], (0.0, 1.0))
    assert np.isnan(falls.plateau[[0, 2]]).all()
    assert falls.plateau[1] == pytest.approx(0.5, abs=1e-4)
    assert np.isnan(falls.rows_to_plateau).all()
    assert falls.total == pytest.approx([0.4, 0.4, 1.1 * (1 - math.exp(-4 / 3))])
    unbounded = fit_falls(volumes, below_zero)
    assert unbounded.plateau[0] == pytest.approx(-0.2, abs=0.01)


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
    assert dose.rows[:3] == pytest.approx([150, 400, 100])
    assert np.isnan(dose.rows[[3, 5]]).all()
    assert dose.rows[4] == pytest.approx(100)
    assert dose.is_censored.tolist() == [False, True, False, False, False, False]


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.lists(st.integers(1, 100), min_size=8, max_size=8),
)
def test_falling_gains_are_interpolated(falls: list[float], steps: list[int]) -> None:
    gains = np.concatenate([[0], -np.cumsum(falls)]) + np.sum(falls) * 1.5
    volumes = np.concatenate([[0], np.cumsum(steps[: len(falls)])])
    dose = half_dose(volumes.tolist(), gains)
    assert dose.rows[0] == pytest.approx(np.interp(-gains[0] / 2, -gains, volumes))
    assert dose.is_censored[0] == (gains[-1] > gains[0] / 2)


def test_a_finding_holds_only_if_the_interval_excludes_zero() -> None:
    above = interval([1.0, 1.1, 0.9, 1.2])
    assert judged("", 1, above, "").verdict == "holds"
    assert judged("", -1, above, "").verdict == "does not hold"
    assert judged("", 1, interval([1.0, -1.1, 0.9, -0.7]), "").verdict == "open"
    assert judged("", 1, interval([0.5]), "").verdict == "open"


def test_intervals_of_bounded_metrics_stay_within_their_bounds() -> None:
    names = ("score", "kl", "rate_positive", "scorer_accuracy")
    rows: list[dict[str, Any]] = [
        {"seed": seed, **dict.fromkeys(names, value)}
        for seed, value in enumerate((0.02, 0.99, 0.98))
    ]
    grid = Grid(rows, range(3))
    assert (grid.interval("score").low, grid.interval("score").high) == (0, 1)
    assert grid.interval("kl").low == grid.interval("rate_positive").low == 0
    assert (grid.interval("kl").high or 0) > 1
    for row in rows:
        del row["scorer_accuracy"]
    assert (Grid(rows, range(3)).interval("score").high or 0) > 1  # A reward has no bounds.


def test_numbers_are_formatted_with_their_intervals() -> None:
    difference = Interval(-18.0, -31.0, -0.2, 5)
    assert with_ci(difference, 0) == "-18 (95% CI -31 to 0)"
    assert with_ci(Interval(0.5, None, None, 1)) == "0.500"
    assert with_ci(interval([math.nan])) == "-"
    text = with_test(PairedComparison(difference, 0.0625), 1)
    assert text == "-18.0 (95% CI -31.0 to -0.2); sign-flip test p = 0.062"
