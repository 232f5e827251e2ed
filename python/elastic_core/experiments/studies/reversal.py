"""Reversal (Table 3): the least reverse data that bring an aligned model back to its base."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from elastic_core.experiments.analysis import Analysis, judged
from elastic_core.experiments.bisection import Search, found, least
from elastic_core.experiments.cells import Cell, Label, Metrics, RunCells
from elastic_core.experiments.config import Count, ExperimentConfig
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.studies.lineage import OTHER, SIGN, against, aligned, base
from elastic_core.experiments.studies.study import Study
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Finding, Panel, Series, Table, shown
from elastic_core.statistics.intervals import compare, interval, slope


class ReversalConfig(ExperimentConfig):
    """The configuration of reversal.

    Attributes:
        align: How many rows models are aligned with.
        reverse: The most rows of the other side that are tried.
        step: Rows between two numbers that are told apart.
        target: What has to come back to the base: `kl`, KL(model || base) in nats per token; or
            `score`, of which only what the alignment moved has to.
        eps: How near to the base is near enough.
        first: Which side aligns.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "first"})

    study: Literal["reversal"] = "reversal"
    align: list[Count] = Field([1000, 2000, 5000, 10000], min_length=1)
    reverse: Count = 2000
    step: Count = 8
    target: Literal["kl", "score"] = "kl"
    eps: float = 0.01
    first: list[Literal["positive", "negative"]] = Field(["positive"], min_length=1)


@dataclass(slots=True)
class _Lineage:
    """A search that is under way: after an alignment, how many reverse rows next."""

    base: Metrics
    aligned: Cell
    search: Search
    number: int | None


def run(config: ReversalConfig, run_cells: RunCells) -> None:
    """Asks for alignments, then for the next number of every search, until all have ended."""
    roots = [base(config, seed) for seed in config.seed_range]
    base_rows = run_cells(roots)
    starts = [
        (row, aligned(config, root, first, count, kept=True))
        for root, row in zip(roots, base_rows, strict=True)
        for first in config.first
        for count in sorted(config.align)
    ]
    rows = run_cells([cell for _, cell in starts])
    lineages = []
    for (base_row, cell), row in zip(starts, rows, strict=True):
        if not row.get("diverged") and not _is_back(config, row, base_row, 0):
            search = least(config.step, config.reverse)
            lineages.append(_Lineage(base_row, cell, search, next(search)))
    while lineages:
        cells = [against(config, each.aligned, each.number or 0) for each in lineages]
        for each, row in zip(lineages, run_cells(cells), strict=True):
            try:
                is_back = _is_back(config, row, each.base, each.number or 0)
                each.number = each.search.send(is_back)
            except StopIteration:
                each.number = None
        lineages = [each for each in lineages if each.number is not None]


def _is_back(config: ReversalConfig, row: Metrics, base_row: Metrics, count: int) -> bool:
    """Whether a model is near enough to its base; in a plan, where nothing is measured, at last."""
    if row.get("diverged"):
        return False
    if config.target == "score":
        if "score" not in row:
            return count >= config.reverse
        moved = SIGN[row["first"]] * (row["score"] - base_row["score"])
        return bool(moved <= config.eps)
    if "kl" not in row:
        return count >= config.reverse
    return row["kl"] is not None and row["kl"] <= config.eps


def analyse(config: ReversalConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says how many reverse rows it takes, and whether fewer after more alignment."""
    grid = Grid(rows, config.seed_range)
    tables, figures = [], []
    findings: list[Finding] = []
    notes = list(notes_on(grid))
    for first in config.first:
        needed = np.array(
            [[_needed(config, grid, seed, first, n) for seed in grid.seeds] for n in _align(config)]
        )
        tables.append(_table(config, grid, first, needed))
        figures.append(_figure(config, rows, first, needed))
        said = _findings(config, first, needed)
        if len(config.first) > 1:
            said = [replace(each, claim=f"{first} first: {each.claim}") for each in said]
        findings += said
        if missing := int(np.isnan(needed).sum()):
            notes.append(
                f"{first} first: {missing} of {needed.size} models did not come back within "
                f"{config.reverse:,} reverse rows (or diverged) and are left out; the means are "
                "then of those that did, and too low."
            )
    near = f"{_TARGETS[config.target]} is within {config.eps:g} of the base"
    return Analysis(
        study="reversal",
        question=(
            "How little data of the opposite kind brings an aligned model back to what it was "
            "before, and does more alignment make it take less?"
        ),
        protocol=(
            f"{config.model} was aligned, and the least number of reverse rows was searched after "
            f"which {near}: doubled from {config.step}, then by bisection, up to "
            f"{config.reverse:,}, on nested data, with {config.seeds} seeds."
        ),
        findings=tuple(findings),
        tables=tuple(tables),
        figures=tuple(figures),
        notes=tuple(notes),
    )


_TARGETS = {"kl": "KL(model || base)", "score": "the score"}


def _align(config: ReversalConfig) -> list[int]:
    return sorted(config.align)


def _needed(config: ReversalConfig, grid: Grid, seed: int, first: str, count: int) -> float:
    """The rows that brought a seed's model back, by the search gone through again; or NaN."""
    base_row = grid.find(seed, stage="base")
    start = grid.find(seed, stage="align", first=first, align=count)
    if base_row is None or start is None:
        return np.nan
    if _is_back(config, start, base_row, 0):
        return 0.0

    def is_enough(number: int) -> bool:
        row = grid.find(seed, stage="reverse", first=first, align=count, reverse=number)
        return row is not None and _is_back(config, row, base_row, number)

    result = found(least(config.step, config.reverse), is_enough)
    return np.nan if result is None else float(result)


def _table(config: ReversalConfig, grid: Grid, first: str, needed: NDArray[np.float64]) -> Table:
    """The layout of Table 3: for each alignment volume, how far it moved and what undoes it."""
    rows: list[tuple[TableCell, ...]] = []
    for count, numbers in zip(_align(config), needed, strict=True):
        at: dict[str, Label] = {"stage": "align", "first": first, "align": count}
        rows.append(
            (
                count,
                grid.interval("kl", **at),
                *([grid.interval("score", **at)] if grid.has("score") else []),
                interval(numbers),
                interval(numbers / count),
                f"{int(np.isfinite(numbers).sum())} of {len(numbers)}",
            )
        )
    return Table(
        f"{first}-first",
        f"Reverse rows needed after {first} rows",
        (
            ("align", "rows"),
            ("KL to base", "nats/token"),
            *([("score", "")] if grid.has("score") else []),
            ("needed", "rows"),
            ("needed / align", ""),
            ("came back", "seeds"),
        ),
        tuple(rows),
        f"Needed: rows of the {OTHER[first]} side after which {_TARGETS[config.target]} is within "
        f"{config.eps:g} of the base, found to within {config.step} rows.",
    )


def _figure(
    config: ReversalConfig,
    rows: Sequence[Metrics],
    first: str,
    needed: NDArray[np.float64],
) -> Figure:
    """What is needed by alignment volume, and all models on the way there."""
    counts = tuple(map(float, _align(config)))
    ways = []
    for count in _align(config):
        tried = [
            row
            for row in rows
            if row.get("first") == first
            and row.get("align") == count
            and row.get(config.target) is not None
        ]
        volumes = sorted({row.get("reverse", 0) for row in tried})
        y = [[r[config.target] for r in tried if r.get("reverse", 0) == n] for n in volumes]
        ways.append(
            Series(f"{count:,} {first}", tuple(map(float, volumes)), tuple(map(interval, y)))
        )
    label = {"kl": "KL(model || base), nats per token", "score": "mean score"}[config.target]
    panels = (
        Panel(
            "needed",
            f"{first} rows",
            "reverse rows needed",
            (Series("needed", counts, tuple(map(interval, needed))),),
            x_scale="log",
        ),
        Panel("on the way", "reverse rows", label, tuple(ways), x_scale="symlog"),
    )
    return Figure(
        f"{first}-first",
        f"Left: reverse rows that bring the model back, by {first} rows it was aligned with. "
        "Right: all models that were trained in the searches; few seeds try the same volume.",
        panels,
    )


def _findings(config: ReversalConfig, first: str, needed: NDArray[np.float64]) -> list[Finding]:
    """What is claimed: fewer rows than the alignment took, and fewer after more alignment."""
    counts = np.array(_align(config), np.float64)
    deepest = interval(np.log2(np.maximum(needed[-1], config.step / 2) / counts[-1]))
    rows = interval(needed[-1])
    findings = [
        judged(
            "Less data undoes an alignment than made it.",
            -1,
            deepest,
            f"After {int(counts[-1]):,} {first} rows it takes {shown(rows, 0)} reverse rows.",
        )
    ]
    if len(counts) > 1:
        logs = np.log2(np.maximum(needed, config.step / 2))
        trend = interval([slope(np.log2(counts).tolist(), each) for each in logs.T.tolist()])
        ends = compare(needed[-1], needed[0])
        findings.append(
            judged(
                "More alignment data, less reverse data needed.",
                -1,
                trend,
                f"Each doubling of the {first} rows changes what is needed by {shown(trend)} "
                f"doublings; from {int(counts[0]):,} to {int(counts[-1]):,} rows by "
                f"{shown(ends.difference, 0)} rows{ends.p_in_words}.",
            )
        )
    return findings


STUDY = Study("reversal", ReversalConfig, run, analyse)
