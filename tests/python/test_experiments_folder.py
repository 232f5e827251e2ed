"""Folders of runs that were damaged, cut short or edited: said in the report, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from reviews import VOLUMES, configured, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.run import experiment, open_run


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return {**write_reviews(tmp_path), **VOLUMES}


def test_missing_and_repeated_rows_are_reported(values: dict[str, Any], tmp_path: Path) -> None:
    config, out = configured(values, seeds=1, align=[16], dose=[8, 16]), tmp_path / "run"
    whole = experiment(config, out, jobs=1)
    assert not any("not the final results" in note for note in whole.analysis.notes)
    assert "with 1 seed." in whole.analysis.protocol
    file = out / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], lines[2], lines[3], lines[3]]))
    assert open_run(out).analysis.notes[0] == (
        "These are not the final results, because 3 of 6 cells are missing. Repeat the command of "
        "the run to finish it."
    )
    assert len(RunFolder(out).rows()) == 3
    again = experiment(config, out, jobs=1)
    assert again.analysis == whole.analysis
    assert len(RunFolder(out).rows()) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"score": "high"},
        {"score": {}},
        {"score": [0.5, 0.5]},
        {"score": 10**400},
        {"labels": {"stage": None, "seed": 0}},
        {"labels": []},
        {"key": 5},
        {"seed": "0"},
        {"time": "noon"},
    ],
)
def test_a_row_with_values_of_other_kinds_is_refused(
    change: dict[str, Any], values: dict[str, Any], tmp_path: Path
) -> None:
    config, out = configured(values), tmp_path / "run"
    RunFolder(out).begin(config, "hash")
    row = {"key": "a", "labels": {"stage": "base", "seed": 0}, "seed": 0, "score": 0.5}
    file = out / "metrics.jsonl"
    file.write_text(json.dumps(row) + "\n")
    assert RunFolder(out).rows() == [row]
    file.write_text(json.dumps({**row, **change}) + "\n")
    with pytest.raises(InvalidArgumentError, match=r"metrics\.jsonl: row 1 is not that of a cell"):
        open_run(out)


def test_a_changed_configuration_of_a_run_is_refused_until_the_run_is_repeated(
    values: dict[str, Any], tmp_path: Path
) -> None:
    config, out = configured(values, seeds=1, dose=[8]), tmp_path / "run"
    experiment(config, out, jobs=1)
    file = out / "config.yaml"
    content = file.read_text()
    kept = content[: content.index("data_sha256")]
    for other in (content.replace("align:", "# align:\nreverse_recipe2:", 1), kept):
        assert other != content
        file.write_text(other)
        with pytest.raises(InvalidArgumentError, match=r"config\.yaml: (changed since|line)"):
            open_run(out)
    file.write_text(content.replace("seeds: 1", "seeds: 3"))
    with pytest.raises(InvalidArgumentError, match=r"config\.yaml: changed since the run wrote it"):
        open_run(out)
    experiment(config, out, jobs=1)
    assert file.read_text() == content
    first = content.index("\n") + 1
    file.write_text(content[first:])  # as an earlier version wrote it
    assert open_run(out).config == config


def test_a_key_that_is_missing_where_it_should_be_null_is_a_difference(
    values: dict[str, Any], tmp_path: Path
) -> None:
    config, folder = configured(values), RunFolder(tmp_path / "run")
    folder.begin(config, "hash")
    file = folder.path / "config.yaml"
    content = file.read_text()
    file.write_text(content.replace("    limit: null\n", "", 1))
    assert file.read_text() != content
    with pytest.raises(InvalidArgumentError, match=r"holds a run with data\..*; choose another"):
        folder.check(config, "hash")
