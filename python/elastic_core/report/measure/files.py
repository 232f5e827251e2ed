"""The files of a measurement's result folder: `result.json`, the trees, the figure."""

from pathlib import Path

from elastic_core.common.files import slugs
from elastic_core.measuring.result import MeasureResult
from elastic_core.report.measure import json_text
from elastic_core.report.measure.figure import draw
from elastic_core.report.plot import can_draw, save


def write_result(result: MeasureResult, folder: Path) -> None:
    """Writes a measurement's files.

    These are `result.json`; `tree.parquet`, or with several corpora `tree-NAME.parquet` for
    each and `tree.parquet` for the joint tree; and, where matplotlib is installed,
    `depths.png` and `depths.svg`.

    Args:
        result: The measurement.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    *several, last = result.corpora
    for slug, corpus in zip(slugs([corpus.name for corpus in several]), several, strict=True):
        corpus.tree.save(folder / f"tree-{slug}.parquet")
    last.tree.save(folder / "tree.parquet")
    if can_draw():
        save(draw(result), folder, "depths")
    (folder / "result.json").write_text(json_text(result), "utf-8", "backslashreplace")
