"""The page: everything about runs in one HTML file that needs no other."""

from typing import TYPE_CHECKING

from elastic_core.report.experiments.cells import has_intervals, names, parts
from elastic_core.report.experiments.record import ExperimentReport, ReportedRun
from elastic_core.report.experiments.svg import inline_svg, label
from elastic_core.report.experiments.words import (
    VERDICTS,
    certainty,
    facts,
    reporter,
    setting,
    tally,
)
from elastic_core.report.figures import can_draw

if TYPE_CHECKING:
    from elastic_core.report.document import Figure, Panel


def page(report: ExperimentReport) -> str:
    """The page, made of the template `page.html` beside this file.

    It has no script and loads nothing. Figures are drawn into it where matplotlib is installed, a
    panel at a time, so that they stand side by side where there is room and else below each other.

    Args:
        report: The runs, each of which has a section.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def svg(panel: "Panel", figure: "Figure", prefix: str) -> Markup:
        return Markup(inline_svg(figure, panel, prefix))

    environment = Environment(
        loader=PackageLoader("elastic_core.report", "experiments"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "certainty": certainty,
        "facts": facts,
        "label": label,
        "names": names,
        "parts": parts,
        "setting": setting,
        "svg": svg,
        "tally": tally,
        "yaml": _yaml,
    }
    environment.tests["spread"] = has_intervals
    return environment.get_template("page.html").render(
        runs=report.runs,
        verdicts=VERDICTS,
        reporter=reporter(),
        is_drawn=can_draw(),
    )


def _yaml(run: ReportedRun) -> str:
    """The configuration as a file of it."""
    import yaml

    values = run.config.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
