"""Every configuration in examples/ can be planned, with small stand-ins for models and data."""

import json
from pathlib import Path
from typing import Any

import pytest

from elastic_core.experiments.config import parse_config, read_yaml
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import plan
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.studies.registry import STUDIES, find_study

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.yaml"))
TEXT = "a film that we went to see again"
SOURCES = {
    "hf:stanfordnlp/imdb": "imdb.jsonl",
    "hf:PKU-Alignment/BeaverTails:30k_train": "beaver.jsonl",
    "hf:PKU-Alignment/BeaverTails:330k_train": "beaver-330k.jsonl",
    "hf:tatsu-lab/alpaca": "alpaca.jsonl",
}


def write_rows(file: Path, count: int, row: dict[str, Any]) -> None:
    """Writes rows; `{}` in a text becomes the row's number, and a label alternates."""
    with file.open("w") as lines:
        for number in range(count):
            values = {
                key: value.format(number) if isinstance(value, str) else number % 2
                for key, value in row.items()
            }
            if "is_safe" in values:
                values["is_safe"] = bool(values["is_safe"])
            lines.write(json.dumps(values) + "\n")


@pytest.fixture(scope="module")
def data_folder(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which the examples are run."""
    folder = tmp_path_factory.mktemp("examples")
    write_rows(folder / "imdb.jsonl", 26_000, {"text": "{} " + TEXT, "label": 0})
    beaver = {"prompt": "{}", "response": TEXT, "is_safe": 0}
    write_rows(folder / "beaver.jsonl", 21_000, beaver)
    write_rows(folder / "beaver-330k.jsonl", 100, {**beaver, "prompt": "other {}"})
    alpaca = {"instruction": "{}", "input": "", "output": TEXT}
    write_rows(folder / "alpaca.jsonl", 50_200, alpaca)
    (folder / "wikitext-103").mkdir()
    write_rows(folder / "wikitext-103" / "train.jsonl", 300, {"text": "{} " + TEXT})
    (folder / "reviews").mkdir()
    write_rows(folder / "reviews" / "pretrain.jsonl", 2500, {"text": "{} " + TEXT})
    write_rows(folder / "reviews" / "novel.jsonl", 600, {"text": "if {} else"})
    for name, count in (("positive", 1600), ("negative", 1200)):
        row = {"text": f"{{}} {name}s, {TEXT}"}
        write_rows(folder / "reviews" / f"{name}.jsonl", count, row)
        write_rows(folder / "reviews" / f"train-{name}.jsonl", 200, {"text": "in " + row["text"]})
    (folder / "speech").mkdir()
    write_rows(folder / "speech" / "pretrain.jsonl", 3500, {"text": "{} " + TEXT})
    for name in ("positive", "negative"):
        row = {"prompt": f"{{}} {name}s", "completion": f" {TEXT}"}
        write_rows(folder / "speech" / f"{name}.jsonl", 4000, row)
    for name in ("neutral", "novel"):
        write_rows(folder / "speech" / f"{name}-texts.jsonl", 1600, {"text": f"{{}} {name}s"})
    (folder / "stories").mkdir()
    write_rows(folder / "stories" / "rest.jsonl", 1200, {"text": "{} " + TEXT})
    for side in ("girl", "boy"):
        text = f"{{}} {side}s, {TEXT} with friends one day {side}"
        write_rows(folder / "stories" / f"{side}.jsonl", 690, {"text": text})
    (folder / "novels" / "corpus").mkdir(parents=True)
    novel = " ".join(f"{number} {TEXT}" for number in range(20_000))
    (folder / "novels" / "corpus" / "novel.txt").write_text(novel)
    (folder / "recent").mkdir()
    (folder / "recent" / "news.txt").write_text(novel * 4)
    models = ("hub", "siebert", "tinyllama-1.5T", "stories260k")
    for name in (*models, "stories15M", "stories42M", "stories110M"):
        (folder / name).symlink_to(checkpoint)
    return folder


def local(value: Any, key: str = "") -> Any:
    """The values of a configuration, without anything that has to be downloaded."""
    if isinstance(value, dict):
        return {name: local(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [local(inner, key) for inner in value]
    if isinstance(value, str) and value.startswith("hf:"):
        if key == "source":
            return SOURCES[value.removesuffix(":train")]
        return "hub"
    return value


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_an_example_is_planned(
    file: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = local(read_yaml(file)) | {"seeds": 1}
    monkeypatch.chdir(data_folder)
    study = find_study(values["study"])
    config = parse_config(values, study.config, str(file))
    planned = plan(study, config, RunContext(config, ModelStore(tmp_path)))
    assert planned.trainings >= len(planned.models)
    assert any(cell.parent is None for cell in planned.cells)


def test_every_study_has_an_example_at_each_size() -> None:
    studies = {(file.parent.name, read_yaml(file)["study"]) for file in FILES}
    for folder in ("stories", "reviews", "paper"):
        assert {study for size, study in studies if size == folder} == set(STUDIES)
    assert {size for size, _ in studies} == {"stories", "language", "reviews", "paper"}
