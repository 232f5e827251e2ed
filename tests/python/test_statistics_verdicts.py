"""Verdicts: the rules by hand, planted effects, error rates of families, and symmetries."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from elastic_core import InvalidArgumentError
from elastic_core.statistics.verdicts import Verdict, correct, judge

LOG_VOLUMES = np.log2([25, 50, 100, 200, 400])
SIMULATIONS = 200
SAMPLES = st.lists(st.integers(-50, 50), min_size=3, max_size=9)
SIGNS = st.sampled_from([-1, 0, 1])
SMALLEST = st.integers(1, 60)


def around(mean: float, spread: float) -> NDArray[np.float64]:
    """Five values with this mean, and a standard error of spread / sqrt(5)."""
    return mean + spread * np.array([-1.0, -1, 0, 1, 1])


# Rules. A spread of 0.1 over five seeds has a standard error of 0.0447; the 95% interval reaches
# 2.78 of them, 0.124, to either side, the 90% interval 2.13 of them, 0.095.


@pytest.mark.parametrize(
    ("mean", "sign", "smallest", "verdict"),
    [
        (0.3, 1, 0.1, "holds"),
        (-0.3, -1, 0.1, "holds"),
        (-0.3, 1, 0.1, "does not hold"),
        (0.3, -1, 0.1, "does not hold"),
        # Certainly positive, though perhaps smaller than what is of interest.
        (0.13, 1, 0.2, "holds"),
        # Certainly positive, and certainly smaller than what is of interest.
        (0.13, 1, 0.25, "no difference beyond ±0.25"),
        (0.13, -1, 0.25, "no difference beyond ±0.25"),
        (0.0, 1, 0.1, "no difference beyond ±0.1"),
        (0.0, 1, 0.09, "cannot tell"),
        (0.12, 1, 0.2, "cannot tell"),
        # Claims of no effect.
        (0.0, 0, 0.1, "holds"),
        (0.13, 0, 0.25, "holds"),
        (0.3, 0, 0.1, "does not hold"),
        (-0.3, 0, 0.1, "does not hold"),
        (0.2, 0, 0.1, "cannot tell"),
        (0.0, 0, 0.09, "cannot tell"),
    ],
)
def test_the_verdict_follows_the_rules(
    mean: float, sign: int, smallest: float, verdict: str
) -> None:
    judged = judge(around(mean, 0.1), sign, smallest)
    assert judged.verdict == verdict
    assert judged.estimate.mean == pytest.approx(mean)
    assert judged.p is not None
    assert judged.p_equivalence is not None
    assert judged.detectable is not None
    assert not judged.reason


def test_the_detectable_effect_is_in_the_unit_of_the_estimates() -> None:
    # G*Power: a standardized effect of 1.682 has a power of 80% with five pairs.
    judged = judge(around(0.0, 1.0), 1, 0.1)
    assert judged.verdict == "cannot tell"
    assert judged.detectable == pytest.approx(1.682, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([math.nan] * 5, "No seed has an estimate."),
        ([1.0], "Only 1 seed has an estimate; a verdict needs 3 seeds."),
        ([1.0, 1.1], "Only 2 seeds have an estimate; a verdict needs 3 seeds."),
        ([1.0, math.nan, math.inf], "Only 1 of 3 seeds has an estimate; a verdict needs 3 seeds."),
        ([[1.0, 1.1], [math.nan, math.nan]], "Only 1 of 2 seeds has an estimate; a verdict"),
        ([64.0] * 5, "All seeds have the same estimate, so the variation between seeds is unknown"),
        ([0.0] * 5, "All seeds have the same estimate"),
    ],
)
def test_there_is_no_verdict_without_enough_seeds(values: list[float], reason: str) -> None:
    judged = judge(values, 1, 0.1)
    assert judged.verdict == "no verdict"
    assert reason in judged.reason
    assert (judged.p, judged.p_equivalence, judged.detectable) == (None, None, None)


def test_there_is_no_verdict_where_a_precondition_fails() -> None:
    judged = judge(around(0.3, 0.1), 1, 0.1, "The alignment did not move the model.")
    assert judged.verdict == "no verdict"
    assert judged.reason == "The alignment did not move the model."
    assert judged.estimate.mean == pytest.approx(0.3)


def test_missing_seeds_are_counted_and_missing_draws_averaged() -> None:
    judged = judge([[0.2, 0.4], [math.nan, 0.2], [math.nan] * 2, [0.5, 0.1]], 1, 0.1)
    assert (judged.missing, judged.estimate.count) == (1, 3)
    assert judged.estimate.mean == pytest.approx((0.3 + 0.2 + 0.3) / 3)


@pytest.mark.parametrize("smallest", [0, -0.1, math.nan, math.inf])
def test_a_smallest_effect_is_a_positive_number(smallest: float) -> None:
    with pytest.raises(InvalidArgumentError, match="provide a number above 0"):
        judge(around(0.3, 0.1), 1, smallest)


def test_other_signs_and_shapes_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="sign 2: choose 1, -1, or 0"):
        judge(around(0.3, 0.1), 2, 0.1)
    with pytest.raises(InvalidArgumentError, match=r"shape \(0,\)"):
        judge([], 1, 0.1)


# Families


def test_the_corrected_p_value_decides() -> None:
    weak = judge(around(0.13, 0.1), 1, 0.2)
    assert weak.kind == "holds"
    assert weak.p == pytest.approx(0.044, abs=1e-3)
    family = correct([weak, judge(around(0.6, 0.1), 1, 0.2), judge(around(0.5, 0.1), -1, 0.2)])
    assert [verdict.kind for verdict in family] == ["holds", "holds", "does not hold"]
    family = correct([weak, judge(around(0.0, 0.2), 1, 0.01)])
    assert [verdict.kind for verdict in family] == ["cannot tell", "cannot tell"]
    assert family[0].p == weak.p
    assert family[0].p_adjusted == pytest.approx(2 * (weak.p or 0))


def test_claims_without_a_verdict_count_towards_the_family() -> None:
    unmet = judge(around(0.6, 0.1), 1, 0.2, "It did not move.")
    weak, other = correct([judge(around(0.13, 0.1), 1, 0.2), unmet])
    assert weak.kind == "cannot tell"
    assert other == unmet
    assert correct([]) == ()


# Planted effects. A study has 20 seeds with two draws each; the half-dose of each draw is measured
# at five alignment volumes, on a log scale. A seed's slope varies, and each measurement has noise.


def slopes(random: np.random.Generator, planted: float, spread: float) -> NDArray[np.float64]:
    """Slopes of log2 half-dose on log2 rows, shape (20, 2)."""
    seeds = planted + 0.7 * spread * random.normal(size=(20, 1, 1))
    halves = 7 + seeds * LOG_VOLUMES + spread * random.normal(size=(20, 2, 5))
    return np.asarray(np.polyfit(LOG_VOLUMES, halves.reshape(40, 5).T, 1)[0].reshape(20, 2))


def test_planted_slopes_get_the_right_verdict() -> None:
    planted = {
        -0.1: "holds",
        0.0: "no difference beyond ±0.05",
        0.1: "does not hold",
    }
    random = np.random.default_rng(0)
    right: Counter[float] = Counter()
    for _ in range(SIMULATIONS):
        family = correct([judge(slopes(random, each, 0.05), -1, 0.05) for each in planted])
        right.update(
            each
            for (each, expected), verdict in zip(planted.items(), family, strict=True)
            if verdict.verdict == expected
        )
    assert min(right[each] for each in planted) >= 0.95 * SIMULATIONS


def placebo(
    random: np.random.Generator, studies: int, seeds: int, claims: int
) -> Iterator[list[Verdict]]:
    """Families of claims that compare arms without effect to the same placebo."""
    arms = random.normal(size=(studies, claims, seeds))
    same = random.normal(size=(studies, 1, seeds))
    for family in arms - same:
        yield [judge(values, 1, 1.5) for values in family]


def test_placebo_data_show_no_difference() -> None:
    kinds = Counter(
        verdict.kind
        for family in placebo(np.random.default_rng(1), 40, 20, 5)
        for verdict in correct(family)
    )
    assert kinds["no difference"] >= 0.95 * SIMULATIONS


def test_families_of_placebo_data_rarely_have_a_false_finding() -> None:
    # With five seeds an effect of 1.5 cannot be ruled out, so equivalence prevents no finding.
    studies = 1000
    wrong = uncorrected = 0
    for family in placebo(np.random.default_rng(2), studies, 5, 5):
        wrong += has_finding(correct(family))
        uncorrected += has_finding(family)
    assert wrong <= 0.05 * studies
    assert binomtest(uncorrected, studies, 0.1, alternative="greater").pvalue < 0.01


def test_equivalence_is_claimed_wrongly_in_few_runs() -> None:
    # An effect exactly as large as the smallest of interest is on the edge of every hypothesis.
    runs = 1000
    samples = 1 + np.random.default_rng(3).normal(size=(runs, 10))
    signed = Counter(judge(values, 1, 1.0).kind for values in samples)
    unsigned = Counter(judge(values, 0, 1.0).kind for values in samples)
    for wrong in (signed["no difference"], unsigned["holds"]):
        assert binomtest(wrong, runs, 0.05).pvalue > 0.01
    assert binomtest(unsigned["does not hold"], runs, 0.025).pvalue > 0.01


def has_finding(family: list[Verdict] | tuple[Verdict, ...]) -> bool:
    return any(verdict.kind in ("holds", "does not hold") for verdict in family)


# Symmetries


@given(SAMPLES, SIGNS, SMALLEST)
def test_the_opposite_claim_about_opposite_values_gets_the_same_verdict(
    values: list[int], sign: int, smallest: int
) -> None:
    one = judge(values, sign, smallest)
    other = judge([-value for value in values], -sign, smallest)
    assert (other.verdict, other.p, other.detectable) == (one.verdict, one.p, one.detectable)
    assert other.estimate.mean == -one.estimate.mean


@given(SAMPLES, st.sampled_from([-1, 1]), SMALLEST)
def test_the_opposite_claim_gets_the_opposite_verdict(
    values: list[int], sign: int, smallest: int
) -> None:
    one, other = (judge(values, each, smallest) for each in (sign, -sign))
    opposite = {"holds": "does not hold", "does not hold": "holds"}
    assert other.kind == opposite.get(one.kind, one.kind)


@given(SAMPLES, SIGNS, SMALLEST, st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_matter(
    values: list[int], sign: int, smallest: int, random: object
) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = judge(values, sign, smallest), judge(shuffled, sign, smallest)
    assert other.verdict == one.verdict
    assert other.p == pytest.approx(one.p)


@given(SAMPLES, SIGNS, SMALLEST, st.sampled_from([1e-3, 0.125, 7.0, 1e4]))
def test_the_unit_does_not_matter(values: list[int], sign: int, smallest: int, unit: float) -> None:
    one = judge(values, sign, smallest)
    other = judge(np.array(values) * unit, sign, smallest * unit)
    assert other.kind == one.kind
    assert other.p == pytest.approx(one.p)
    if one.detectable is not None:
        assert other.detectable == pytest.approx(one.detectable * unit)
