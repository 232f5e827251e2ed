"""Instruments, compared with loops over texts, positions and the vocabulary."""

import math
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import elastic_core as ec
from elastic_core import InvalidArgumentError
from elastic_core.models.protocol import DrawingModel, as_drawing, as_weighted
from elastic_core.scoring import LinearScorer
from elastic_core.scoring.instruments import (
    NOISE_SIZES,
    AuthorDivergence,
    Divergences,
    Instrument,
    LogOdds,
    Margin,
    Score,
    WeightNoise,
)

POSITIVE = ["to be or not to be", "to be is to do", "so be it", "be good"]
NEGATIVE = ["that is the question", "whether it is nobler", "is it", "it is"]
PROMPTS = [text[:2] for text in POSITIVE]
COMPLETIONS = [text[2:] for text in POSITIVE]


def learned(*texts: str) -> DrawingModel:
    """A tree model of depth 2 that learned texts."""
    model = ec.load_model("tree:2")
    model.update(["a quick brown fox", *texts])  # type: ignore[attr-defined]
    return as_drawing(model)


@pytest.fixture(scope="module")
def base() -> DrawingModel:
    return learned()


@pytest.fixture(scope="module")
def model() -> DrawingModel:
    return learned(*POSITIVE)


def standard_error(*groups: Sequence[float]) -> float:
    return math.sqrt(sum(np.var(group, ddof=1) / len(group) for group in groups))


def test_the_margin_is_a_difference_of_means_per_token(
    base: DrawingModel, model: DrawingModel
) -> None:
    def changes(texts: list[str]) -> list[float]:
        found = []
        for text in texts:
            new, old = model.log_probs([text])[0], base.log_probs([text])[0]
            found.append(
                sum(float(one) - float(other) for one, other in zip(new, old, strict=True))
            )
            found[-1] /= len(new)
        return found

    positive, negative = changes(POSITIVE), changes(NEGATIVE)
    metrics = Margin(base, POSITIVE, NEGATIVE).measure(model)
    expected = sum(positive) / len(positive) - sum(negative) / len(negative)
    assert metrics["margin"] == pytest.approx(expected, abs=1e-9)
    assert metrics["margin_se"] == pytest.approx(standard_error(positive, negative))
    assert metrics["margin"] > 0
    one_sided = Margin(base, POSITIVE).measure(model)
    assert one_sided["margin"] == pytest.approx(sum(positive) / len(positive))


def test_log_odds_are_a_mean_over_contexts(base: DrawingModel, model: DrawingModel) -> None:
    counts = [Counter[int](), Counter[int]()]
    for count, texts in zip(counts, (POSITIVE, NEGATIVE), strict=True):
        for ids in base.tokens(texts):
            count.update(ids.tolist())
    sizes = [sum(count.values()) + base.vocabulary / 2 for count in counts]
    weights = [
        math.log((counts[0][v] + 0.5) / sizes[0]) - math.log((counts[1][v] + 0.5) / sizes[1])
        for v in range(base.vocabulary)
    ]

    def expected(of: DrawingModel) -> list[float]:
        means = []
        for prompt, completion in zip(PROMPTS, COMPLETIONS, strict=True):
            contexts = [prompt + completion[:length] for length in range(len(completion) + 1)][:3]
            rows = of.next_distribution(contexts)
            means.append(float(np.mean([np.dot(row.astype(float), weights) for row in rows])))
        return means

    instrument = LogOdds(base, POSITIVE, NEGATIVE, PROMPTS, COMPLETIONS, tokens=3)
    differences = [one - other for one, other in zip(expected(model), expected(base), strict=True)]
    metrics = instrument.measure(model)
    assert metrics["log_odds"] == pytest.approx(np.mean(differences), abs=1e-6)
    assert metrics["log_odds_se"] == pytest.approx(standard_error(differences), rel=1e-4)
    assert metrics["log_odds"] > 0


def test_divergences_are_those_of_the_reference(base: DrawingModel, model: DrawingModel) -> None:
    prompts = [""] * 20
    metrics = Divergences(base, prompts, tokens=6, seed=3).measure(model)
    drift = ec.scoring.Reference(base, prompts, tokens=6, seed=3).drift(model)
    assert metrics["kl"] == drift.from_model.nats_per_token.value
    assert metrics["kl_base"] == drift.from_reference.nats_per_token.value
    assert metrics["kl_base_se"] == drift.from_reference.nats_per_token.standard_error
    positions = metrics["kl_base_positions"]
    assert len(positions) == 6
    drawn = base.draw(prompts, tokens=6, seed=3)
    reached = [sum(len(ids) > at for ids in drawn) for at in range(6)]
    total = sum(mean * count for mean, count in zip(positions, reached, strict=True))
    assert total / sum(reached) == pytest.approx(metrics["kl_base"])


def test_the_distance_from_an_author_is_summed_over_the_vocabulary(model: DrawingModel) -> None:
    author, prompts = learned(*NEGATIVE), ["", "to", "that", "is"]
    divergences: list[list[float]] = []
    for prompt, answer in zip(prompts, author.draw(prompts, tokens=6, seed=2), strict=True):
        contexts = [
            prompt.encode() + answer[:length].astype(np.uint8).tobytes()
            for length in range(len(answer))
        ]
        rows = zip(author.next_distribution(contexts), model.next_distribution(contexts),
                   strict=True)  # fmt: skip
        divergences.append(
            [
                sum(float(p) * math.log(float(p) / float(q)) for p, q in zip(*row, strict=True))
                for row in rows
            ]
        )
    metrics = AuthorDivergence(author, prompts, tokens=6, seed=2).measure(model)
    total, count = sum(map(sum, divergences)), sum(map(len, divergences))
    assert metrics["kl_author"] == pytest.approx(total / count, abs=1e-5)
    residuals = [sum(row) - total / count * len(row) for row in divergences]
    error = math.sqrt(np.var(residuals, ddof=1) * len(residuals)) / count
    assert metrics["kl_author_se"] == pytest.approx(error, rel=1e-3)
    for at, mean in enumerate(metrics["kl_author_positions"]):
        reached = [row[at] for row in divergences if len(row) > at]
        assert mean == pytest.approx(sum(reached) / len(reached), abs=1e-5)
    of_author = AuthorDivergence(author, prompts, tokens=6, seed=2).measure(author)
    assert metrics["kl_author"] > of_author["kl_author"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("is_author", [True, False])
def test_a_distance_needs_models_with_distributions(base: DrawingModel, is_author: bool) -> None:
    class Served:
        spec, has_distributions = "served:name", False

    author, model = (Served(), base) if is_author else (base, Served())
    message = "served:name: this model does not report .* use a tree model or a transformers model"
    with pytest.raises(InvalidArgumentError, match=message):
        AuthorDivergence(author, [""], tokens=2, seed=0).measure(model)  # type: ignore[arg-type]


def instruments(base: DrawingModel) -> list[Instrument]:
    return [
        Margin(base, POSITIVE, NEGATIVE),
        LogOdds(base, POSITIVE, NEGATIVE, PROMPTS, COMPLETIONS, tokens=4),
        Divergences(base, ["", "to"], tokens=5, seed=0),
        AuthorDivergence(base, ["", "to"], tokens=5, seed=0),
    ]


def test_a_base_has_not_moved_from_itself(base: DrawingModel) -> None:
    for instrument in instruments(base):
        for name, value in instrument.measure(base).items():
            assert np.allclose(value, 0.0, atol=1e-12), name


def test_the_same_model_gives_the_same_values(base: DrawingModel, model: DrawingModel) -> None:
    first = [instrument.measure(model) for instrument in instruments(base)]
    again = [instrument.measure(model) for instrument in instruments(base)]
    assert first == again


def test_values_grow_with_what_was_learned(base: DrawingModel) -> None:
    models = [base, *(learned(*POSITIVE * times) for times in (1, 2, 4))]
    for instrument in instruments(base)[:2]:
        values = [next(iter(instrument.measure(model).values())) for model in models]
        assert all(one < other for one, other in pairwise(values))


def test_a_score_is_that_of_the_completions(model: DrawingModel) -> None:
    scorer = LinearScorer.fit(POSITIVE + NEGATIVE, [True] * 4 + [False] * 4)
    metrics = Score(scorer, PROMPTS, tokens=8, seed=5).measure(model)
    texts = model.generate(PROMPTS, tokens=8, seed=5)
    scores = scorer(
        [p + text.decode(errors="replace") for p, text in zip(PROMPTS, texts, strict=True)]
    )
    assert metrics["score"] == pytest.approx(float(np.mean(scores)))


def test_a_single_text_has_no_standard_error(base: DrawingModel, model: DrawingModel) -> None:
    assert Margin(base, POSITIVE[:1]).measure(model)["margin_se"] is None


def test_missing_texts_are_refused(base: DrawingModel) -> None:
    with pytest.raises(InvalidArgumentError, match="margin: there is no positive text"):
        Margin(base, [])
    with pytest.raises(InvalidArgumentError, match=r"log_odds: .* labelled texts of both sides"):
        LogOdds(base, POSITIVE, [], PROMPTS, COMPLETIONS, tokens=4)
    with pytest.raises(InvalidArgumentError, match="no text to take contexts from"):
        LogOdds(base, POSITIVE, NEGATIVE, [], [], tokens=4)


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> DrawingModel:
    return as_drawing(ec.load_model(str(checkpoint)))


def test_weight_noise_is_the_mean_rise_of_the_loss(
    network: DrawingModel, checkpoint: Path, tmp_path: Path
) -> None:
    metrics = WeightNoise(POSITIVE, seed=3, draws=2).measure(network)
    assert list(metrics) == [
        name for number in range(5) for name in (f"noise_{number}", f"noise_{number}_se")
    ]
    seeds = np.random.SeedSequence(3).generate_state(2).tolist()
    rises = np.zeros(len(POSITIVE))
    for seed in seeds:
        changed: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in changed.parameters():
                if weight.ndim == 2:
                    spread = weight.numpy().std()
                    weight += NOISE_SIZES[4] * spread * torch.randn(weight.shape, generator=random)
        copy = tmp_path / str(seed)
        shutil.copytree(checkpoint, copy)
        changed.save_pretrained(copy)
        noisy = ec.load_model(str(copy))
        for number, text in enumerate(POSITIVE):
            rise = network.log_probs([text])[0].mean() - noisy.log_probs([text])[0].mean()
            rises[number] += rise / len(seeds)
    assert metrics["noise_4"] == pytest.approx(rises.mean(), rel=1e-3)
    assert metrics["noise_4_se"] == pytest.approx(standard_error(rises.tolist()), rel=1e-3)
    assert WeightNoise(POSITIVE, seed=3, draws=2).measure(network) == metrics
    assert WeightNoise(POSITIVE, seed=4, draws=2).measure(network) != metrics


def test_noise_leaves_the_weights_as_they_were(network: DrawingModel, checkpoint: Path) -> None:
    before = network.log_probs(POSITIVE)

    def interrupt() -> None:
        with as_weighted(network).perturbed(0.1, 0):
            assert not np.array_equal(network.log_probs(POSITIVE[:1])[0], before[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    for old, new in zip(before, network.log_probs(POSITIVE), strict=True):
        np.testing.assert_array_equal(old, new)
    assert network.identity == ec.load_model(str(checkpoint)).identity


def test_a_model_without_weights_is_refused(model: DrawingModel) -> None:
    with pytest.raises(InvalidArgumentError, match=r"no weights; use a transformers"):
        WeightNoise(POSITIVE, seed=0).measure(model)
    with pytest.raises(InvalidArgumentError, match="weight_noise: there is no text"):
        WeightNoise([], seed=0)
