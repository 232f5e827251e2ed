"""The Poisson-Pareto law: masses against mpmath, planted exponents, planted departures."""

from math import exp, log

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray
from scipy.special import exp1, gammaln
from scipy.stats import ks_2samp
from test_mass_laws import spectrum

from elastic_core.mass_law.bootstrap import draw, p_value
from elastic_core.mass_law.depth import likelihood_ratio
from elastic_core.mass_law.fit import (
    LEAST_SCALE,
    fit_all,
    fit_lognormal,
    fit_poisson_pareto,
    fit_whole,
)
from elastic_core.mass_law.laws import Spectrum
from elastic_core.mass_law.poisson_pareto import PoissonPareto

TAILS = (0.01, 0.2, 0.8, 1.0, 1.0000000001, 1.999999, 2.0, 3.5, 12.0, 19.0)
SCALES = (1e-12, 1e-6, 0.01, 0.3, 1.7, 5.0, 30.0, 300.0)


def exact(count: int, tail: float, scale: float) -> float:
    """The log mass in forty digits; far above s the incomplete gamma function is the complete."""
    with mpmath.workdps(40):
        a, s = mpmath.mpf(tail), mpmath.mpf(scale)
        order = count - a
        is_far = count > scale + 50 * scale**0.5 + 1000
        upper = mpmath.loggamma(order) if is_far else mpmath.log(mpmath.gammainc(order, s))
        seen = 1 - a * mpmath.expint(a + 1, s)
        mass = mpmath.log(a) + a * mpmath.log(s) + upper - mpmath.loggamma(count + 1)
        return float(mass - mpmath.log(seen))


def integrated(count: float, tail: float, scale: float) -> float:
    """The log mass as the integral over expected counts r, for an s so large that all are seen."""
    with mpmath.workdps(40):
        x, a, s = mpmath.mpf(count), mpmath.mpf(tail), mpmath.mpf(scale)
        peak = max(s, x)
        width = mpmath.sqrt(peak) if s < x else min(mpmath.sqrt(peak), 1 / (1 - x / (s + 1)))
        steps = [-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64]
        points = [s, *(peak + step * width for step in steps if peak + step * width > s)]
        offset = (x - a - 1) * mpmath.log(peak) - peak
        integral = mpmath.quad(
            lambda r: mpmath.exp((x - a - 1) * mpmath.log(r) - r - offset), points
        )
        mass = mpmath.log(a) + a * mpmath.log(s) + offset + mpmath.log(integral)
        return float(mass - mpmath.loggamma(x + 1))


def seen_leaves(law: PoissonPareto, size: int, random: Generator) -> NDArray[np.int64]:
    """Counts drawn the way the law is defined: a Pareto mean, a Poisson count, zeros left out."""
    means = law.scale * np.exp(random.standard_exponential(size) / (law.alpha - 1))
    counts: NDArray[np.int64] = random.poisson(np.minimum(means, 1e15))
    return counts[counts > 0]


def counted(counts: NDArray[np.int64]) -> Spectrum:
    return Spectrum.of(*np.unique(counts, return_counts=True))


@pytest.mark.parametrize("tail", TAILS)
def test_masses_match_mpmath(tail: float) -> None:
    counts = [1, 2, 3, 5, 12, 19, 20, 30, 45, 80, 1000, 10**6, 10**9]
    for scale in SCALES:
        law = PoissonPareto(1 + tail, scale)
        masses = law.log_mass(np.array(counts, np.float64))
        expected = [exact(count, law.alpha - 1, scale) for count in counts]
        assert masses == pytest.approx(expected, rel=0, abs=1e-10)


@pytest.mark.parametrize("tail", [0.5, 2.0, 19.0])
@pytest.mark.parametrize(
    ("scale", "counts"),
    [
        (1e4, [1, 9000, 10_000, 10_200, 13_000]),
        (1e6, [900_000, 1_000_000, 1_005_000]),
        (3e8, [299_900_000, 300_000_000, 300_100_000]),
    ],
)
def test_masses_match_quadrature(tail: float, scale: float, counts: list[int]) -> None:
    masses = PoissonPareto(1 + tail, scale).log_mass(np.array(counts, np.float64))
    expected = [integrated(count, tail, scale) for count in counts]
    assert masses == pytest.approx(expected, rel=1e-14, abs=1e-10)


def test_masses_computed_by_hand() -> None:
    # For alpha = 2: P(X = 1) = s E_1(s) / (1 - E_2(s)), and E_2(s) = e^-s - s E_1(s).
    first = exp1(1) / (1 - (exp(-1) - exp1(1)))
    assert first == pytest.approx(0.21938393439552 / 0.85150449322408)
    assert np.exp(PoissonPareto(2.0, 1.0).log_mass(np.array([1.0]))) == pytest.approx(first)


@given(st.floats(0.02, 0.6), st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_without_a_least_probability_the_law_is_sibuyas(tail: float, counts: list[int]) -> None:
    # a Gamma(x - a) / (Gamma(1 - a) x!); the difference is of order s^(1 - a).
    x = np.array(counts, np.float64)
    sibuya = log(tail) + gammaln(x - tail) - gammaln(1 - tail) - gammaln(x + 1)
    assert PoissonPareto(1 + tail, 1e-20).log_mass(x) == pytest.approx(sibuya, abs=1e-6)


@given(st.floats(1.01, 19.9), st.floats(1e-9, 1e3))
def test_frequent_leaves_follow_the_pareto_law(alpha: float, scale: float) -> None:
    low, high = PoissonPareto(alpha, scale).log_mass(np.array([1e9, 1e10]))
    assert (low - high) / log(10) == pytest.approx(alpha, abs=1e-6)


@given(st.floats(1.05, 19.9), st.floats(1e-6, 1e4))
def test_the_survival_function_sums_the_masses(alpha: float, scale: float) -> None:
    law = PoissonPareto(alpha, scale)
    start = max(1.0, round(scale - 20))
    counts = start + np.arange(100.0)
    survival = law.survival(np.append(counts, start + 100))
    assert law.survival(np.array([1.0]))[0] == 1
    assert np.exp(law.log_mass(counts)) == pytest.approx(-np.diff(survival), abs=1e-12)
    assert 0 < law.seen <= 1


@pytest.mark.parametrize("law", [PoissonPareto(1.8, 0.3), PoissonPareto(3.0, 20.0)], ids=repr)
def test_draws_follow_the_definition(law: PoissonPareto) -> None:
    naive = seen_leaves(law, 40_000, default_rng(1))
    drawn = draw(law, 20_000, default_rng(2))
    assert ks_2samp(naive, np.repeat(drawn.counts, drawn.leaves)).pvalue > 0.001


def z_scores(law: PoissonPareto, seed: int) -> NDArray[np.float64]:
    """Errors of the fitted ln(alpha - 1) and ln s in standard errors, from the information."""
    leaves = counted(seen_leaves(law, 20_000, default_rng(seed)))
    fit = fit_poisson_pareto(leaves)
    assert fit is not None

    def cost(at: NDArray[np.float64]) -> float:
        return -leaves.size * leaves.mean(
            PoissonPareto(1 + exp(at[0]), exp(at[1])).log_mass(leaves.counts)
        )

    best = np.log([fit.alpha - 1, fit.scale])
    steps = 1e-3 * np.eye(2)
    information = [
        [
            (cost(best + i + j) - cost(best + i - j) - cost(best - i + j) + cost(best - i - j))
            / 4e-6
            for i in steps
        ]
        for j in steps
    ]
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    scores: NDArray[np.float64] = (best - np.log([law.alpha - 1, law.scale])) / errors
    return scores


@pytest.mark.parametrize("tail", [0.8, 1.2, 2.0])
@pytest.mark.parametrize("scale", [0.3, 6.0])
def test_planted_exponents_are_recovered_within_their_uncertainty(
    tail: float, scale: float
) -> None:
    scores = np.array([z_scores(PoissonPareto(1 + tail, scale), seed) for seed in range(8)])
    assert np.abs(scores).max() < 4
    assert (np.abs(scores.mean(axis=0)) < 4 / 8**0.5).all()
    assert 0.4 < scores.std() < 1.6


@settings(max_examples=10)
@given(st.lists(st.integers(1, 60), min_size=10, max_size=60).filter(lambda x: len(set(x)) > 1))
def test_no_neighbouring_parameters_are_likelier(counts: list[int]) -> None:
    leaves = spectrum(counts)
    fit = fit_poisson_pareto(leaves)
    if fit is not None:
        best = leaves.mean(fit.log_mass(leaves.counts))
        for factor in (0.9, 0.99, 1.01, 1.1):
            steeper = PoissonPareto(1 + (fit.alpha - 1) * factor, fit.scale)
            wider = PoissonPareto(fit.alpha, max(fit.scale * factor, LEAST_SCALE))
            for other in (steeper, wider):
                assert leaves.mean(other.log_mass(leaves.counts)) <= best + 1e-9


def test_equally_probable_leaves_have_no_fit() -> None:
    leaves = counted(default_rng(0).poisson(50, 5000))
    assert fit_all(leaves) is None
    assert fit_all(spectrum([7] * 100)) is None
    assert fit_all(spectrum([1, 2, 3])) is None


def test_the_assumption_holds_where_the_counts_follow_no_pareto_law() -> None:
    leaves = counted(seen_leaves(PoissonPareto(2.0, 0.2), 60_000, default_rng(3)))
    seeds = SeedSequence(3).spawn(12)
    fit, whole = fit_all(leaves), fit_whole(leaves)
    assert fit is not None
    assert whole is not None
    assert (p_value(leaves, fit, fit_all, seeds) or 0) >= 0.1
    assert p_value(leaves, whole, fit_whole, seeds) == 0


def test_p_values_are_uniform_under_the_assumption() -> None:
    p_values = []
    for seed in range(16):
        leaves = draw(PoissonPareto(2.0, 3.0), 200, default_rng(seed))
        fit = fit_all(leaves)
        assert fit is not None
        p_values.append(p_value(leaves, fit, fit_all, SeedSequence(seed).spawn(12)) or 0)
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.1) < 0.3


def test_lognormal_probabilities_are_rejected() -> None:
    random = default_rng(5)
    counts = random.poisson(random.lognormal(1.0, 1.0, 6000))
    leaves = counted(counts[counts > 0])
    fit = fit_all(leaves)
    assert fit is not None
    assert p_value(leaves, fit, fit_all, SeedSequence(5).spawn(12)) == 0
    assert isinstance(fit.law, PoissonPareto)
    assert likelihood_ratio(fit.law, fit_lognormal(leaves), leaves).favours == "lognormal"
