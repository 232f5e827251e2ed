"""Random draws from the tested laws, and p-values of samples with a known law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence, default_rng
from scipy.stats import chisquare
from test_mass_laws import spectrum

from elastic_core.mass_law.bootstrap import draw, p_value, quantiles, replicate
from elastic_core.mass_law.fit import TestedLaw, fit_tail, fit_whole
from elastic_core.mass_law.laws import Lognormal, Pareto, Spectrum, log_zeta
from elastic_core.mass_law.poisson_pareto import PoissonPareto


@given(
    st.floats(1.05, 19.0),
    st.integers(1, 10**6),
    st.lists(st.floats(1e-9, 30), min_size=1, max_size=20),
)
def test_quantiles_match_the_survival_function(alpha: float, start: int, logs: list[float]) -> None:
    values = quantiles(alpha, start, np.array(logs))
    here = log_zeta(alpha, values) - log_zeta(alpha, start)
    beyond = log_zeta(alpha, values + 1) - log_zeta(alpha, start)
    assert (values == np.floor(values)).all()
    assert (here >= -np.array(logs) - 1e-9).all()
    assert (beyond <= -np.array(logs) + 1e-9).all()


@pytest.mark.parametrize(
    ("law", "size"),
    [
        (Pareto(1, 2.1), 10**6),
        (Pareto(1, 1.3), 3000),
        (Pareto(50, 2.5), 10**5),
        (Pareto(5, 1.1), 100),
        (PoissonPareto(2.2, 0.05), 10**6),
        (PoissonPareto(1.8, 1e-9), 10**5),
        (PoissonPareto(3.0, 40.0), 10**5),
        (PoissonPareto(3.5, 300.0), 500),
        (PoissonPareto(1.2, 3.0), 3000),
    ],
    ids=repr,
)
def test_draws_follow_the_law(law: TestedLaw, size: int) -> None:
    drawn = draw(law, size, default_rng(2))
    assert drawn.size == size
    assert (np.diff(drawn.counts) > 0).all()
    assert drawn.leaves.min() > 0
    edges = np.unique((law.x_min - 1 + np.geomspace(1, 1e5, 40)).round())
    expected = -np.diff(np.append(law.survival(edges), 0)) * size
    places = np.searchsorted(edges, drawn.counts, "right") - 1
    observed = np.bincount(places, weights=drawn.leaves, minlength=len(edges))
    many = expected >= 5
    observed, expected = (
        np.append(counts[many], counts[~many].sum()) for counts in (observed, expected)
    )
    p = chisquare(observed[expected > 0], expected[expected > 0]).pvalue
    assert p > 0.001


def test_replicates_keep_the_body_and_draw_the_tail() -> None:
    body = Spectrum.of(np.array([1, 4, 9]), np.array([600, 300, 100]))
    leaves = np.append(body.leaves, 500)
    whole = Spectrum(np.append(body.counts, 10.0), leaves)
    drawn = replicate(whole, Pareto(10, 2.0), default_rng(0))
    assert drawn.size == 1500
    assert drawn.body(10).counts.tolist() == [1, 4, 9]
    assert drawn.body(10).leaves / 1500 == pytest.approx(body.leaves / 1500, abs=0.04)
    assert len(drawn.tail(10).counts) > 20


def test_p_values_of_pareto_samples_are_uniform() -> None:
    p_values = []
    for seed in range(30):
        leaves = draw(Pareto(1, 1.8), 300, default_rng(seed))
        fit = fit_whole(leaves)
        assert fit is not None
        p_values.append(p_value(leaves, fit, fit_whole, SeedSequence(seed).spawn(20)) or 0)
    assert 0.35 < np.mean(p_values) < 0.65
    assert np.mean(np.array(p_values) < 0.1) < 0.25
    assert max(p_values) > 0.8


def test_p_values_of_a_planted_tail() -> None:
    body = Spectrum.of(np.arange(1, 10), np.full(9, 200))
    tail = draw(Pareto(10, 2.2), 3000, default_rng(1))
    leaves = Spectrum(np.append(body.counts, tail.counts), np.append(body.leaves, tail.leaves))
    fit, whole = fit_tail(leaves), fit_whole(leaves)
    assert fit is not None
    assert whole is not None
    seeds = SeedSequence(3).spawn(12)
    assert (p_value(leaves, fit, fit_tail, seeds) or 0) > 0.1
    assert p_value(leaves, whole, fit_whole, seeds) == 0


def test_lognormal_counts_are_rejected() -> None:
    law = Lognormal(1, 3.0, 0.5)
    counts = np.arange(1.0, 200)
    leaves = (1e5 * np.exp(law.log_mass(counts))).astype(np.int64)
    skew = Spectrum(counts[leaves > 0], leaves[leaves > 0])
    for fitting in (fit_tail, fit_whole):
        fit = fitting(skew)
        assert fit is not None
        assert p_value(skew, fit, fitting, SeedSequence(3).spawn(12)) == 0


def test_the_p_value_is_determined_by_the_seeds() -> None:
    leaves = draw(Pareto(1, 1.8), 2000, default_rng(5))
    fit = fit_whole(leaves)
    assert fit is not None
    one, again, other = (
        p_value(leaves, fit, fit_whole, SeedSequence(seed).spawn(40)) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_replicates_that_cannot_be_fitted_are_skipped() -> None:
    # The law is steep and the leaves are few, so many replicates have a single distinct count.
    leaves = spectrum([1] * 10 + [2])
    fit = fit_whole(leaves)
    assert fit is not None
    p = p_value(leaves, fit, fit_whole, SeedSequence(1).spawn(40))
    assert p is None or 0 <= p <= 1
    assert p_value(leaves, fit, lambda _: None, SeedSequence(1).spawn(3)) is None
