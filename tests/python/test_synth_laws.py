"""Mass laws: closed forms, solving for an entropy, rejected input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.synthesis.laws import build_law

LAWS = st.one_of(
    st.floats(1.05, 50).map(lambda exponent: f"pareto:{exponent}"),
    st.floats(0.2, 0.9999).map(lambda ratio: f"geometric:{ratio}"),
    st.just("uniform"),
)


@given(spec=LAWS, leaves=st.integers(2, 400))
def test_probabilities_sum_to_1_and_fall_with_rank(spec: str, leaves: int) -> None:
    law = build_law(spec, leaves)
    assert law.probabilities.shape == (leaves,)
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (np.diff(law.probabilities) <= 0).all()
    assert law.probabilities[-1] > 0
    assert 0 <= law.entropy_bits <= math.log2(leaves) + 1e-12


@pytest.mark.parametrize("leaves", [2, 3, 1000, 4096])
def test_the_entropy_of_uniform_leaves_is_log2_of_their_number(leaves: int) -> None:
    law = build_law("uniform", leaves)
    assert (law.name, law.parameter) == ("uniform", None)
    assert law.entropy_bits == pytest.approx(math.log2(leaves), abs=1e-12)


@pytest.mark.parametrize(("ratio", "leaves"), [(0.5, 3), (0.5, 1000), (0.9, 50), (0.999, 2000)])
def test_the_entropy_of_geometric_leaves_matches_the_closed_form(ratio: float, leaves: int) -> None:
    law = build_law(f"geometric:{ratio}", leaves)
    first = (1 - ratio) / (1 - ratio**leaves)
    mean = ratio / (1 - ratio) - leaves * ratio**leaves / (1 - ratio**leaves)
    assert law.parameter == ratio
    assert law.probabilities == pytest.approx(first * ratio ** np.arange(leaves))
    assert law.entropy_bits == pytest.approx(-math.log2(first) - mean * math.log2(ratio))


def test_pareto_leaves_are_quantiles() -> None:
    law = build_law("pareto:1.5", 3)  # (r - 1/2)^-2 is 4, 4/9, 4/25.
    assert law.probabilities == pytest.approx(np.array([225, 25, 9]) / 259)
    weights = build_law("pareto:2.5", 1000).probabilities
    above = np.array([(weights >= weight).mean() for weight in weights[::100]])
    expected = (weights[::100] / weights[-1]) ** -1.5
    assert above == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("exponent", [1.5, 2.0, 2.5, 4.0])
def test_a_fit_of_the_leaf_weights_recovers_the_exponent(exponent: float) -> None:
    weights = build_law(f"pareto:{exponent}", 10_000).probabilities
    fitted = 1 + len(weights) / np.log(weights / weights[-1]).sum()
    assert fitted == pytest.approx(exponent, rel=1e-3)


@given(
    name=st.sampled_from(["pareto", "geometric"]),
    leaves=st.integers(2, 500),
    share=st.floats(0.3, 0.999),
)
def test_a_law_has_the_requested_entropy(name: str, leaves: int, share: float) -> None:
    entropy = share * math.log2(leaves)
    law = build_law(name, leaves, entropy)
    assert law.entropy_bits == pytest.approx(entropy, abs=1e-9)
    again = build_law(f"{name}:{law.parameter!r}", leaves)
    assert again.probabilities == pytest.approx(law.probabilities, rel=1e-6)


@pytest.mark.parametrize(
    ("law", "leaves", "entropy", "words"),
    [
        ("zipf", 10, None, ["zipf", "pareto:A, geometric:R or uniform"]),
        ("uniform:2", 10, None, ["uniform:2"]),
        ("", 10, None, ["choose"]),
        ("pareto:1", 10, None, ["exponent above 1"]),
        ("pareto:-3", 10, None, ["exponent above 1"]),
        ("pareto:nan", 10, None, ["exponent above 1"]),
        ("pareto:inf", 10, None, ["exponent above 1"]),
        ("pareto:", 10, None, ["exponent above 1"]),
        ("geometric:two", 10, None, ["ratio between 0 and 1"]),
        ("geometric:0", 10, None, ["ratio between 0 and 1"]),
        ("geometric:1", 10, None, ["ratio between 0 and 1"]),
        ("pareto", 10, None, ["exponent above 1", "entropy"]),
        ("geometric", 10, None, ["ratio between 0 and 1", "entropy"]),
        ("pareto:2", 10, 2.0, ["pareto:2", "write pareto alone"]),
        ("uniform", 10, 2.0, ["3.3219", "always"]),
        ("pareto", 8, 3.0, ["3.0 bits", "less than the 3.0000"]),
        ("pareto", 8, 0.0, ["at least", "less than"]),
        ("geometric", 8, -1.0, ["at least", "less than"]),
        ("geometric", 8, math.nan, ["nan bits"]),
        ("geometric", 1000, 1.0, ["at least 1.985"]),
        ("geometric:0.1", 1000, None, ["too steep", "fewer leaves"]),
        ("pareto:1.001", 1000, None, ["too steep", "fewer leaves"]),
        ("uniform", 1, None, ["2 leaves"]),
        ("pareto:2", 0, None, ["2 leaves"]),
    ],
)
def test_invalid_laws_are_rejected(
    law: str, leaves: int, entropy: float | None, words: list[str]
) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        build_law(law, leaves, entropy)
    for word in words:
        assert word in str(error.value)
