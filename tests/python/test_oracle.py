"""The oracle of the elasticity theorem, checked by finite differences and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracle import joint_rates

THIRDS = np.array([[1 / 3, 1 / 3, 1 / 3], [0, 1, 0], [0, 0, 1]])
"""D_p of three equal parts of one leaf each, D_a like part 2, D_t like part 3."""


def case(
    seed: int, corpora: int = 3, leaves: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distributions in which some leaves are missing, and volumes from 0.1 to 10."""
    random = np.random.default_rng(seed)
    mass = random.exponential(size=(corpora, leaves)) * random.integers(0, 2, (corpora, leaves))
    mass[:, 0] += 1e-3
    return mass / mass.sum(axis=1, keepdims=True), 10 ** random.uniform(-1, 1, corpora)


def test_rates_and_slopes_of_two_leaves_computed_by_hand() -> None:
    q, rates, slopes = joint_rates([[0.5, 0.5], [1.0, 0.0]], [1, 1])
    assert q.tolist() == [0.75, 0.25]
    assert rates == pytest.approx([0.5 * math.log2(4 / 3) + 1, math.log2(4 / 3)])
    nats = [[1 - 1 / 3 - 1, 1 - 2 / 3], [1 - 2 / 3, 1 - 4 / 3]]
    assert slopes == pytest.approx(np.array(nats) / 2 / math.log(2))


@given(seed=st.integers(0, 2**32))
def test_slopes_match_central_differences(seed: int) -> None:
    mass, volumes = case(seed)
    _, _, slopes = joint_rates(mass, volumes)
    for moved in range(len(volumes)):
        step = 1e-5 * volumes[moved] * np.eye(len(volumes))[moved]
        after, before = joint_rates(mass, volumes + step)[1], joint_rates(mass, volumes - step)[1]
        difference = (after - before) / (2 * step[moved])
        assert slopes[:, moved] == pytest.approx(difference, rel=1e-5, abs=1e-7)


@given(seed=st.integers(0, 2**32))
def test_forces_are_balanced(seed: int) -> None:
    mass, volumes = case(seed)
    q, rates, slopes = joint_rates(mass, volumes)
    assert q.sum() == pytest.approx(1)
    assert slopes == pytest.approx(slopes.T)
    assert volumes @ slopes == pytest.approx(np.zeros(len(volumes)), abs=1e-12)
    assert volumes @ rates == pytest.approx(-volumes.sum() * (q[q > 0] @ np.log2(q[q > 0])))


@pytest.mark.parametrize("k", [30.0, 1000.0])
@pytest.mark.parametrize("volume", [0.0, 0.1, 0.4])
def test_equal_thirds_match_the_closed_form(k: float, volume: float) -> None:
    _, _, slopes = joint_rates(THIRDS, [k, 1, volume])
    ratio = slopes[1, 2] / slopes[0, 2]
    assert ratio == pytest.approx(-(k + 3 * volume) / (1 - 2 * volume), rel=1e-9)
    if (k, volume) == (1000, 0.1):
        assert ratio == pytest.approx(-1250.375, rel=1e-9)


@given(seed=st.integers(0, 2**32))
def test_at_volume_0_the_law_is_off_by_the_uncovered_mass(seed: int) -> None:
    mass, (k, _, _) = case(seed)
    seen = mass[:2].any(axis=0)
    coverage = mass[2][seen].sum()
    _, _, slopes = joint_rates(mass, [k, 1, 0])
    pretrain_slope, align_slope = slopes[:2, 2] * (k + 1) / math.log2(math.e)
    assert align_slope == pytest.approx(-k * pretrain_slope + (k + 1) * (1 - coverage), abs=1e-9)


def test_a_leaf_without_mass_has_infinite_cost() -> None:
    q, rates, slopes = joint_rates([[1, 0], [0, 1]], [1, 0])
    assert q.tolist() == [1, 0]
    assert rates.tolist() == [0, math.inf]
    assert slopes[0].tolist() == pytest.approx([0, math.log2(math.e)])
    assert slopes[1, 1] == -math.inf
