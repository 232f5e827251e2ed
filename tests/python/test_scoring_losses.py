"""Losses of sets of texts against log-probabilities added up by hand."""

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
def test_it_is_what_the_log_probs_add_up_to(spec: str, checkpoint: Path) -> None:
    model: Any = ec.load_model(str(checkpoint) if spec == "checkpoint" else spec)
    found = losses(model, SETS)
    assert list(found) == list(SETS)
    for name, texts in SETS.items():
        nats = -sum(float(each) for text in texts for each in model.log_probs([text])[0])
        tokens = sum(len(each) for each in model.tokens(texts))
        bytes_ = sum(len(text.encode() if isinstance(text, str) else text) for text in texts)
        loss = found[name]
        assert (loss.texts, loss.tokens, loss.bytes) == (len(texts), tokens, bytes_)
        assert loss.nats_per_token.value == pytest.approx(nats / tokens, rel=1e-5)
        assert loss.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-5)
        assert loss.bits_per_byte.value == pytest.approx(nats / math.log(2) / bytes_, rel=1e-5)
        assert loss.ratio.value == loss.bits_per_byte.value / 8
        record = json.loads(json.dumps(loss.to_dict()))
        assert record["ratio"]["value"] == loss.ratio.value
        assert record["perplexity"] == loss.perplexity


def test_a_tree_model_that_knows_nothing_pays_for_every_symbol() -> None:
    (loss,) = losses(ec.load_model("tree:1"), {"align": ["a"]}).values()
    assert (loss.tokens, loss.bytes) == (2, 1), "EOS is a token, but no byte"
    assert 200 < loss.perplexity < 400
    assert loss.nats_per_token.standard_error is None


@pytest.mark.parametrize("spec", ["tree:4", "checkpoint"])
def test_ends_are_left_out_where_a_model_scores_them(spec: str, checkpoint: Path) -> None:
    model: Any = ec.load_model(str(checkpoint) if spec == "checkpoint" else spec)
    prompts, completions = ["to be", "or"], [" or not", " to be"]
    whole, cut = (
        completion_loss(model, "answers", prompts, completions, has_ends=has_ends)
        for has_ends in (True, False)
    )
    ends = 2 if spec == "tree:4" else 0
    assert (whole.tokens - cut.tokens, whole.bytes - cut.bytes) == (ends, 0)
    texts = [one + two for one, two in zip(prompts, completions, strict=True)]
    saved = sum(float(each[-1]) for each in model.log_probs(texts)) if ends else 0.0
    nats = [loss.nats_per_token.value * loss.tokens for loss in (whole, cut)]
    assert nats[0] - nats[1] == pytest.approx(-saved, rel=1e-5, abs=1e-9)


def test_nothing_is_learned_and_what_was_learned_is_cheap() -> None:
    model: Any = ec.load_model("tree:4")
    model.update(SETS["pretrain"] * 10)
    before = model.identity
    found = losses(model, SETS)
    assert losses(model, SETS) == found
    assert model.identity == before
    assert found["pretrain"].ratio.value < 0.1 < found["align"].ratio.value


def test_what_cannot_be_scored_is_told(checkpoint: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="align: there is no text to compute"):
        losses(ec.load_model("tree:4"), {**SETS, "align": [b"", ""]})
    with pytest.raises(ec.ModelError, match="align: document 1 is not UTF-8 at position 3"):
        losses(ec.load_model(str(checkpoint)), {"align": ["to be", b"to \xff be"]})


def test_another_order_of_texts_is_the_same_loss(checkpoint: Path) -> None:
    texts = [f"to be or {number} not to be" * (number + 1) for number in range(9)]
    one, other = (
        losses(ec.load_model(str(checkpoint)), {"align": each})["align"]
        for each in (texts, texts[::-1])
    )
    assert one.nats_per_token.value == pytest.approx(other.nats_per_token.value, rel=1e-6)
    assert np.isclose(
        one.bits_per_byte.standard_error or 0, other.bits_per_byte.standard_error or 1
    )
