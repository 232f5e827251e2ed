"""Losses of sets of texts, compared with sums of log-probabilities."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elastic_core as ec
from elastic_core.models import Document
from elastic_core.scoring import losses
from elastic_core.scoring.loss import completion_loss

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
