"""The laws: masses computed by hand, and maximum-likelihood fits against naive formulas."""

from collections.abc import Callable, Sequence
from math import erfc, exp, log, pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import zeta

from elastic_core.mass_law.depth import likelihood_ratio
from elastic_core.mass_law.fit import (
    LARGEST_EXPONENT,
    LARGEST_SIGMA,
    exponent,
    fit_exponential,
    fit_lognormal,
    fit_pareto,
    fit_zipf_mandelbrot,
)
from elastic_core.mass_law.laws import (
    Exponential,
    Law,
    Lognormal,
    Pareto,
    Spectrum,
    ZipfMandelbrot,
    distance,
    log_zeta,
)
from elastic_core.mass_law.poisson_pareto import PoissonPareto

Fit = Callable[[Spectrum], Law]

LAWS: list[Law] = [
    Pareto(1, 2.0),
    Pareto(7, 1.1),
    Pareto(1000, 20.0),
    ZipfMandelbrot(1, 2.0, -0.9),
    ZipfMandelbrot(5, 3.5, 40.0),
    Lognormal(1, 0.0, 1.0),
    Lognormal(4, 9.0, 0.5),
    Lognormal(30, -400.0, 20.0),
    Exponential(1, 0.7),
    Exponential(1000, 1e-5),
    PoissonPareto(1.8, 0.3),
    PoissonPareto(6.0, 1e-6),
    PoissonPareto(3.0, 90.0),
]

samples = st.lists(st.integers(1, 60), min_size=10, max_size=60).filter(lambda x: len(set(x)) > 1)


def spectrum(leaves: Sequence[int]) -> Spectrum:
    """The spectrum of leaves, given the count of each."""
    return Spectrum.of(*np.unique(np.array(leaves), return_counts=True))


def mass(law: Law, count: int) -> float:
    return exp(law.log_mass(np.array([float(count)]))[0])


def log_likelihood(law: Law, leaves: Sequence[int]) -> float:
    return sum(float(law.log_mass(np.array([float(leaf)]))[0]) for leaf in leaves)


def naive_distance(law: Law, leaves: Sequence[int]) -> float:
    """The greatest gap between the two distribution functions over all integers."""
    gap = below = 0.0
    for x in range(min(leaves), max(leaves) + 1):
        below += mass(law, x)
        gap = max(gap, abs(below - sum(leaf <= x for leaf in leaves) / len(leaves)))
    return gap


def test_masses_computed_by_hand() -> None:
    assert mass(Pareto(1, 2.0), 3) == pytest.approx(6 / pi**2 / 9)
    assert mass(ZipfMandelbrot(1, 2.0, 1.0), 1) == pytest.approx(1 / 4 / (pi**2 / 6 - 1))
    assert mass(Exponential(2, log(5)), 3) == pytest.approx(4 / 5 / 5)
    normal = NormalDist().cdf
    between = normal(log(2.5)) - normal(log(1.5))
    assert mass(Lognormal(1, 0.0, 1.0), 2) == pytest.approx(between / (1 - normal(log(0.5))))


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_masses_add_up_to_the_survival_function(law: Law) -> None:
    x_min = getattr(law, "x_min", 1)
    counts = x_min + np.arange(500.0)
    survival = law.survival(np.append(counts, x_min + 500.0))
    assert survival[0] == pytest.approx(1)
    assert np.exp(law.log_mass(counts)) == pytest.approx(-np.diff(survival), rel=1e-6, abs=1e-12)


@given(st.floats(1.01, 20), st.lists(st.floats(0.5, 1e6), min_size=1))
def test_log_zeta_matches_scipy(alpha: float, least: list[float]) -> None:
    q = np.array(least)
    assert log_zeta(alpha, q) == pytest.approx(np.log(zeta(alpha, q)), abs=1e-9)
    assert log_zeta(alpha, q[0]).shape == ()


def test_log_zeta_is_finite_where_scipy_underflows() -> None:
    assert zeta(20.0, 1e100) == 0
    assert log_zeta(20.0, 1e100) == pytest.approx(-1900 * log(10) - log(19))


def test_log_masses_of_extreme_counts_are_finite() -> None:
    counts = np.array([1e6, 1e9, 1e12])
    for law in (
        Lognormal(1, 0.0, 0.1),
        Lognormal(1, -1e4, LARGEST_SIGMA),
        Exponential(1, 3.0),
        PoissonPareto(20.0, 1e-12),
        PoissonPareto(20.0, 1e9),
    ):
        assert np.isfinite(law.log_mass(counts)).all()


def test_the_distance_includes_integers_between_counts() -> None:
    # P(X <= 1, 2, 3) is 1/2, 3/4, 7/8 for the law and 1/2, 1/2, 1 for the leaves.
    leaves = Spectrum.of(np.array([1, 3]), np.array([1, 1]))
    assert distance(Exponential(1, log(2)), leaves) == pytest.approx(1 / 4)


@given(samples)
def test_the_distance_matches_the_naive_one(leaves: list[int]) -> None:
    tail = spectrum(leaves)
    for law in (Pareto(tail.counts[0], 1.8), Lognormal(tail.counts[0], 2.0, 1.0)):
        assert distance(law, tail) == pytest.approx(naive_distance(law, leaves), abs=1e-12)


def test_the_exponential_fit_computed_by_hand() -> None:
    # The mean excess is 1/4, and the law's is 1 / (e^rate - 1).
    law = fit_exponential(Spectrum.of(np.array([1, 2]), np.array([3, 1])))
    assert law.rate == pytest.approx(log(5))


def test_the_pareto_fit_computed_by_hand() -> None:
    # So steep a law has almost no mass from 3 on, and P(2) / P(1) = 2^-alpha.
    law = fit_pareto(Spectrum.of(np.array([1, 2]), np.array([2**12, 1])))
    assert law is not None
    assert law.alpha == pytest.approx(12, abs=0.03)


@settings(max_examples=10)
@given(samples)
def test_no_neighbouring_parameters_are_likelier(leaves: list[int]) -> None:
    tail = spectrum(leaves)
    pareto, zipf = fit_pareto(tail), fit_zipf_mandelbrot(tail)
    lognormal, exponential = fit_lognormal(tail), fit_exponential(tail)
    x_min = tail.counts[0]
    others: list[tuple[Law | None, list[Law]]] = [
        (exponential, [Exponential(x_min, exponential.rate * f) for f in (0.99, 1.01)]),
        (zipf, [ZipfMandelbrot(x_min, zipf.alpha * f, zipf.shift) for f in (0.99,)]),
        (
            lognormal,
            [
                Lognormal(x_min, lognormal.mu + shift, lognormal.sigma)
                for shift in (-0.01 * lognormal.sigma, 0.01 * lognormal.sigma)
            ],
        ),
    ]
    if pareto:
        others.append((pareto, [Pareto(x_min, 1 + (pareto.alpha - 1) * f) for f in (0.99, 1.01)]))
        others.append((zipf, [pareto]))
    for law, neighbours in others:
        assert law
        for neighbour in neighbours:
            better = log_likelihood(neighbour, leaves) - log_likelihood(law, leaves)
            assert better <= 1e-7 * len(leaves)


@given(st.floats(1.05, 19.5), st.floats(0.5, 1e7))
def test_the_exponent_reproduces_the_mean_logarithm(alpha: float, least: float) -> None:
    # The mean is a sum over the first values plus an integral over the rest.
    x = least + np.arange(100_000)
    end = least + 100_000 - 0.5
    rest = end ** (1 - alpha) * (log(end) / (alpha - 1) + 1 / (alpha - 1) ** 2)
    norm = np.exp(log_zeta(alpha, least))
    assume(norm > 0)
    mean = (x**-alpha @ np.log(x) + rest) / norm
    assume(mean - log(least) > 1e-9)
    assert exponent(float(mean), least) == pytest.approx(alpha, rel=1e-4)


def test_counts_that_fall_too_fast_have_no_pareto_fit() -> None:
    leaves = Spectrum.of(np.array([1000, 1001]), np.array([50, 50]))
    assert fit_pareto(leaves) is None
    assert fit_zipf_mandelbrot(leaves).alpha == LARGEST_EXPONENT


@pytest.mark.parametrize(
    ("law", "fit"),
    [
        (Pareto(1, 1.3), fit_pareto),
        (Pareto(20, 2.5), fit_pareto),
        (ZipfMandelbrot(1, 2.2, 3.0), fit_zipf_mandelbrot),
        (ZipfMandelbrot(10, 1.8, -6.0), fit_zipf_mandelbrot),
        (Lognormal(1, 2.0, 1.5), fit_lognormal),
        (Lognormal(1, -3.0, 3.0), fit_lognormal),
        (Exponential(3, 0.01), fit_exponential),
    ],
    ids=lambda value: value.__name__ if callable(value) else repr(value),
)
def test_planted_parameters_are_recovered(law: Law, fit: Fit) -> None:
    """The leaves have exactly the shares of the law."""
    x_min = getattr(law, "x_min", 1)
    counts = np.unique((x_min - 1 + np.geomspace(1, 1e7, 20_000)).round())
    survival = law.survival(np.append(counts, 1e30))
    leaves = (1e15 * (survival[:-1] - survival[1:])).astype(np.int64)
    fitted = fit(Spectrum(counts[leaves > 0], leaves[leaves > 0]))
    assert fitted.parameters == pytest.approx(law.parameters, rel=0.02, abs=0.02)


@given(samples)
def test_likelihood_ratios_match_the_naive_ones(leaves: list[int]) -> None:
    tail = spectrum(leaves)
    pareto, other = Pareto(tail.counts[0], 2.0), Lognormal(tail.counts[0], 1.0, 1.0)
    gains = [log_likelihood(pareto, [leaf]) - log_likelihood(other, [leaf]) for leaf in leaves]
    mean = sum(gains) / len(gains)
    spread = sqrt(sum((gain - mean) ** 2 for gain in gains))
    result = likelihood_ratio(pareto, other, tail)
    assert result.ratio == pytest.approx(sum(gains), abs=1e-9)
    assert result.normalized == pytest.approx(sum(gains) / spread)
    assert result.p == pytest.approx(erfc(abs(sum(gains)) / spread / sqrt(2)))


def test_the_nested_ratio_is_chi_squared() -> None:
    # P(chi2_1 > 2 r) is erfc(sqrt r).
    tail = Spectrum.of(np.array([1, 2]), np.array([9, 1]))
    result = likelihood_ratio(Pareto(1, 3.0), ZipfMandelbrot(1, 3.0, 0.5), tail)
    assert result.normalized is None
    assert result.p == pytest.approx(erfc(sqrt(abs(result.ratio))))
    assert result.favours is None


def test_a_law_compared_with_itself_has_ratio_0() -> None:
    tail = Spectrum.of(np.array([1, 2, 9]), np.array([9, 3, 1]))
    for same in (Pareto(1, 2.0), ZipfMandelbrot(1, 2.0, 0.0)):
        result = likelihood_ratio(Pareto(1, 2.0), same, tail)
        assert (result.ratio, result.p, result.favours) == (0, 1, None)
