"""The curves of the ideal learners against enumeration of all documents."""

import math

import numpy as np
import pytest
from naive_language import TINY, symbols, table, word_probability

import elastic_core as ec
from elastic_core.synthesis.language.learners import ARMS, Arm

DEFAULT = ec.Language.create()


def naive_curve(
    language: ec.Language, model: np.ndarray, base: np.ndarray, loss: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Margin, KL and losses, in nats per symbol.

    Args:
        language: The language.
        model: What the learner gives each document, shape (documents,).
        base: The same before alignment.
        loss: The distribution of the documents under each style.
    """
    gain = loss.T @ np.log(model / base)
    kl = base @ np.log(base / model)
    values = np.array([gain[0] - gain[1], kl, *(-loss.T @ np.log(model))])
    values /= language.lengths.symbols
    return values[0], values[1], values[2:]


def assert_same(curve: ec.LearnerCurve, at: int, expected: tuple[float, float, np.ndarray]) -> None:
    assert curve.margin[at] == pytest.approx(expected[0], abs=1e-10)
    assert curve.kl[at] == pytest.approx(expected[1], abs=1e-10)
    assert curve.losses[at] == pytest.approx(expected[2], abs=1e-10)


ARM_SHARES = {
    "neutral": [0.6, 0.4, 0],
    "opposite": [0, 1, 0],
    "novel": [0, 0, 1],
    "same": [1, 0, 0],
}


@pytest.mark.parametrize("arm", ARMS)
def test_the_mixture_learner_by_brute_force(arm: Arm) -> None:
    _, probabilities = table(TINY)
    base = probabilities @ [0.6, 0.4, 0]
    curve = ec.mixture_curve(TINY, documents=90, aligned=10, arm=arm, rows=[0, 5, 400])
    for at, rows in enumerate((0, 5, 400)):
        counts = 90 * TINY.weights(None) + [10, 0, 0] + rows * np.array(ARM_SHARES[arm])
        model = probabilities @ (counts / counts.sum())
        assert_same(curve, at, naive_curve(TINY, model, base, probabilities))


@pytest.mark.parametrize("arm", ARMS)
def test_the_exponential_average_by_brute_force(arm: Arm) -> None:
    texts, probabilities = table(TINY)
    group_of = {
        word: group
        for groups in TINY.grammar.body
        for group, words in enumerate(groups)
        for word in words
    }
    groups = [[group_of[word] for word in symbols(text)[1:] if word in group_of] for text in texts]
    syntax = probabilities[:, 0] / [
        math.prod(word_probability(TINY, 0, group, 0) for group in each) for each in groups
    ]

    def model(counts: np.ndarray) -> np.ndarray:
        """All documents under a learner with these average frequencies of the groups."""
        words = np.array([math.prod(counts[group] for group in each) for each in groups])
        return np.asarray(syntax * words)

    frequencies = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
    counts = start = np.array([0.6, 0.4, 0]) @ frequencies
    curve = ec.exponential_average_curve(TINY, aligned=3, arm=arm, rows=[0, 1, 4], memory=5)
    for _ in range(3):
        counts = 0.8 * counts + 0.2 * frequencies[0]
    for rows in range(5):
        if rows in (0, 1, 4):
            expected = naive_curve(TINY, model(counts), model(start), probabilities)
            assert_same(curve, (0, 1, 4).index(rows), expected)
        counts = 0.8 * counts + 0.2 * (ARM_SHARES[arm] @ frequencies)


def test_the_mixture_learner_obeys_the_elasticity_theorem() -> None:
    k, step = 30.0, 1e-5
    weights, side = TINY.weights(None), TINY.weights("positive")

    def rates(l: float, perturbation: np.ndarray) -> np.ndarray:
        """Rates of pre-training and alignment data under the joint distribution."""
        shares = (k * weights + side + l * perturbation) / (k + 1 + l)
        regrets = TINY.evidence.regrets(shares)
        return np.array([weights @ regrets, regrets[0]])

    for arm in ("negative", "novel"):
        start, after, later = (rates(l, TINY.weights(arm)) for l in (0, step, 2 * step))
        pretrain, align = (4 * after - 3 * start - later) / (2 * step)
        assert pretrain < 0 < align or arm == "novel"
        assert align / pretrain == pytest.approx(-k, rel=1e-5)


def test_learners_without_alignment_or_rows_are_the_base() -> None:
    for curve in (
        ec.mixture_curve(DEFAULT, documents=100, aligned=0, arm="neutral", rows=[0, 50]),
        ec.exponential_average_curve(DEFAULT, aligned=0, arm="neutral", rows=[0, 50]),
    ):
        assert curve.margin == pytest.approx([0, 0], abs=1e-12)
        assert curve.kl == pytest.approx([0, 0], abs=1e-12)
    losses = ec.mixture_curve(DEFAULT, documents=100, aligned=0, arm="same", rows=[0]).losses
    assert losses[0] @ DEFAULT.weights(None) == pytest.approx(DEFAULT.bayes_loss)
