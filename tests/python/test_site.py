"""What the documentation lists is what there is: keys of configurations, names of the API."""

import re
import runpy
from pathlib import Path

import elastic_core

ROOT = Path(__file__).parents[2]


def test_the_keys_of_configurations_are_up_to_date() -> None:
    generator = runpy.run_path(str(ROOT / ".ci" / "keys.py"))
    committed = generator["PAGE"].read_text("utf-8")
    assert generator["page"]() == committed, "run `make keys`: docs/configuration.md is out of date"


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    listed = re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE)
    assert sorted([*listed, "__version__"]) == sorted(elastic_core.__all__)
