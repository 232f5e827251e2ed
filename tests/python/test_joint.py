"""Joint rates of token trees, compared with the naive oracle leaf by leaf."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracle import joint_rates, leaves, segments

import elastic_core as ec

VOCABULARY, DEPTH = 5, 3

corpora = st.lists(
    st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=12), min_size=1, max_size=12),
    min_size=2,
    max_size=4,
)


def tree_of(documents: list[list[int]]) -> ec.TokenTree:
    ids = np.array([symbol for document in documents for symbol in document], np.uint8)
    offsets = np.cumsum([0, *map(len, documents)]).tolist()
    return ec.TokenTree.from_symbols(ids, offsets, depth=DEPTH, vocabulary=VOCABULARY)


def distributions(several: list[list[list[int]]], depth: int) -> NDArray[np.float64]:
    """The leaf distributions of the corpora at a depth, shape (corpora, leaves)."""
    trees = [leaves(segments(corpus, DEPTH, "chunk", VOCABULARY), depth) for corpus in several]
    joint = sorted(set().union(*trees))
    counts = np.array([[tree[leaf] for leaf in joint] for tree in trees], np.float64)
    shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


@given(several=corpora, seed=st.integers(0, 2**32))
def test_rates_slopes_and_coverage_match_the_oracle(
    several: list[list[list[int]]], seed: int
) -> None:
    joint = ec.JointSpectrum.of([tree_of(corpus) for corpus in several])
    volumes = 10 ** np.random.default_rng(seed).uniform(-2, 3, len(several))
    for toward in range(len(several)):
        computed = joint.rates(volumes[None], toward)
        for depth in range(1, DEPTH + 1):
            mass = distributions(several, depth)
            _, rates, slopes = joint_rates(mass, volumes)
            at = depth - 1
            assert computed.gamma_bits[at, 0] == pytest.approx(rates, rel=1e-12)
            assert computed.slope_bits[at, 0] == pytest.approx(slopes[:, toward], abs=1e-12)
            assert computed.force_bits[at, 0] == pytest.approx(
                volumes * slopes[:, toward], rel=1e-9, abs=1e-12
            )
            assert abs(computed.residual_bits[at, 0]) < 1e-9
            entropy = -np.where(mass > 0, mass * np.log2(np.where(mass > 0, mass, 1)), 0).sum(1)
            assert joint.entropy_bits[at] == pytest.approx(entropy, abs=1e-12)
            assert computed.kl_bits[at, 0] == pytest.approx(rates - entropy, abs=1e-9)
            count = (mass > 0).sum(axis=1)
            assert joint.leaves[at].tolist() == count.tolist()
            normalized = (rates - np.log2(count)) / depth
            assert computed.normalized_rate[at, 0] == pytest.approx(normalized, abs=1e-12)
            others = np.delete(mass, toward, axis=0).any(axis=0)
            assert computed.coverage[at, 0] == pytest.approx(mass[toward, others].sum())
            without = np.where(np.arange(len(several)) == toward, 0, volumes)
            before = joint_rates(mass, without)[1]
            known = np.isfinite(before)
            assert computed.shift_bits[at, 0][known] == pytest.approx(
                (rates - before)[known], abs=1e-9
            )
            assert (computed.shift_bits[at, 0][~known] == -np.inf).all()


@given(several=corpora)
def test_classes_partition_the_leaves_by_counts(several: list[list[list[int]]]) -> None:
    joint = ec.JointSpectrum.of([tree_of(corpus) for corpus in several])
    for depth in range(1, DEPTH + 1):
        trees = [leaves(segments(corpus, DEPTH, "chunk", VOCABULARY), depth) for corpus in several]
        expected = Counter(tuple(tree[leaf] for tree in trees) for leaf in set().union(*trees))
        counts, sizes = joint.classes(depth)
        assert dict(zip(map(tuple, counts.tolist()), sizes.tolist(), strict=True)) == expected
        assert counts.tolist() == sorted(counts.tolist())


def test_points_do_not_affect_each_other() -> None:
    joint = ec.JointSpectrum.of([tree_of([[0, 1, 2]]), tree_of([[0, 1, 3]]), tree_of([[4]])])
    volumes = np.array([[3.0, 1, 0.5], [9, 1, 0], [3, 1, 0], [3, 2, 0.5]])
    together = joint.rates(volumes, 2)
    for at, one in enumerate(volumes):
        alone = joint.rates(one[None], 2)
        np.testing.assert_array_equal(together.gamma_bits[:, at], alone.gamma_bits[:, 0])
        np.testing.assert_array_equal(together.slope_bits[:, at], alone.slope_bits[:, 0])


@pytest.mark.parametrize(
    ("volumes", "toward", "message"),
    [
        ([[1.0, -1.0]], 1, "volume -1"),
        ([[1.0, np.inf]], 1, "volume inf"),
        ([[1.0]], 1, "1 volumes for 2 datasets"),
        ([[0.0, 0.0]], 1, "all volumes are 0"),
        ([[0.0, 1.0]], 1, "only the perturbation has a positive volume"),
        ([[1.0, 1.0]], 2, "dataset 2 does not exist"),
    ],
)
def test_invalid_volumes_are_rejected(
    volumes: list[list[float]], toward: int, message: str
) -> None:
    joint = ec.JointSpectrum.of([tree_of([[0]]), tree_of([[1]])])
    with pytest.raises(ec.InvalidArgumentError, match=message):
        joint.rates(np.array(volumes), toward)


def test_different_trees_and_depths_out_of_range_are_rejected() -> None:
    deeper = ec.TokenTree.from_symbols(np.array([1], np.uint8), [0, 1], depth=4, vocabulary=5)
    with pytest.raises(ec.InvalidArgumentError, match="differ in depth"):
        ec.JointSpectrum.of([tree_of([[0]]), deeper])
    joint = ec.JointSpectrum.of([tree_of([[0]]), tree_of([[1]])])
    with pytest.raises(ec.InvalidArgumentError, match="depth 4 is out of range"):
        joint.classes(4)
    with pytest.raises(ec.InvalidArgumentError, match="depth 0 is out of range"):
        joint.huffman_bits(0, np.array([[1.0, 1.0]]))
