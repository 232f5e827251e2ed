"""Rebound (Fig 4 and 8): the deeper the alignment, the faster reverse data undo it?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from elastic_core.experiments.analysis import Analysis, judged
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.config import Count, ExperimentConfig
from elastic_core.experiments.curvesets import (
    Curve,
    curve_figure,
    fall_table,
    rate_figure,
    rate_table,
    volume_table,
)
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.studies.lineage import OTHER, SIGN, against, aligned, base
from elastic_core.experiments.studies.study import Study
from elastic_core.report.document import Figure, Finding, Table, shown
from elastic_core.statistics.intervals import Interval, compare, interval, slope


class ReboundConfig(ExperimentConfig):
    """The configuration of rebound.

    Attributes:
        align: How many rows models are aligned with.
        reverse: How many rows of the other side each of them is then trained on.
        first: Which side aligns: `positive`, then negative rows reverse it; or `negative`; or both.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "reverse", "first"})

    study: Literal["rebound"] = "rebound"
    align: list[Count] = Field([1000, 2000, 5000, 10000], min_length=1)
    reverse: list[Count] = Field([100, 200, 500, 1000, 2000], min_length=1)
    first: list[Literal["positive", "negative"]] = Field(["positive"], min_length=1)


def run(config: ReboundConfig, run_cells: RunCells) -> None:
    """Asks for every alignment, and for every reverse volume after each."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        for first in config.first:
            for count in sorted(config.align):
                start = aligned(config, root, first, count)
                cells += [start, *(against(config, start, n) for n in sorted(config.reverse))]
    run_cells(cells)


def analyse(config: ReboundConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says whether alignments rebound, and whether deeper ones faster."""
    grid = Grid(rows, config.seed_range)
    metric = "score" if grid.has("score") else "kl"
    findings: list[Finding] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    for first in config.first:
        curves = _curves(config, first)
        found = _findings(config, grid, curves, metric, first)
        if len(config.first) > 1:
            found = [replace(each, claim=f"{first} first: {each.claim}") for each in found]
        findings += found
        name = f"{first}-first"
        title = f"{first} rows first, then {OTHER[first]} ones"
        for each in ("score", "kl", "kl_base"):
            if grid.has(each):
                words = {"score": "Score", "kl": "KL(model || base), nats per token"}
                words |= {"kl_base": "KL(base || model), nats per token"}
                tables.append(
                    volume_table(
                        curves,
                        grid,
                        each,
                        f"{name}-{each.replace('_', '-')}",
                        f"{words[each]}: {title}",
                    )
                )
        tables.append(
            fall_table(curves, grid, metric, f"{name}-fall", f"Fall of the {metric}: {title}")
        )
        tables.append(rate_table(curves, grid, f"{name}-rates"))
        caption = (
            f"Models aligned with {first} rows, then trained on {OTHER[first]} ones. Each line is "
            "an alignment volume; bands are 95% intervals over seeds."
        )
        figures += [
            curve_figure(curves, grid, name, caption),
            rate_figure(curves, grid, f"{name}-rates", f"Rates. {caption}"),
        ]
    return Analysis(
        study="rebound",
        question=(
            "A model is aligned with some data and then trained on data of the opposite kind. Does "
            "it spring back, and does it do so the faster the more data it was aligned with?"
        ),
        protocol=(
            f"{config.model} was aligned with {_listed(config.align)} rows, and each result was "
            f"trained on {_listed(config.reverse)} rows of the other side, with {config.seeds} "
            "seeds. After every training the model goes on from held-out prompts: their mean score "
            "and the KL divergence to the base model are taken there."
        ),
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        notes=notes_on(grid),
    )


def _curves(config: ReboundConfig, first: str) -> list[Curve]:
    volumes = tuple(sorted(config.reverse))
    return [
        Curve(f"{count:,} {first}", {"first": first, "align": count}, volumes, SIGN[first])
        for count in sorted(config.align)
    ]


def _findings(
    config: ReboundConfig, grid: Grid, curves: Sequence[Curve], metric: str, first: str
) -> list[Finding]:
    """What is claimed of a direction, and what is found."""
    sign = SIGN[first] if metric == "score" else 1.0
    deepest = curves[-1]
    last = deepest.volumes[-1]
    falls = [curve.falls(grid, metric) for curve in curves]
    start = grid.values(metric, stage="align", **deepest.labels)
    moved = interval(sign * (start - grid.values(metric, stage="base")))
    whole = interval([each.total for each in falls[-1]])
    where = f"{deepest.name} first"
    found = [
        judged(
            "Alignment moves the model.",
            1,
            moved,
            f"After {deepest.name} rows the {metric} is {shown(moved)} from that of the base.",
        ),
        judged(
            "Reverse data undo it.",
            1,
            whole,
            f"{where}: {last:,} reverse rows take {shown(whole)} of the {metric} away.",
        ),
    ]
    if len(curves) > 1:
        found += _depth_findings(config, grid, curves, metric, sign)
    return found


def _depth_findings(
    config: ReboundConfig, grid: Grid, curves: Sequence[Curve], metric: str, sign: float
) -> list[Finding]:
    """What is claimed of more alignment data: a higher start, a faster fall, an earlier plateau."""
    doublings = np.log2(sorted(config.align)).tolist()
    falls = [curve.falls(grid, metric) for curve in curves]
    starts = [sign * curve.values(grid, metric)[:, 0] for curve in curves]

    def trend(values: Sequence[Sequence[float]]) -> Interval:
        """The slope over doublings of the alignment data, of each seed."""
        return interval([slope(doublings, row) for row in np.array(values).T.tolist()])

    start = trend([each.tolist() for each in starts])
    first = trend([[each.first for each in row] for row in falls])
    rows = trend([np.log2([each.rows_to_plateau for each in row]).tolist() for row in falls])
    ends = compare([each.first for each in falls[-1]], [each.first for each in falls[0]])
    return [
        judged(
            "More alignment data, higher start.",
            1,
            start,
            f"Each doubling adds {shown(start)} to the {metric}.",
        ),
        judged(
            "More alignment data, faster fall.",
            1,
            first,
            f"Each doubling adds {shown(first, 4)} to the first fall per 100 rows; from "
            f"{curves[0].name} to {curves[-1].name} it is "
            f"{shown(ends.difference, 4)}{ends.p_in_words}.",
        ),
        judged(
            "More alignment data, earlier plateau.",
            -1,
            rows,
            f"Each doubling changes the rows to the plateau by {shown(rows)} doublings.",
        ),
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(numbers))


STUDY = Study("rebound", ReboundConfig, run, analyse)
