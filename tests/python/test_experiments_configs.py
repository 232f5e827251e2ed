"""The configurations in examples/, which have to be readable."""

from pathlib import Path

import pytest

from elastic_core.experiments.config import parse_config, read_yaml
from elastic_core.experiments.studies.registry import STUDIES

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_configuration_is_read(file: Path) -> None:
    values = read_yaml(file)
    found = parse_config(values, STUDIES[values["study"]].config, file.name)
    assert found.study == values["study"]
    assert file.stem.startswith(found.study)
