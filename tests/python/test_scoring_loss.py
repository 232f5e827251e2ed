"""Losses of sets of texts and ratios of sums, compared with naive sums and simulations."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elastic_core as ec
from elastic_core.models import Document
from elastic_core.scoring import Ratio, losses
from elastic_core.scoring.loss import beginnings, completion_loss

SETS: dict[str, list[Document]] = {
    "pretrain": ["to be or not to be", "that is the question"],
    "align": ["\u00e9", b"", b"or"],
}


@pytest.mark.parametrize("spec", ["tree:4", "checkpoint"])
def test_the_loss_is_the_sum_of_log_probs(spec: str, checkpoint: Path) -> None:
    model: Any = ec.load_model(str(checkpoint) if spec == "checkpoint" else spec)
    result = losses(model, SETS)
    assert list(result) == list(SETS)
    for name, texts in SETS.items():
        nats = -sum(float(value) for text in texts for value in model.log_probs([text])[0])
        tokens = sum(len(ids) for ids in model.tokens(texts))
        bytes_ = sum(len(text.encode() if isinstance(text, str) else text) for text in texts)
        loss = result[name]
        assert (loss.texts, loss.tokens, loss.bytes) == (len(texts), tokens, bytes_)
        assert loss.nats_per_token.value == pytest.approx(nats / tokens, rel=1e-5)
        assert loss.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-5)
        assert loss.bits_per_byte.value == pytest.approx(nats / math.log(2) / bytes_, rel=1e-5)
        assert loss.ratio.value == loss.bits_per_byte.value / 8
        record = json.loads(json.dumps(loss.to_dict()))
        assert record["ratio"]["value"] == loss.ratio.value
        assert record["perplexity"] == loss.perplexity


def test_an_untrained_tree_model_is_nearly_uniform() -> None:
    (loss,) = losses(ec.load_model("tree:1"), {"align": ["a"]}).values()
    assert (loss.tokens, loss.bytes) == (2, 1), "EOS is a token but not a byte"
    assert 200 < loss.perplexity < 400
    assert loss.nats_per_token.standard_error is None


@pytest.mark.parametrize("spec", ["tree:4", "checkpoint"])
def test_end_tokens_can_be_excluded(spec: str, checkpoint: Path) -> None:
    model: Any = ec.load_model(str(checkpoint) if spec == "checkpoint" else spec)
    prompts, completions = ["to be", "or"], [" or not", " to be"]
    whole, without_ends = (
        completion_loss(model, "answers", prompts, completions, has_ends=has_ends)
        for has_ends in (True, False)
    )
    ends = 2 if spec == "tree:4" else 0
    assert (whole.tokens - without_ends.tokens, whole.bytes - without_ends.bytes) == (ends, 0)
    texts = [one + two for one, two in zip(prompts, completions, strict=True)]
    end_log_probs = (
        sum(float(log_probs[-1]) for log_probs in model.log_probs(texts)) if ends else 0.0
    )
    nats = [loss.nats_per_token.value * loss.tokens for loss in (whole, without_ends)]
    assert nats[0] - nats[1] == pytest.approx(-end_log_probs, rel=1e-5, abs=1e-9)


def test_learned_text_has_a_low_loss_and_scoring_learns_nothing() -> None:
    model: Any = ec.load_model("tree:4")
    model.update(SETS["pretrain"] * 10)
    before = model.identity
    result = losses(model, SETS)
    assert losses(model, SETS) == result
    assert model.identity == before
    assert result["pretrain"].ratio.value < 0.1 < result["align"].ratio.value


def test_texts_that_cannot_be_scored_are_reported(checkpoint: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="align: there is no text to compute"):
        losses(ec.load_model("tree:4"), {**SETS, "align": [b"", ""]})
    with pytest.raises(ec.ModelError, match="align: document 1 is not UTF-8 at position 3"):
        losses(ec.load_model(str(checkpoint)), {"align": ["to be", b"to \xff be"]})


def test_the_loss_does_not_depend_on_the_order_of_texts(checkpoint: Path) -> None:
    texts = [f"to be or {number} not to be" * (number + 1) for number in range(9)]
    one, other = (
        losses(ec.load_model(str(checkpoint)), {"align": ordered})["align"]
        for ordered in (texts, texts[::-1])
    )
    assert one.nats_per_token.value == pytest.approx(other.nats_per_token.value, rel=1e-6)
    assert np.isclose(
        one.bits_per_byte.standard_error or 0, other.bits_per_byte.standard_error or 1
    )


# Ratios of sums


def test_a_ratio_divides_the_sums() -> None:
    assert Ratio.of([1, 2, 6], [1, 1, 4]).value == 1.5
    assert Ratio.of([3, 6], [1, 2]) == Ratio(3.0, 0.0)
    assert Ratio.of([3], [2]) == Ratio(1.5, None)
    assert Ratio.of([np.inf, 1], [1, 1]) == Ratio(np.inf, None)
    assert Ratio(3.0, 0.5) / 2 == Ratio(1.5, 0.25)
    assert Ratio(3.0, None) / 2 == Ratio(1.5, None)
    assert Ratio(3.0, None).to_dict() == {"value": 3.0, "standard_error": None}


def test_with_equal_units_the_error_is_that_of_a_mean() -> None:
    values = [1.0, 4.0, 2.5, 0.0]
    ratio = Ratio.of(values, np.full(4, 2))
    assert ratio.standard_error == pytest.approx(np.std(values, ddof=1) / 2 / 2)


def test_the_error_of_a_ratio_matches_the_spread_over_samples() -> None:
    random = np.random.default_rng(0)
    units = random.integers(1, 50, (2000, 200))
    amounts = units * random.normal(2, 0.3, units.shape) + random.normal(0, 4, units.shape)
    ratios = [Ratio.of(*sample) for sample in zip(amounts, units, strict=True)]
    errors = [ratio.standard_error or 0 for ratio in ratios]
    assert np.mean(errors) == pytest.approx(np.std([ratio.value for ratio in ratios]), rel=0.05)


def test_a_single_text_is_a_set_of_one() -> None:
    model = ec.load_model("tree:2")
    assert losses(model, {"one": "to be"}) == losses(model, {"one": ["to be"]})
    assert losses(model, {"one": "to be"})["one"].texts == 1
    single = completion_loss(model, "one", "to be", " or not")
    assert single == completion_loss(model, "one", ["to be"], [" or not"])


def test_texts_are_cut_at_words() -> None:
    model = ec.load_model("tree:2")
    texts = ["one two three four", "short", "x" * 40, "", "a  b"]
    cut = beginnings(model, texts, 10)
    assert cut == ["one two", "short", "x" * 9, "", "a  b"]  # The end is a symbol.
    assert beginnings(model, texts, 100) == texts
