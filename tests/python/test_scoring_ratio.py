"""Ratios of sums, and their errors against the spread of many samples."""

import numpy as np
import pytest

from elastic_core.scoring import Ratio


def test_a_ratio_divides_the_sums() -> None:
    assert Ratio.of([1, 2, 6], [1, 1, 4]).value == 1.5
    assert Ratio.of([3, 6], [1, 2]) == Ratio(3.0, 0.0)
    assert Ratio.of([3], [2]) == Ratio(1.5, None)
    assert Ratio.of([np.inf, 1], [1, 1]) == Ratio(np.inf, None)
    assert Ratio(3.0, 0.5) / 2 == Ratio(1.5, 0.25)
    assert Ratio(3.0, None) / 2 == Ratio(1.5, None)
    assert Ratio(3.0, None).to_dict() == {"value": 3.0, "standard_error": None}


def test_with_equal_units_the_error_is_that_of_a_mean() -> None:
    values = [1.0, 4.0, 2.5, 0.0]
    ratio = Ratio.of(values, np.full(4, 2))
    assert ratio.standard_error == pytest.approx(np.std(values, ddof=1) / 2 / 2)


def test_the_error_of_a_ratio_matches_the_spread_over_samples() -> None:
    random = np.random.default_rng(0)
    units = random.integers(1, 50, (2000, 200))
    amounts = units * random.normal(2, 0.3, units.shape) + random.normal(0, 4, units.shape)
    ratios = [Ratio.of(*sample) for sample in zip(amounts, units, strict=True)]
    errors = [ratio.standard_error or 0 for ratio in ratios]
    assert np.mean(errors) == pytest.approx(np.std([ratio.value for ratio in ratios]), rel=0.05)
