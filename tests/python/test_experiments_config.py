"""Configurations: reading, overrides, examples, error messages."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from reviews import write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.cli.experiment import experiment
from elastic_core.experiments.config import apply_overrides, parse_config, read_yaml
from elastic_core.experiments.run import read_config
from elastic_core.experiments.sections import Pretraining
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.experiments.studies.registry import STUDIES, find_study
from elastic_core.experiments.studies.scaling import ScalingConfig

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.yaml"))

MINIMAL: dict[str, Any] = {
    "model": "tree:4",
    "data": {"positive": {"source": "good.jsonl"}, "negative": {"source": "bad.jsonl"}},
}


def rejection(values: dict[str, Any]) -> str:
    with pytest.raises(InvalidArgumentError) as error:
        parse_config(values, ReboundConfig, "my.yaml")
    return str(error.value)


def test_booleans_stay_where_they_are_meant() -> None:
    data = {
        "positive": {"source": "good.jsonl", "label": True},
        "negative": {"source": "bad.jsonl"},
        "match_length": True,
    }
    recipe = {"gradient_checkpointing": True}
    config = parse_config({**MINIMAL, "data": data, "recipe": recipe}, ReboundConfig, "x")
    assert config.data.positive.label is True
    assert config.data.match_length
    assert config.build_recipe().gradient_checkpointing


def test_one_count_is_a_list_of_one_and_the_other_way_round() -> None:
    values = {**MINIMAL, "align": 20, "dose": "1k", "scorer": {"rows": [7]}}
    config = parse_config(values, ReboundConfig, "x")
    assert (config.align, config.dose, config.scorer.rows) == ([20], [1000], 7)
    values = {**MINIMAL, "align": [20], "reverse": 5, "pretrain": {"corpus": "x"}}
    values["data"] = {**MINIMAL["data"], "negative": {"source": "bad.jsonl"}}
    springs = parse_config(values, find_study("springs").config, "x")
    assert (springs.align, springs.reverse) == (20, [5])


def test_counts_accept_unit_letters() -> None:
    config = parse_config({**MINIMAL, "align": ["1k", 200]}, ReboundConfig, "x")
    assert config.align == [1000, 200]
    assert config.seeds == 5


def test_a_recipe_accepts_numbers_that_yaml_reads_as_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("recipe: {learning_rate: 1e-5, epochs: 2}\nreverse_recipe: {}")
    config = parse_config({**MINIMAL, **read_yaml(tmp_path / "x.yaml")}, ReboundConfig, "x")
    assert config.build_recipe().learning_rate == 1e-5
    assert config.build_recipe(reverse=True, epochs=3).epochs == 3


@pytest.mark.parametrize(
    ("change", "message"),
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
        ({"recipe": 5}, "my.yaml: recipe 5: input should be a valid dictionary"),
        ({"recipe": {"epochs": 2**63}}, "epochs 9.223372036854776e+18: must be at most 1000000"),
        ({"recipe": {"batch": 2**63}}, "batch 9223372036854775808: must be at most 1000000000"),
        ({"seeds": True}, "my.yaml: seeds True: true is not a number; write one"),
        ({"seed": False}, "my.yaml: seed False: false is not a number; write one"),
        ({"align": [10, True]}, "align [10, True]: true is not a number"),
        ({"held_out": {"tokens": True}}, "held_out.tokens True: true is not a number"),
        ({"scorer": {"rows": True}}, "scorer.rows True: true is not a number"),
        ({"pretrain": {"corpus": "x", "learning_rate": True}}, "pretrain.learning_rate True: true"),
        ({"data": {"positive": {"source": "x", "limit": True}}}, "data.positive.limit True: true"),
        ({"recipe": {"epochs": True}}, "recipe.epochs True: true is not a number"),
        ({"reverse_recipe": {"steps": True}}, "recipe.steps True: true is not a number"),
        ({"seeds": 100_000_000}, "seeds 100000000: input should be less than or equal to 1000"),
        ({"align": [2**63]}, "input should be less than or equal to 9223372036854775807"),
        ({"align": ["1:30"]}, "'1:30' is not a count"),
        ({"pretrain": {"corpus": "x", "tokens": [1, 2]}}, "[1, 2] is not a count"),
        ({"data": {"positive": {"source": "x"}, "prompt_words": 2**32}}, "prompt_words 4294967296"),
        ({"align": ["many"]}, "'many' is not a count"),
        (
            {"align": "16,48"},
            "align '16,48': write a list in brackets and quotes, such as '[16,48]'",
        ),
        ({"first": ["left"]}, "first.0 'left': input should be 'positive' or 'negative'"),
    ],
)
def test_an_invalid_key_or_value_is_reported(change: dict[str, Any], message: str) -> None:
    assert message in rejection({**MINIMAL, **change})


def test_overrides_reach_into_sections_and_keep_the_rest() -> None:
    values = {"a": {"b": 1, "c": 2}, "d": 3}
    changed = apply_overrides(values, ["a.b=[1, 2]", "e.f=x", "d=null"])
    assert changed == {"a": {"b": [1, 2], "c": 2}, "d": None, "e": {"f": "x"}}
    assert values == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_fault_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("seeds: 0")
    for overrides, where in (([], str(file)), (["aling=3"], f"{file} with the command line")):
        with pytest.raises(InvalidArgumentError) as error:
            read_config("rebound", file, overrides)
        assert str(error.value).startswith(f"{where}: ")


def test_overrides_follow_the_rules_of_the_file() -> None:
    changed = apply_overrides({}, ["a=no", "b=010", "c=1:30", "d=1e-5", "e=[yes, 'x']"])
    assert changed == {"a": "no", "b": 10, "c": "1:30", "d": 1e-5, "e": ["yes", "x"]}


def test_long_values_are_abridged() -> None:
    for values in ({"seeds": "x" * 10_000}, {"align": [["y" * 10_000] * 100]}):
        assert len(rejection({**MINIMAL, **values})) < 250
    with pytest.raises(InvalidArgumentError) as error:
        apply_overrides({}, [f"a=[{'x' * 10_000}"])
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("key", ["data.positive.source", "pretrain.corpus"])
def test_a_device_is_refused(key: str, tmp_path: Path, cli: Any) -> None:
    write_reviews(tmp_path)
    sources = ["data.positive.source=good.jsonl", *_COMPLETE, "scorer.rows=40"]
    sources += ["align=[5]", "dose=[5]", "held_out.prompts=12"]
    done = cli("experiment", "rebound", *sources, "--dry-run", f"{key}=/dev/zero")
    assert done.code == 2
    assert done.err.startswith("error: /dev/zero: not a regular file")


def test_a_configuration_is_utf8_in_any_locale(tmp_path: Path, cli: Any) -> None:
    write_reviews(tmp_path)
    (tmp_path / "x.yaml").write_text(
        "# schön\nmodel: tree:3\npretrain: {corpus: corpus}\nscorer: {rows: 40}\n"
        "data: {positive: {source: good.jsonl}, negative: {source: bad.jsonl}}\n"
        "held_out: {prompts: 12}\nalign: [5]\nreverse: [5]\n",
        encoding="utf-8",
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = cli("experiment", "rebound", "--config", "x.yaml", "--dry-run", **plain)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeds", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("d.x=1", "d is 3, not a section"),
        ("d=[", "not YAML"),
    ],
)
def test_a_malformed_override_is_rejected(override: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        apply_overrides({"d": 3}, [override])


@pytest.mark.parametrize("text", ["a: [", "just words", ""])
def test_a_file_that_is_not_a_configuration_is_rejected(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(InvalidArgumentError, match=r"x\.yaml"):
        read_yaml(file)


def test_an_unknown_study_is_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="choose"):
        find_study("rebond")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"along": "size", "models": ["tree:2"]}, "at least two points"),
        ({"along": "size", "models": ["hf:a", "hf:b"]}, "hf:a: its size is unknown"),
        (
            {"along": "size", "models": ["tree:2", "tree:3"], "xs": [1]},
            "xs: 1 value for 2 models",
        ),
        ({"along": "pretraining"}, "give either pretraining"),
        ({"along": "size", "pretraining": [1, 2], "models": ["tree:2", "tree:3"]}, "remove it"),
    ],
)
def test_scaling_requires_several_models(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parse_config({**MINIMAL, **change}, ScalingConfig, "x")


_COMPLETE = ["model=tree:3", "pretrain.corpus=corpus", "data.negative.source=bad.jsonl"]


def test_the_command_rejects_invalid_arguments(tmp_path: Path, cli: Any) -> None:
    write_reviews(tmp_path)
    for arguments, message in (
        (["rebond"], "'rebond' is not one of"),
        (["rebound", "--config", "none.yaml"], "does not exist"),
        (["rebound", "seeds=2"], "model is missing; add it, or pass model="),
        (["rebound", "model=tree:3", "data.positive.source=good.jsonl", "sedes=2"], "did you mean"),
        (["rebound", *_COMPLETE, "data.positive.source=none.jsonl"], "none.jsonl: no such file"),
    ):
        done = cli("experiment", *arguments)
        assert done.code == 2, done.err
        assert message in done.err
        assert done.err.count("\n") == 1
        assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_an_example_is_valid(file: Path) -> None:
    values = read_yaml(file)
    config = parse_config(values, find_study(values["study"]).config, file.name)
    assert config.study == values["study"]
    assert file.stem.startswith(config.study)


def test_the_command_line_offers_all_studies() -> None:
    study = next(each for each in experiment.params if each.name == "study")
    assert isinstance(study.type, click.Choice)
    assert list(study.type.choices) == list(STUDIES)
    help_text = experiment.help or ""
    assert all(name in help_text for name in STUDIES)


def test_every_study_has_the_name_that_it_is_found_by() -> None:
    assert [find_study(name).name for name in STUDIES] == list(STUDIES)


def test_the_names_of_studies_need_no_library() -> None:
    code = (
        "import sys; sys.modules['pydantic'] = None; "
        "from elastic_core.experiments.studies.registry import STUDIES; print(*STUDIES)"
    )
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert found.stdout.decode().split() == list(STUDIES)


def test_a_single_text_key_is_a_list_of_one() -> None:
    pretraining = Pretraining.model_validate({"corpus": "c", "text_key": "prompt"})
    assert pretraining.text_key == ["prompt"]
