"""Length matching: balance, maximum size, seeds, measures of length."""

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


def texts(*contents: str, name: str = "texts") -> Examples:
    return Examples(name, "text", tuple({"text": text} for text in contents), name)


def of_lengths(lengths: Sequence[int], name: str) -> Examples:
    return texts(
        *(f"{number:06}"[:length].ljust(length, "x") for number, length in enumerate(lengths)),
        name=name,
    )


@given(LENGTHS, LENGTHS, SEEDS, st.sampled_from([0.0, 0.05, 0.3]), st.integers(0, 99))
def test_the_matching_is_balanced_and_maximum(
    ones: list[int], others: list[int], seed: int, tolerance: float, order: int
) -> None:
    one, other = of_lengths(ones, "one"), of_lengths(others, "other")
    a, b = np.array(ones, float)[:, None], np.array(others, float)[None]
    fit = (a <= b * (1 + tolerance)) & (b <= a * (1 + tolerance))
    largest = int((maximum_bipartite_matching(csr_array(fit)) >= 0).sum())
    if largest == 0:
        with pytest.raises(
            InvalidArgumentError, match="one and other: no two rows match in length"
        ):
            match_length(one, other, seed=seed, tolerance=tolerance)
        return
    matched = match_length(one, other, seed=seed, tolerance=tolerance)
    assert len(matched.one) == len(matched.other) == largest
    pairs = zip(
        *(sorted(map(len, side.texts())) for side in (matched.one, matched.other)), strict=True
    )
    for low, high in map(sorted, pairs):
        assert high <= low * (1 + tolerance)
    assert max(matched.means) <= min(matched.means) * (1 + tolerance) * (1 + 1e-12)
    means = [
        float(np.mean([len(text) for text in side.texts()]))
        for side in (matched.one, matched.other)
    ]
    assert matched.means == pytest.approx(means)
    shuffled = match_length(
        one.take(np.random.default_rng(order).permutation(len(one)).tolist()),
        other,
        seed=seed,
        tolerance=tolerance,
    )
    assert sorted(shuffled.one.texts()) == sorted(matched.one.texts())
    assert shuffled.other == matched.other


def test_the_seed_chooses_among_equal_lengths() -> None:
    one, other = of_lengths([6] * 50, "one"), of_lengths([6], "other")
    assert len({match_length(one, other, seed=seed).one.rows[0]["text"] for seed in range(9)}) > 4


def test_lengths_may_be_measured_in_words() -> None:
    one, other = texts("a b c", "aaaaa"), texts("aaaaaaaaaa bb c")
    matched = match_length(
        one, other, seed=0, length_of=lambda sides: [len(text.split()) for text in sides]
    )
    assert matched.one.texts() == ["a b c"]
    assert matched.means == (3, 3)


def test_completions_are_matched_without_prompts() -> None:
    one = Examples("one", "prompt-completion", ({"prompt": "a" * 99, "completion": "b"},), "one")
    assert match_length(one, texts("c"), seed=0).means == (1, 1)


def test_a_negative_tolerance_is_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="tolerance -1: must be at least 0"):
        match_length(texts("a"), texts("b"), seed=0, tolerance=-1)
