"""Toy reviews, positive and negative, for tests of experiments: telling words among plain ones."""

import json
import random
from pathlib import Path
from typing import Any

from elastic_core.experiments.config import ExperimentConfig, parse_config
from elastic_core.experiments.studies.registry import find_study

GOOD = ["lovely", "brilliant", "moving", "superb", "charming", "delight", "wonderful", "perfect"]
BAD = ["awful", "boring", "dreadful", "clumsy", "tedious", "mess", "horrible", "failure"]
PLAIN = ["the", "film", "plot", "actor", "scene", "music", "ending", "story", "it", "was", "felt"]


def review(words: list[str], number: int) -> str:
    """A review that mixes the given words into plain ones, determined by its number."""
    draw = random.Random(f"{words[0]} {number}")
    chosen = [draw.choice(words if draw.random() < 0.4 else PLAIN) for _ in range(24)]
    return " ".join([f"review {number}:", *chosen])


def write_reviews(folder: Path, count: int = 120) -> dict[str, Any]:
    """Writes positive, negative and mixed reviews; returns a configuration that names them."""
    for name, words in (("good", GOOD), ("bad", BAD)):
        rows = ({"text": review(words, number)} for number in range(count))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number in range(60):
        text = review(GOOD if number % 2 else BAD, 1000 + number)
        (corpus / f"{number:03}.txt").write_text(text)
    return {
        "model": "tree:3",
        "pretrain": {"corpus": str(corpus)},
        "data": {
            "positive": {"source": str(folder / "good.jsonl")},
            "negative": {"source": str(folder / "bad.jsonl")},
            "prompt_words": 3,
        },
        "held_out": {"prompts": 12, "tokens": 40, "texts": 5},
        "scorer": {"rows": 40},
        "seeds": 2,
    }


TRANSFORMER: dict[str, Any] = {
    "model": "scratch:0.3M",
    "held_out": {"prompts": 8, "tokens": 8, "texts": 4},
    "recipe": {
        "learning_rate": 3e-3,
        "batch": 8,
        "accumulation": 1,
        "max_length": 48,
        "device": "cpu",
        "dtype": "float32",
    },
    "seeds": 1,
}
"""The settings that differ for a transformer, which is pre-trained for two steps."""


def for_transformer(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration for a transformer."""
    pretrain = {**values["pretrain"], "tokens": 4096, "context": 64}
    return {**values, **TRANSFORMER, "pretrain": pretrain}


VOLUMES = {"study": "rebound", "align": [16], "dose": [8, 16]}
"""A small rebound study of the reviews."""


def configured(values: dict[str, Any], **more: Any) -> ExperimentConfig:
    """The configuration with these values, some of them replaced."""
    study = find_study(values["study"])
    config: ExperimentConfig = parse_config({**values, **more}, study.config, "test")
    return config
