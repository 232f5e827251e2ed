"""The files of an elasticity study's result folder: `result.json` and the figures."""

from pathlib import Path

from elastic_core.common.files import slugs
from elastic_core.elastic_law.result import ElasticityResult
from elastic_core.report.elasticity import curves, json_text, ratios, springs, trained
from elastic_core.report.plot import can_draw, save


def write_result(result: ElasticityResult, folder: Path) -> None:
    """Writes a study's files.

    These are `result.json` and, where matplotlib is installed, `curves`, `ratios` and `springs` as
    `.png` and `.svg`, and `trained-NAME` for each perturbation that a tree model learned.

    Args:
        result: The study.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    if can_draw():
        save(curves.draw(result), folder, "curves")
        save(ratios.draw(result), folder, "ratios")
        save(springs.draw(result), folder, "springs")
        names = slugs([each.name for each in result.perturbations])
        for name, each in zip(names, result.perturbations, strict=True):
            if each.trained:
                figure = trained.draw(each.trained.joint, each.trained.sequential)
                save(figure, folder, f"trained-{name}")
    (folder / "result.json").write_text(json_text(result), "utf-8", "backslashreplace")
