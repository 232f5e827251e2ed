"""Every study on a checkpoint of transformers, and what is refused before anything is trained."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import CommandLine
from reviews import TRANSFORMER, write_reviews

import elastic_core as ec
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import describe_plan, experiment
from elastic_core.experiments.studies.registry import STUDIES, find_study

pytestmark = pytest.mark.usefixtures("one_thread")

VOLUMES: dict[str, dict[str, Any]] = {
    "reversion": {"align": [8], "dose": [8], "arms": ["neutral", "opposite"]},
    "resistance": {"rows": 16, "slices": 2, "answers": 8},
    "rebound": {"align": [8], "dose": [8]},
    "reversal": {"align": [8], "dose": [8]},
    "scaling": {"align": [8], "dose": [8]},
    "algorithms": {"align": [8], "dose": [8], "algorithms": ["dpo"], "candidates": 2},
    "mitigation": {"align": [8], "dose": [8], "variants": {"mixed": {"mix": 0.5}}},
    "springs": {"align": 8, "reverse": [8], "depths": [2], "characters": 60},
}
"""The smallest volumes of each study."""


def values(folder: Path, model: Path, **more: Any) -> dict[str, Any]:
    """A configuration of the smallest size for a checkpoint."""
    config = {**write_reviews(folder), **TRANSFORMER, "model": str(model), **more}
    return {**config, "held_out": {"prompts": 4, "tokens": 4, "texts": 2}}


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_runs_on_a_checkpoint(study: str, checkpoint: Path, tmp_path: Path) -> None:
    more = dict(VOLUMES[study])
    if study == "scaling":
        larger = shutil.copytree(checkpoint, tmp_path / "larger")
        more |= {"models": [str(checkpoint), str(larger)], "xs": [1, 2]}
    config = parse_config(
        {**values(tmp_path, checkpoint), **more}, find_study(study).config, "test"
    )
    run = experiment(config, tmp_path / "run", jobs=1)
    rows = run.folder.rows()
    assert {row["labels"]["stage"] for row in rows} > {"base"}
    assert all(row[name] is not None for row in rows for name in row if name.startswith("loss_"))
    assert run.analysis.tables


def test_a_cell_needs_every_row_of_its_label(checkpoint: Path, tmp_path: Path) -> None:
    recipe = {**TRANSFORMER["recipe"], "max_length": 12}
    config = parse_config(
        {**values(tmp_path, checkpoint, recipe=recipe), **VOLUMES["algorithms"]},
        find_study("algorithms").config,
        "test",
    )
    message = r"align 8, .*of 8 rows|no row.* within 12 tokens; raise recipe\.max_length, or sho"
    with pytest.raises(ec.InvalidArgumentError, match=message):
        experiment(config, tmp_path / "run", jobs=1)
    assert "dpo" not in (tmp_path / "run" / "metrics.jsonl").read_text()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=llama", "unknown model 'llama': name tree:DEPTH, hf:NAME, a folder"),
        ("model=hf:nope/nope", "hf:nope/nope: neither a folder nor "),
        ("model=corpus", "corpus: the folder has no config.json; name a transformers checkpoint"),
        ("scorer.kind=siebert", "unknown scorer 'siebert': name hf:NAME or a folder"),
        ("scorer.kind=corpus", "corpus: the folder has no config.json; name a transformers"),
        ("scorer.kind=hf:nope/nope", "hf:nope/nope: neither a folder nor "),
    ],
)
def test_a_dry_run_refuses_a_missing_model(
    override: str, message: str, cli: CommandLine, tmp_path: Path
) -> None:
    config = {**write_reviews(tmp_path), **VOLUMES["rebound"]}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    done = cli(
        *("experiment", "rebound", "--config", "config.yaml", "--dry-run", override),
        HF_HUB_OFFLINE="1",
    )
    assert done.code in (1, 2)
    assert done.err.startswith(f"error: {message}")
    assert done.err.count("\n") == 1
    assert not done.out


def test_a_missing_model_is_found_before_data_are_read(tmp_path: Path) -> None:
    data = {"positive": {"source": "nowhere"}, "negative": {"source": "nowhere"}}
    config = {"model": str(tmp_path), "data": data, **VOLUMES["rebound"]}
    start = time.process_time()
    with pytest.raises(ec.ModelError, match=r"the folder has no config\.json"):
        describe_plan(parse_config(config, find_study("rebound").config, "test"), tmp_path / "run")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("config.json", r"the folder has no config\.json"),
        ("model.safetensors", "the folder has no weights in safetensors format"),
        ("tokenizer*", "the folder has no tokenizer"),
    ],
)
def test_an_incomplete_folder_is_refused(
    part: str, message: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "model")
    for file in folder.glob(part):
        file.unlink()
    config = parse_config(
        {**values(tmp_path, folder), **VOLUMES["rebound"]}, find_study("rebound").config, "test"
    )
    with pytest.raises(ec.ModelError, match=message):
        describe_plan(config, tmp_path / "run")
