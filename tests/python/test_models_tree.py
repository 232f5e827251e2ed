"""The tree model behind the LanguageModel protocol, and how `load_model` loads it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elastic_core as ec
from elastic_core.models.protocol import as_drawing, as_stepped
from elastic_core.models.spec import load_tree
from elastic_core.models.tree import TreeLanguageModel

TEXTS: list[bytes | str] = [b"to be or not to be", "that is the qu\u00e9stion", b"", b"\xff\x00"]


def model(spec: str = "tree:4") -> TreeLanguageModel:
    return load_tree(spec)


def test_properties_and_capabilities() -> None:
    assert model().spec == "tree:4"
    assert model().vocabulary == 257
    assert model().reads_any_bytes
    assert model().learns_online
    assert as_drawing(model()).has_distributions
    with pytest.raises(ec.InvalidArgumentError, match="tree:4: this model cannot be read step"):
        as_stepped(model())
    settings = {"depth": 4, "alphabet": "byte", "memory": 1 << 28, "eos": True}
    assert json.loads(json.dumps(model().settings)) == settings
    assert model().identity == {"weights": ec.TreeModel(4).identity()}


def test_methods_agree_with_the_core() -> None:
    wrapped, core = model(), ec.TreeModel(4)
    for ids, expected in zip(wrapped.tokens(TEXTS), core.symbols(TEXTS), strict=True):
        assert np.array_equal(ids, expected)
        assert ids[-1] == wrapped.vocabulary - 1
    assert np.array_equal(wrapped.update(TEXTS), core.update(TEXTS))
    for one, other in zip(wrapped.log_probs(TEXTS), core.log_probs(TEXTS), strict=True):
        assert np.array_equal(one, other)
    rows = wrapped.next_distribution(["to ", ""])
    assert rows.shape == (2, wrapped.vocabulary)
    assert rows.sum(axis=1) == pytest.approx(1)
    texts = wrapped.generate(["to "], tokens=9, temperature=0.5, seed=3)
    assert texts == core.sample(["to "], 9, 0.5, 3)


def test_there_is_a_log_prob_per_token() -> None:
    lengths = [len(array) for array in model().log_probs(TEXTS)]
    assert lengths == [len(array) for array in model().tokens(TEXTS)] == [19, 22, 1, 3]


def test_a_copy_is_independent() -> None:
    first = model()
    second = first.copy()
    second.update(TEXTS)
    assert first.identity == model().identity != second.identity


def test_a_saved_model_is_loaded_from_its_file(tmp_path: Path) -> None:
    core = ec.TreeModel(4)
    core.update(TEXTS)
    core.save(tmp_path / "saved.model")
    saved = model(str(tmp_path / "saved.model"))
    assert saved.identity == {"weights": core.identity()}
    assert np.array_equal(saved.update(TEXTS), core.update(TEXTS))
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ec.ModelError, match="not a saved tree model"):
        model(str(tmp_path / "text"))


@pytest.mark.parametrize("spec", ["tree:0", "tree:33", "tree:x", "tree:", "tree:8.0", "tree:٤"])
def test_invalid_depths_are_rejected(spec: str) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="write the depth as a number from 1 to 32"):
        ec.load_model(spec)


@pytest.mark.parametrize("name", ["revision", "device", "window", "batch"])
def test_options_of_other_models_are_rejected(name: str) -> None:
    assert ec.load_model("tree:4", **{name: None}).spec == "tree:4"
    with pytest.raises(ec.InvalidArgumentError, match=f"tree:4: a tree model has no {name}"):
        ec.load_model("tree:4", **{name: 7})


def test_a_single_text_is_a_list_of_one() -> None:
    learner = model()
    learner.update("to be or not")
    other = model()
    other.update([b"to be or not"])
    assert learner.identity == other.identity
    for text in ("to be", b"to be"):
        single: Any = text
        for name in ("tokens", "log_probs", "next_distribution"):
            method = getattr(learner, name)
            assert np.array_equal(method(single)[0], method([text])[0])
            assert len(method(single)) == 1
        assert learner.generate(single, tokens=4) == learner.generate([text], tokens=4)
        drawn = learner.draw(single, tokens=4)
        (one,) = learner.log_distributions(single, drawn, tokens=4)
        assert np.array_equal(one, learner.log_distributions([text], drawn, tokens=4)[0])


def test_a_lone_surrogate_is_reported() -> None:
    for method in (model().tokens, model().log_probs, model().update, model().next_distribution):
        with pytest.raises(ec.InvalidArgumentError, match="document 1 has a lone surrogate at pos"):
            method(["to", "be\ud800"])
    with pytest.raises(ec.InvalidArgumentError, match="document 0 has a lone surrogate at posit"):
        model().generate("\udfff", tokens=2)
