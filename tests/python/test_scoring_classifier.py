"""Transformers classifiers and reward models, compared with their own forward passes."""

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    ViTConfig,
)

from elastic_core import InvalidArgumentError, ModelError
from elastic_core.scoring import Scorer, load_scorer

TEXTS = ["to be or not to be", "that is the question " * 30, "x", "to sleep"]
LABELS = {0: "bad", 1: "good", 2: "neither"}


def bert(checkpoint: Path, folder: Path, **more: Any) -> Path:
    """A tiny untrained encoder with three labels."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=300,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
        id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
        **more,
    )
    network: Any = BertForSequenceClassification(config)
    return save(network, checkpoint, folder)


def llama(checkpoint: Path, folder: Path, **more: Any) -> Path:
    """A tiny untrained decoder with one output, read at the last token that is not padding."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        initializer_range=0.5,
        id2label={0: "reward"},
        **more,
    )
    network: Any = LlamaForSequenceClassification(config)
    return save(network, checkpoint, folder)


def save(network: Any, checkpoint: Path, folder: Path) -> Path:
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    network.save_pretrained(folder)
    return folder


def logits(folder: Path, text: str) -> torch.Tensor:
    """The logits of one text by transformers alone, truncated to the model's positions."""
    network: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"][:64]
    with torch.no_grad():
        values: torch.Tensor = network(torch.tensor([ids])).logits[0].double()
    return values


@pytest.mark.parametrize("label", ["good", 1])
def test_a_score_is_the_probability_of_the_label(
    label: str | int, checkpoint: Path, tmp_path: Path
) -> None:
    folder = bert(checkpoint, tmp_path)
    scorer: Scorer = load_scorer(f"hf:{folder}", label=label)
    scores = scorer(TEXTS)
    assert scores.dtype == np.float64
    assert scores == pytest.approx(
        [float(logits(folder, text).softmax(0)[1]) for text in TEXTS], abs=1e-5
    )
    assert load_scorer(str(folder), label=label, batch=1)(TEXTS) == pytest.approx(scores, abs=1e-5)
    assert scorer([]).shape == (0,)
    settings = json.loads(json.dumps(scorer.settings))
    assert (settings["label"], settings["window"], settings["dtype"]) == ("good", 64, "float32")
    assert scorer.name == f"hf:{folder}"
    assert scorer.identity == load_scorer(str(folder), label=0).identity
    assert {len(digest) for digest in scorer.identity.values()} == {64}


def test_multi_label_scores_are_sigmoids(checkpoint: Path, tmp_path: Path) -> None:
    folder = bert(checkpoint, tmp_path, problem_type="multi_label_classification")
    (score,) = load_scorer(str(folder), label="neither")(TEXTS[:1])
    assert score == pytest.approx(float(logits(folder, TEXTS[0]).sigmoid()[2]), abs=1e-5)


@pytest.mark.parametrize("pad", [{}, {"pad_token_id": 1}])
def test_a_single_output_is_the_score(
    pad: dict[str, int], checkpoint: Path, tmp_path: Path
) -> None:
    folder = llama(checkpoint, tmp_path, **pad)
    scores = load_scorer(str(folder))(TEXTS)
    assert scores == pytest.approx([float(logits(folder, text)[0]) for text in TEXTS], abs=1e-4)
    assert scores.min() < 0 or scores.max() > 1


def test_texts_are_scored_one_by_one_without_a_padding_token(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = llama(checkpoint, tmp_path, eos_token_id=None)
    expected = load_scorer(str(folder))(TEXTS[1:])
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text())
    del config["eos_token"]
    file.write_text(json.dumps(config))
    assert load_scorer(str(folder))(TEXTS[1:]) == pytest.approx(expected, abs=1e-4)


def test_the_window_accounts_for_positions_offset_by_padding(
    checkpoint: Path, tmp_path: Path
) -> None:
    config = RobertaConfig(
        vocab_size=300,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
        pad_token_id=1,
        id2label={0: "score"},
    )
    network: Any = RobertaForSequenceClassification(config)
    scorer = load_scorer(str(save(network, checkpoint, tmp_path)))
    assert scorer.settings["window"] == 18
    assert np.isfinite(scorer(["x" * 90])).all()


def test_a_text_without_tokens_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="text 1 has no token"):
        load_scorer(str(bert(checkpoint, tmp_path)), label=0)(["x", ""])


def test_an_unreadable_text_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    folder = bert(checkpoint, tmp_path)
    with pytest.raises(ModelError, match="text 1 has a lone surrogate at position 1, which is"):
        load_scorer(str(folder), label=0)(["x", "y\ud800"])
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    scorer = load_scorer(str(folder), label=0)
    assert scorer("x").tolist() == scorer(["x"]).tolist()
    with pytest.raises(ModelError, match="text 1 has the token id 300, but the model knows only 3"):
        scorer(["x", "y [MASK]"])


def test_a_window_covers_the_beginning_of_a_text(checkpoint: Path, tmp_path: Path) -> None:
    scorer = load_scorer(str(bert(checkpoint, tmp_path)), label=0, window=5)
    one, other, differs = scorer(["a b c d", "a b c x y z", "x b c d"])
    assert one == pytest.approx(other)
    assert one != pytest.approx(differs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"no label: choose one of 0 \(bad\), 1 \(good\), 2 \(neither\)"),
        ({"label": "fine"}, r"unknown label fine: choose one of 0 \(bad\)"),
        ({"label": 3}, r"unknown label 3: choose"),
        ({"label": 0, "window": 65}, "window 65: must be from 1 to 64"),
        ({"label": 0, "batch": 0}, "batch 0"),
        ({"label": 0, "dtype": "int8"}, "unknown dtype"),
        ({"label": 0, "device": "tpu"}, "unknown device"),
        ({"label": 0, "revision": "main"}, "a folder has no revisions"),
    ],
)
def test_invalid_options_are_rejected(
    options: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = bert(checkpoint, tmp_path)
    with pytest.raises(InvalidArgumentError, match=message):
        load_scorer(str(folder), **options)


def test_a_label_for_a_single_output_is_rejected(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="label good: the model has a single output"):
        load_scorer(str(llama(checkpoint, tmp_path)), label="good")


def test_a_model_that_is_not_a_classifier_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the checkpoint lacks 1 weights, score\.weight among"):
        load_scorer(str(checkpoint), label=0)
    shutil.copytree(checkpoint, tmp_path, dirs_exist_ok=True)
    ViTConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="not a classifier or reward model"):
        load_scorer(str(tmp_path), label=0)


def test_a_missing_model_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="hf:roberta: neither a folder nor in the cache, and the"):
        load_scorer("hf:roberta")
    with pytest.raises(InvalidArgumentError, match="unknown scorer 'roberta': name hf:NAME"):
        load_scorer("roberta")


def test_a_nan_score_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    folder = bert(checkpoint, tmp_path)
    network: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        network.classifier.weight.fill_(torch.nan)
    network.save_pretrained(folder)
    with pytest.raises(ModelError, match="the score of text 0 is not a number"):
        load_scorer(str(folder), label=0)(["to be"])
