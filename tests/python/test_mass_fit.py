"""Fits of the Pareto tail, compared with an exhaustive search and with `powerlaw`."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import zeta
from test_mass_laws import naive_distance, spectrum

from elastic_core.mass_law.bootstrap import draw
from elastic_core.mass_law.depth import likelihood_ratio
from elastic_core.mass_law.fit import (
    LEAST_LEAVES,
    MOST_CANDIDATES,
    fit_exponential,
    fit_lognormal,
    fit_pareto,
    fit_tail,
    fit_whole,
)
from elastic_core.mass_law.laws import Law, Pareto, Spectrum, distance


def naive_fit(leaves: Sequence[int]) -> tuple[int, float, float] | None:
    """The x_min, exponent and distance of the closest Pareto law, trying every count."""
    fits = []
    for x_min in sorted(set(leaves)):
        tail = [leaf for leaf in leaves if leaf >= x_min]
        if len(tail) < LEAST_LEAVES or len(set(tail)) == 1:
            continue
        mean = np.log(tail).mean()
        alpha = minimize_scalar(
            lambda a, x_min=x_min, mean=mean: np.log(zeta(a, x_min)) + a * mean,
            bounds=(1.0001, 20),
            method="bounded",
            options={"xatol": 1e-9},
        ).x
        if alpha < 19.9:
            fits.append((x_min, alpha, naive_distance(Pareto(x_min, alpha), tail)))
    return min(fits, key=lambda fit: fit[2], default=None)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_the_tail_matches_the_exhaustive_search(leaves: list[int]) -> None:
    naive, fit = naive_fit(leaves), fit_tail(spectrum(leaves))
    if naive is None:
        assert fit is None
    else:
        assert fit is not None
        assert fit.distance == pytest.approx(naive[2], abs=1e-6)
        tail = spectrum(leaves).tail(fit.law.x_min)
        assert fit.distance == pytest.approx(distance(fit.law, tail))


def test_the_coarse_search_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = draw(Pareto(1, 1.7), 20_000, np.random.default_rng(4))
    leaves.leaves[:5] //= 2
    fit = fit_tail(leaves)
    monkeypatch.setattr(sys.modules["elastic_core.mass_law.fit"], "_ROUGH", 10**9)
    assert fit == fit_tail(leaves)
    assert fit is not None
    assert fit.law.x_min > 1


@pytest.mark.parametrize("alpha", [1.2, 2.0, 3.5])
def test_a_planted_tail_is_recovered(alpha: float) -> None:
    random = np.random.default_rng(7)
    body = Spectrum.of(np.arange(1, 30), np.full(29, 1000))
    tail = draw(Pareto(30, alpha), 20_000, random)
    fit = fit_tail(
        Spectrum(np.append(body.counts, tail.counts), np.append(body.leaves, tail.leaves))
    )
    assert fit is not None
    assert 30 <= fit.law.x_min < 60
    assert fit.law.alpha == pytest.approx(alpha, rel=0.02)


def test_too_few_or_too_similar_leaves_are_not_fitted() -> None:
    for counts, leaves in (([3], [1]), ([3], [100]), ([1, 2], [5, 4]), ([1000, 1001], [50, 50])):
        tail = Spectrum.of(np.array(counts), np.array(leaves))
        assert fit_tail(tail) is None
        assert fit_whole(tail) is None


def test_candidates_are_bounded_and_include_the_small_counts() -> None:
    counts = np.arange(1, 100_000)
    leaves = Spectrum.of(counts, np.ones(len(counts)))
    places = leaves.spaced(MOST_CANDIDATES)
    assert len(places) <= MOST_CANDIDATES
    assert leaves.counts[places][:10].tolist() == list(range(1, 11))
    assert places[-1] == len(counts) - 1
    assert Spectrum.of(counts[:256], counts[:256]).spaced(256).tolist() == list(range(256))


def pareto(random: np.random.Generator) -> NDArray[Any]:
    return random.zipf(2.5, 3000)


def heavy(random: np.random.Generator) -> NDArray[Any]:
    counts = random.zipf(1.9, 1000)
    return counts[counts < 2**40]


def lognormal(random: np.random.Generator) -> NDArray[Any]:
    return np.exp(random.normal(2, 1, 1000)).round().astype(int) + 1


def with_a_body(random: np.random.Generator) -> NDArray[Any]:
    tail = np.floor(9.5 * (1 - random.random(1000)) ** (-1 / 1.5) + 0.5).astype(int)
    return np.append(random.integers(1, 10, 2000), tail)


@pytest.mark.parametrize("sample", [pareto, heavy, lognormal, with_a_body])
def test_powerlaw_agrees(sample: Any) -> None:
    import powerlaw

    leaves = sample(np.random.default_rng(5))
    ours = spectrum(leaves)
    options = {
        "discrete": True,
        "estimate_discrete": False,
        "parameter_ranges": {"alpha": [1.0001, 20]},
        "verbose": 0,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(leaves, **options)
        fit = fit_tail(ours)
        assert fit is not None
        assert fit.law.x_min == theirs.xmin
        assert fit.law.alpha == pytest.approx(theirs.power_law.alpha, rel=1e-4)
        tail = ours.tail(fit.law.x_min)
        # powerlaw takes the greatest difference just before each count, not at it.
        before = np.abs(fit.law.survival(tail.counts) - tail.survival()).max()
        assert before == pytest.approx(theirs.power_law.D, abs=1e-4)
        assert fit.distance >= before
        others: dict[str, Law] = {
            "lognormal": fit_lognormal(tail),
            "exponential": fit_exponential(tail),
        }
        law = fit_pareto(tail)
        assert law is not None
        for name, other in others.items():
            ratio, p = theirs.distribution_compare("power_law", name, nested=False)
            mine = likelihood_ratio(law, other, tail)
            assert mine.ratio == pytest.approx(ratio, rel=1e-4, abs=0.05)
            # powerlaw's search stops too early to distinguish nearly identical laws.
            assert abs(ratio) < 0.1 or mine.p == pytest.approx(p, rel=0.01, abs=1e-4)
