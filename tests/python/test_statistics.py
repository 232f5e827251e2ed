"""Intervals and paired tests over seeds, against what is known by hand and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem, t

from elastic_core.statistics.intervals import compare_paired, interval, slope

FINITE = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(FINITE, min_size=2, max_size=8))
def test_an_interval_holds_the_mean_and_that_of_students_t(values: list[float]) -> None:
    found = interval(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
    if np.std(values) > 1e-6:
        with_t = t.interval(0.95, len(values) - 1, np.mean(values), sem(values))
        assert found.low <= with_t[0] + 1e-9
        assert found.high >= with_t[1] - 1e-9


def test_a_single_seed_has_no_interval_and_decides_nothing() -> None:
    found = interval([0.5])
    assert (found.mean, found.low, found.high, found.count) == (0.5, None, None, 1)
    assert not found.excludes_zero
    assert compare_paired([1.0], [0.0]).p is None


def test_what_is_no_number_is_left_out() -> None:
    assert interval([1.0, math.nan, 3.0]).count == 2
    assert interval([math.nan]).count == 0
    assert compare_paired([1.0, 2.0, math.nan], [0.0, math.nan, 1.0]).difference.count == 1


def test_an_interval_stays_within_what_there_can_be() -> None:
    found = interval([1.0, 0.5, 1.0], (-1, 1))
    assert (found.low, found.high) == (interval([1.0, 0.5, 1.0]).low, 1)


def test_the_sign_flip_test_is_exact() -> None:
    # All five differences are above 0: of the 32 sign flips only two are as far from 0.
    assert compare_paired([1, 2, 3, 4, 5], [0] * 5).p == pytest.approx(2 / 32)
    # Of (3, -1), (3, 1), (-3, 1), (-3, -1) all have a mean as far from 0 as 1 is.
    assert compare_paired([3, -1], [0, 0]).p == pytest.approx(1.0)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_hold_the_truth_about_as_often_as_they_say(seeds: int) -> None:
    random = np.random.default_rng(0)
    held = 0
    for sample in random.normal(size=(300, seeds)):
        found = interval(sample)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    # Plain percentiles of five numbers hold it in about 83%, of two in less than half.
    assert held / 300 > 0.92


def test_a_slope_leaves_out_what_is_no_number() -> None:
    assert slope([0, 1, 2], [1, 3, 5]) == pytest.approx(2)
    assert slope([0, 1, 2], [1, math.nan, 5]) == pytest.approx(2)
    assert math.isnan(slope([0, 1], [1, math.nan]))
