"""Configurations: read, apply_overrides, and refused with a sentence that says what to write."""

from pathlib import Path
from typing import Any

import pytest
from reviews import write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.config import apply_overrides, parse_config, read_yaml
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.experiments.studies.registry import find_study
from elastic_core.experiments.studies.scaling import ScalingConfig

LEAST: dict[str, Any] = {"model": "tree:4", "data": {"positive": {"source": "good.jsonl"}}}


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(InvalidArgumentError) as error:
        parse_config(values, ReboundConfig, "my.yaml")
    return str(error.value)


def test_counts_are_written_as_people_write_them() -> None:
    config = parse_config({**LEAST, "align": ["1k", 200]}, ReboundConfig, "x")
    assert config.align == [1000, 200]
    assert config.seeds == 5


def test_a_recipe_takes_numbers_that_yaml_takes_for_texts(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("recipe: {learning_rate: 1e-5, epochs: 2}\nreverse_recipe: {}")
    config = parse_config({**LEAST, **read_yaml(tmp_path / "x.yaml")}, ReboundConfig, "x")
    assert config.build_recipe().learning_rate == 1e-5
    assert config.build_recipe(reverse=True, epochs=3).epochs == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recipe": {"batch": "many"}}, "recipe.batch 'many': input should be a valid integer"),
        ({"aling": [1]}, "my.yaml: unknown key aling; did you mean align?"),
        (
            {"data": {"positive": {"sorce": "x"}}},
            "my.yaml: unknown key data.positive.sorce; did you mean source?",
        ),
        (
            {"recipe": {"learning_rat": 1}},
            "my.yaml: unknown key recipe.learning_rat; did you mean learning_rate?",
        ),
        (
            {"held_out": {"xyz": 1}},
            "unknown key held_out.xyz; choose one of prompts, tokens, texts",
        ),
        ({"model": None}, "my.yaml: model None: input should be a valid string"),
        ({"data": {}}, "my.yaml: data.positive is missing; add it, or pass data.positive="),
        ({"seeds": 0}, "my.yaml: seeds 0: input should be greater than or equal to 1"),
        ({"recipe": {"learning_rate": -1}}, "learning_rate -1.0: must be more than 0"),
        ({"align": ["many"]}, "'many' is not a count"),
        ({"first": ["left"]}, "first.0 'left': input should be 'positive' or 'negative'"),
    ],
)
def test_a_wrong_key_or_value_is_told_in_a_sentence(change: dict[str, Any], told: str) -> None:
    assert told in refused({**LEAST, **change})


def test_overrides_lead_into_sections_and_leave_the_rest() -> None:
    values = {"a": {"b": 1, "c": 2}, "d": 3}
    made = apply_overrides(values, ["a.b=[1, 2]", "e.f=x", "d=null"])
    assert made == {"a": {"b": [1, 2], "c": 2}, "d": None, "e": {"f": "x"}}
    assert values == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seeds", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("d.x=1", "d is 3, not a section"),
        ("d=[", "not YAML"),
    ],
)
def test_an_override_that_is_none_is_refused(override: str, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        apply_overrides({"d": 3}, [override])


@pytest.mark.parametrize("text", ["a: [", "just words", ""])
def test_a_file_without_a_configuration_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(InvalidArgumentError, match=r"x\.yaml"):
        read_yaml(file)


def test_an_unknown_study_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="choose"):
        find_study("rebond")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"along": "size", "models": ["tree:2"]}, "name two or more"),
        ({"along": "size", "models": ["hf:a", "hf:b"]}, "hf:a: say as xs"),
        ({"along": "size", "models": ["tree:2", "tree:3"], "xs": [1]}, "xs: 1 for 2 models"),
        ({"along": "pretraining"}, "name either pretraining"),
        ({"along": "size", "pretraining": [1, 2], "models": ["tree:2", "tree:3"]}, "leave it out"),
    ],
)
def test_scaling_needs_something_to_scale(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        parse_config({**LEAST, **change}, ScalingConfig, "x")


_ENOUGH = ["model=tree:3", "pretrain.corpus=corpus", "data.negative.source=bad.jsonl"]


def test_the_command_refuses_what_is_wrong(tmp_path: Path, cli: Any) -> None:
    write_reviews(tmp_path)
    for arguments, told in (
        (["rebond"], "'rebond' is not one of"),
        (["rebound", "--config", "none.yaml"], "does not exist"),
        (["rebound", "seeds=2"], "model is missing; add it, or pass model="),
        (["rebound", "model=tree:3", "data.positive.source=good.jsonl", "sedes=2"], "did you mean"),
        (["rebound", *_ENOUGH, "data.positive.source=none.jsonl"], "none.jsonl: no such file"),
    ):
        done = cli("experiment", *arguments)
        assert done.code == 2, done.err
        assert told in done.err
        assert done.err.count("\n") == 1
        assert not (tmp_path / "runs").exists()
