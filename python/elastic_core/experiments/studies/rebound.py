"""Rebound (Fig. 4 and 8): does reverse data undo a deeper alignment faster?

Each alignment volume gives one curve. The paper's claim is tested by the trend of the first fall
over doublings of the alignment data.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.curve_report import CurveReport
from elastic_core.experiments.curves import Curve
from elastic_core.experiments.fields import Counts
from elastic_core.experiments.studies.study import (
    OPPOSITE,
    SIGN,
    Study,
    aligned,
    base,
    with_reversals,
)
from elastic_core.report.document import Finding


class ReboundConfig(ExperimentConfig):
    """The configuration of rebound.

    Attributes:
        align: Numbers of rows to align with.
        reverse: Numbers of rows of the opposite side to train each aligned model on.
        first: The side of the alignment: `positive`, which negative rows then reverse, `negative`,
            or both, one after the other.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "reverse", "first"})

    study: Literal["rebound"] = "rebound"
    align: Counts = Field([1000, 2000, 5000, 10000])
    reverse: Counts = Field([100, 200, 500, 1000, 2000])
    first: list[Literal["positive", "negative"]] = Field(["positive"], min_length=1)


def run(config: ReboundConfig, run_cells: RunCells) -> None:
    """Requests every alignment, and every reverse volume after each."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        for first in config.first:
            for count in sorted(config.align):
                start = aligned(config, root, first, count)
                cells += with_reversals(config, start, config.reverse)
    run_cells(cells)


def analyse(config: ReboundConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether alignments rebound, and deeper ones faster."""
    grid = Grid(rows, config.seed_range)
    reports = {first: _report(config, grid, first) for first in config.first}
    return Analysis(
        study="rebound",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, and does it do so faster the more data it was aligned with?"
        ),
        protocol=(
            f"{config.model} was aligned with {_listed(config.align)} rows, and each aligned model "
            f"was trained on {_listed(config.reverse)} rows of the opposite side, with "
            f"{config.counted_seeds}. After each training the model completed held-out prompts; "
            "the mean score of the completions and their KL divergence to the base model were "
            "measured."
        ),
        findings=tuple(
            replace(finding, claim=f"{first} first: {finding.claim}")
            if len(reports) > 1
            else finding
            for first, report in reports.items()
            for finding in _findings(config, report, first)
        ),
        tables=tuple(
            table
            for report in reports.values()
            for table in (*report.volume_tables(), report.fall_table(), report.rate_table())
        ),
        figures=tuple(
            figure
            for report in reports.values()
            for figure in (report.figure(), report.rate_figure())
        ),
        notes=grid.notes(),
    )


def _report(config: ReboundConfig, grid: Grid, first: str) -> CurveReport:
    """The curves of one direction."""
    volumes = tuple(sorted(config.reverse))
    curves = [
        Curve(f"{count:,} {first}", {"first": first, "align": count}, volumes, SIGN[first])
        for count in sorted(config.align)
    ]
    return CurveReport(
        curves,
        grid,
        name=f"{first}-first",
        title=f"{first} rows first, then {OPPOSITE[first]} rows",
        caption=(
            f"Models aligned with {first} rows, then trained on {OPPOSITE[first]} rows. Each line "
            "is an alignment volume; bands are 95% intervals over seeds."
        ),
    )


def _findings(config: ReboundConfig, report: CurveReport, first: str) -> list[Finding]:
    """The claims about one direction: the deepest alignment rebounds, and deeper ones faster."""
    deepest = report.curves[-1]
    last = deepest.volumes[-1]
    findings = [
        report.gain_finding(-1, "Alignment moves the model.", f"Aligning on {deepest.name} rows"),
        report.fall_finding(
            -1,
            "Reverse data undo the alignment.",
            f"After {deepest.name} rows, training on {last:,} {OPPOSITE[first]} rows",
        ),
    ]
    if len(report.curves) == 1:
        return findings
    x = sorted(config.align)
    doubling = "Each doubling of the alignment data"
    return [
        *findings,
        report.trend_finding(
            "Models aligned on more data start further from the base.",
            1,
            x,
            report.gains,
            f"{doubling} changed the gain in {report.metric_phrase} by",
            has_ends=False,
        ),
        report.trend_finding(
            "Models aligned on more data fall faster.",
            1,
            x,
            [falls.first for falls in report.falls],
            f"{doubling} changed the first fall by",
            unit=" per 100 rows",
            digits=4,
        ),
        report.plateau_finding(
            "Models aligned on more data reach the plateau earlier.",
            x,
            f"{doubling} changed the number of rows to the plateau by",
            has_ends=False,
        ),
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(numbers))


STUDY = Study("rebound", ReboundConfig, run, analyse)
