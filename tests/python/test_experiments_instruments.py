"""Which instruments cells are measured with, and what each needs."""

from pathlib import Path
from typing import Any

import pytest

import elastic_core as ec
from elastic_core import InvalidArgumentError
from elastic_core.experiments.instruments import FixedTexts, names_for_cell, prepare
from elastic_core.models.protocol import as_drawing
from elastic_core.scoring.instruments import WeightNoise

ROWS: dict[str, Any] = {
    "positive": [{"prompt": "to", "completion": " be"}, {"prompt": "or", "completion": " not"}],
    "negative": [{"prompt": "that", "completion": " is"}],
}
TEXTS = FixedTexts(ROWS, {}, ["to"], tokens=4, longest=None, samples=2, seed=1)


def test_every_instrument_has_its_cells() -> None:
    names: Any = ["margin", "rates", "score", "weight_noise"]
    assert names_for_cell(names, is_base=True, is_end=True) == ("margin", "score", "weight_noise")
    assert names_for_cell(names, is_base=False, is_end=True) == ("margin", "score")
    assert names_for_cell(names, is_base=False, is_end=False) == ("margin",)


def test_weight_noise_is_measured_on_the_held_out_texts(checkpoint: Path) -> None:
    model = as_drawing(ec.load_model(str(checkpoint)))
    (instrument,) = prepare(["weight_noise"], model, TEXTS, None)
    expected = WeightNoise(["to be", "or not", "that is"], seed=1).measure(model)
    assert instrument.measure(model) == expected


def test_weight_noise_of_a_tree_model_is_refused() -> None:
    message = "tree:2: this model has no weights; use a transformers model"
    with pytest.raises(InvalidArgumentError, match=message):
        prepare(["weight_noise"], as_drawing(ec.load_model("tree:2")), TEXTS, None)
