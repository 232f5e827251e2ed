"""The files of a test's result folder: `result.json` and the figure."""

from pathlib import Path

from elastic_core.mass_law.result import MassResult
from elastic_core.report.mass import json_text
from elastic_core.report.mass.figure import draw
from elastic_core.report.plot import can_draw, save


def write_result(result: MassResult, folder: Path) -> None:
    """Writes `result.json` and, where matplotlib is installed, `mass.png` and `mass.svg`.

    Args:
        result: The test.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    if can_draw():
        save(draw(result), folder, "mass")
    (folder / "result.json").write_text(json_text(result), "utf-8", "backslashreplace")
