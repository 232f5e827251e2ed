"""Tests of a mean over seeds, checked by hand and against scipy and statsmodels."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from elastic_core import InvalidArgumentError
from elastic_core.statistics.effects import (
    beyond_p,
    detectable_effect,
    equivalence_p,
    holm,
    is_constant,
    mixed_interval,
    over_seeds,
    seed_means,
    student_interval,
    student_p,
)

SAMPLE = np.array([0.3, 0.1, 0.25, -0.05, 0.2])
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def ends(values: np.ndarray) -> tuple[float, float]:
    estimate = student_interval(values)
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def test_draws_of_a_seed_are_averaged() -> None:
    means = seed_means(np.array([[1, 3], [np.nan, 5], [np.nan, np.nan], [np.inf, 2]]))
    assert means.tolist()[:2] == [2, 5]
    assert np.isnan(means[2])
    assert means[3] == 2
    assert seed_means([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize("values", [1.0, [], [[], []], np.zeros((2, 2, 2))])
def test_other_shapes_are_refused(values: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"shape \(seeds, draws\)"):
        seed_means(values)


def test_students_interval_and_p_value_by_hand() -> None:
    # The mean is 0.16, the squared deviations add up to 0.077, and t(0.975, 4) is 2.776.
    margin = 2.7764451 * math.sqrt(0.077 / 4 / 5)
    assert ends(SAMPLE) == pytest.approx((0.16 - margin, 0.16 + margin))
    assert student_p(SAMPLE) == pytest.approx(ttest_1samp(SAMPLE, 0).pvalue)
    assert student_interval(SAMPLE[:1]).low is None
    assert student_interval(SAMPLE[:0]).count == 0


def test_values_that_are_all_the_same_are_recognized() -> None:
    assert is_constant(np.array([0.1 + 0.2, 0.3]))
    assert is_constant(np.zeros(3))
    assert not is_constant(np.array([0.3, 0.3001]))


@pytest.mark.parametrize("margin", [0.05, 0.15, 0.2, 0.3, 1.0])
def test_two_one_sided_tests_agree_with_statsmodels(margin: float) -> None:
    p, *_ = ttost_paired(SAMPLE, np.zeros(5), -margin, margin)
    assert equivalence_p(SAMPLE, margin) == pytest.approx(p)
    assert equivalence_p(-SAMPLE, margin) == pytest.approx(p)


@given(st.lists(st.integers(-100, 100), min_size=3, max_size=9), st.floats(0.1, 200))
def test_each_p_value_agrees_with_its_interval(values: list[int], margin: float) -> None:
    sample = np.array(values, np.float64)
    if is_constant(sample):
        return
    error = sample.std(ddof=1) / math.sqrt(len(sample))
    narrow = np.abs(t.interval(0.9, len(sample) - 1, sample.mean(), error)).max()
    low, high = ends(sample)
    if abs(narrow - margin) > 1e-6:
        assert (equivalence_p(sample, margin) <= 0.05) == (narrow < margin)
    if min(abs(low - margin), abs(high + margin)) > 1e-6:
        assert (beyond_p(sample, margin) <= 0.05) == (low > margin or high < -margin)


@pytest.mark.parametrize("seeds", [3, 4, 5, 10, 20, 200])
def test_the_detectable_effect_agrees_with_statsmodels(seeds: int) -> None:
    sample = np.random.default_rng(seeds).normal(size=seeds)
    size = TTestPower().solve_power(nobs=seeds, alpha=0.05, power=0.8)
    assert detectable_effect(sample) == pytest.approx(size * sample.std(ddof=1), rel=1e-4)


def test_the_detectable_effect_is_found_as_often_as_its_power() -> None:
    sample = np.array([-1.0, 0, 1])
    random = np.random.default_rng(0)
    repeats = detectable_effect(sample) + random.normal(size=(20_000, 3))
    found = ttest_1samp(repeats, 0, axis=1).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_holms_correction_by_hand() -> None:
    # 3 x 0.01; 2 x 0.03; and 1 x 0.04, which may not be below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])


@given(P_VALUES)
def test_holms_correction_rejects_step_by_step(p: list[float]) -> None:
    for alpha in (0.05, 0.5):
        rejected = []
        for left, value in zip(range(len(p), 0, -1), sorted(p), strict=True):
            if left * value > alpha:
                break
            rejected.append(value)
        adjusted = holm(p)
        assert [value for value, each in zip(p, adjusted, strict=True) if each <= alpha] == [
            value for value in p if value in rejected
        ]


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_holms_correction_agrees_with_statsmodels(count: int) -> None:
    p = np.random.default_rng(count).uniform(size=count) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_the_mixed_model_gives_a_missing_draw_less_weight() -> None:
    # Without variance between seeds, the mean of all draws is best, not the mean of the means.
    values = np.array([[1.0, -1.0], [-1.2, 1.2], [0.8, -0.8], [2.0, math.nan]])
    mixed = mixed_interval(values)
    assert mixed is not None
    assert mixed.mean == pytest.approx(np.nanmean(values), abs=1e-3)
    assert seed_means(values).mean() == pytest.approx(0.5)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0],
        [[1.0], [2.0], [3.0]],
        [[1.0, 2.0], [3.0, 4.0]],
        [[1.0, math.nan], [math.nan, 2.0], [3.0, math.nan]],
        [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]],
        [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]],
        [[math.nan, math.nan]] * 3,
    ],
)
def test_the_mixed_model_needs_seeds_and_draws_that_differ(values: list[Any]) -> None:
    assert mixed_interval(values) is None


@pytest.mark.parametrize("between", [0.0, 0.05, 0.5, 3.0, 1e3])
def test_the_mixed_model_agrees_with_the_analysis_of_variance(between: float) -> None:
    # With balanced draws, restricted maximum likelihood has a closed form: the error of the mean
    # follows from the mean square between seeds or, where that within is larger, from all values.
    random = np.random.default_rng(5)
    for seeds, draws in ((3, 2), (5, 2), (8, 3), (20, 2)):
        values = 50 + between * random.normal(size=(seeds, 1)) + random.normal(size=(seeds, draws))
        mean_square = draws * values.mean(axis=1).var(ddof=1)
        within = values.var(axis=1, ddof=1).mean()
        variance = mean_square if mean_square > within else values.var(ddof=1)
        margin = t.ppf(0.975, seeds - 1) * math.sqrt(variance / values.size)
        mixed = mixed_interval(values)
        assert mixed is not None
        assert (mixed.mean, mixed.low, mixed.high) == pytest.approx(
            (values.mean(), values.mean() - margin, values.mean() + margin), abs=1e-3 * margin
        )


def test_intervals_over_seeds_are_clipped_and_average_draws() -> None:
    values = [[0.9, 1.1], [0.4, math.nan], [1.0, 1.0], [math.nan, math.nan]]
    free, clipped = over_seeds(values), over_seeds(values, (0.0, 1.0))
    assert free.count == 3
    assert free.mean == clipped.mean == pytest.approx(0.8)
    assert free.high is not None
    assert free.high > 1
    assert (clipped.low, clipped.high) == (max(free.low or 0, 0.0), 1.0)
    assert over_seeds([0.5], (0.0, 1.0)).low is None
