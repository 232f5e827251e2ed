"""The exact law on synthetic sources, from their distributions rather than from samples.

The setting is that of `elastic-core synth`: pre-training on sources 1 to 3, alignment on source 2,
k = 30. Source 4 is novel, apart from the leaves that all sources have in common.
"""

import numpy as np
from corpora import Array, Law

import elastic_core as ec

K = 30.0


def mixed_sources(shares: Array) -> Law:
    """Sources 1+2+3, aligned on 2; the perturbation mixes source 3 with the novel source 4."""
    p, a, covered, novel = _sources(0.0)
    return exact(K, p, a, np.outer(shares, covered) + np.outer(1 - shares, novel))


def common_leaves(shares: Array) -> Law:
    """The same, with source 4 as perturbation and shares of leaves common to all four sources."""
    cases = []
    for share in shares:
        p, a, _, perturb = _sources(share)
        cases.append(exact(K, p, a, perturb[np.newaxis]))
    return Law.over(cases, 1)


def _sources(overlap: float) -> Array:
    corpora = ["pretrain=1+2+3:1", "align=2:1", "third=3:1", "fourth=4:1"]
    return ec.synth(corpora=corpora, overlap=overlap).probabilities


def exact(k: float, p: Array, a: Array, t: Array) -> Law:
    """The law for exact distributions; each row of `t` is a perturbation."""
    q = (k * p + a) / (k + 1)
    seen = q > 0

    def slope(one: Array, other: Array) -> Array:
        bits: Array = (1 - other[..., seen] @ (one[seen] / q[seen])) / (k + 1) / np.log(2)
        return bits

    ones = np.ones(len(t))
    return Law(k * ones, t[:, seen].sum(axis=1), slope(p, t), slope(a, t), -slope(a, a) * ones)
