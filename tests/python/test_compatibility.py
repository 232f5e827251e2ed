"""Files of every release are read by this version; see `tests/compatibility`."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import elastic_core as ec

FOLDER = Path(__file__).parents[1] / "compatibility"
RELEASES = sorted(folder.name for folder in FOLDER.iterdir() if (folder / "expected.json").exists())

sys.path.insert(0, str(FOLDER))
reading = import_module("reading")


def approximately(value: Any) -> Any:
    """A value whose numbers may differ in the last digits."""
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item) for item in value]
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


@pytest.mark.parametrize("release", RELEASES)
def test_files_of_a_release_are_read(release: str) -> None:
    expected = json.loads((FOLDER / release / "expected.json").read_text("utf-8"))
    found = reading.values(FOLDER / release)
    assert found.keys() >= expected.keys()
    for kind, value in expected.items():
        assert found[kind] == approximately(value), kind


@pytest.mark.parametrize("release", RELEASES)
def test_results_have_the_keys_of_a_release(release: str) -> None:
    folder = FOLDER / release
    results: dict[str, Any] = {
        "measure": ec.measure(folder / "text.txt", depth=2, models=["tree:2"]),
        "mass": ec.mass(folder / "text.txt", depth=1, bootstrap=2),
        "synth": ec.synth(corpora=["a=1:20", "b=1+2:20"], leaves=4),
    }
    for name, result in results.items():
        (file,) = (folder / name).glob("*.json")
        stored = json.loads(file.read_text("utf-8"))
        now = json.loads(json.dumps(result.to_dict()))
        assert reading.keys(now) >= reading.keys(stored), name
        assert now["schema"] == stored["schema"]


def test_every_release_has_files() -> None:
    assert ec.__version__ in RELEASES, "run python tests/compatibility"
    files = [file for file in FOLDER.rglob("*") if file.suffix != ".pyc" and file.is_file()]
    assert sum(file.stat().st_size for file in files) < 200_000 * len(RELEASES)
