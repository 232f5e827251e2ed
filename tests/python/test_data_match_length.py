"""Length matching: balance, size against a maximum matching, seeds, measures."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from elastic_core import InvalidArgumentError
from elastic_core.data.examples import Examples
from elastic_core.data.select import match_length

SEEDS = st.integers(0, 2**64)
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=25)


def texts(*each: str, name: str = "texts") -> Examples:
    return Examples(name, "text", tuple({"text": text} for text in each), name)


def of_lengths(lengths: Sequence[int], name: str) -> Examples:
    return texts(
        *(f"{number:06}"[:length].ljust(length, "x") for number, length in enumerate(lengths)),
        name=name,
    )


@given(LENGTHS, LENGTHS, SEEDS, st.sampled_from([0.0, 0.05, 0.3]), st.integers(0, 99))
def test_matched_sides_are_equally_long_and_as_large_as_can_be(
    ones: list[int], others: list[int], seed: int, tolerance: float, order: int
) -> None:
    one, other = of_lengths(ones, "one"), of_lengths(others, "other")
    a, b = np.array(ones, float)[:, None], np.array(others, float)[None]
    fit = (a <= b * (1 + tolerance)) & (b <= a * (1 + tolerance))
    most = int((maximum_bipartite_matching(csr_array(fit)) >= 0).sum())
    if most == 0:
        with pytest.raises(
            InvalidArgumentError, match="one and other: no two rows match in length"
        ):
            match_length(one, other, seed=seed, tolerance=tolerance)
        return
    found = match_length(one, other, seed=seed, tolerance=tolerance)
    assert len(found.one) == len(found.other) == most
    pairs = zip(*(sorted(map(len, side.texts())) for side in (found.one, found.other)), strict=True)
    for low, high in map(sorted, pairs):
        assert high <= low * (1 + tolerance)
    assert max(found.means) <= min(found.means) * (1 + tolerance) * (1 + 1e-12)
    means = [
        float(np.mean([len(text) for text in side.texts()])) for side in (found.one, found.other)
    ]
    assert found.means == pytest.approx(means)
    moved = match_length(
        one.take(np.random.default_rng(order).permutation(len(one)).tolist()),
        other,
        seed=seed,
        tolerance=tolerance,
    )
    assert sorted(moved.one.texts()) == sorted(found.one.texts())
    assert moved.other == found.other


def test_a_seed_decides_among_the_equally_long() -> None:
    one, other = of_lengths([6] * 50, "one"), of_lengths([6], "other")
    assert len({match_length(one, other, seed=seed).one.rows[0]["text"] for seed in range(9)}) > 4


def test_lengths_in_another_measure() -> None:
    one, other = texts("a b c", "aaaaa"), texts("aaaaaaaaaa bb c")
    found = match_length(one, other, seed=0, length_of=lambda each: [len(t.split()) for t in each])
    assert found.one.texts() == ["a b c"]
    assert found.means == (3, 3)


def test_it_is_completions_that_are_matched() -> None:
    one = Examples("one", "prompt-completion", ({"prompt": "a" * 99, "completion": "b"},), "one")
    assert match_length(one, texts("c"), seed=0).means == (1, 1)


def test_a_tolerance_is_no_less_than_none() -> None:
    with pytest.raises(InvalidArgumentError, match="tolerance -1: must be at least 0"):
        match_length(texts("a"), texts("b"), seed=0, tolerance=-1)
