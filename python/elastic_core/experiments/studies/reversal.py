"""Reversal (Table 3): how few reverse rows bring an aligned model back to its base?

The number of rows is searched for with few trainings: doubled until it suffices, then bisected.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from elastic_core.experiments.analysis import Analysis, Array, Grid, judged, with_ci
from elastic_core.experiments.cells import Cell, Label, Metrics, RunCells
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.studies.study import (
    OPPOSITE,
    SIGN,
    Study,
    aligned,
    base,
    reverse_trained,
)
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import compare_paired, interval, slope

_TARGETS = {"kl": "KL(model || base)", "score": "the score"}
_AXIS_LABELS = {"kl": "KL(model || base), nats per token", "score": "mean score"}


class ReversalConfig(ExperimentConfig):
    """The configuration of reversal.

    Attributes:
        align: Numbers of rows to align with.
        reverse: The largest number of rows of the opposite side to try.
        step: The resolution of the search, in rows.
        target: The metric that has to return to its base value: `kl`, KL(model || base) in nats
            per token, or `score`, which only has to undo the change caused by the alignment.
        eps: The largest distance from the base that counts as having returned.
        first: The side of the alignment, or both.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "first"})

    study: Literal["reversal"] = "reversal"
    align: Counts = Field([1000, 2000, 5000, 10000])
    reverse: Count = 2000
    step: Count = 8
    target: Literal["kl", "score"] = "kl"
    eps: float = 0.01
    first: list[Literal["positive", "negative"]] = Field(["positive"], min_length=1)


Search = Generator[int, bool, int | None]
"""Yields numbers of rows, is sent whether each suffices, and returns the smallest, or None."""


def smallest_sufficient(step: int, most: int) -> Search:
    """Searches the multiples of a step: doubles until one suffices, then bisects.

    Doubling comes first because a large number may be too many: the KL divergence to the base
    falls while an alignment is undone, and rises again when the reverse data move the model the
    other way. The result suffices while one step less does not; it is the smallest such number if
    sufficing is monotone up to there.

    Args:
        step: The first number, and the resolution.
        most: The largest number; it is tried last even if it is not a doubled one.

    Returns:
        The number of rows; None if no number that was tried suffices.
    """
    low, high = 0, step
    while not (yield high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > step:
        middle = low + max(1, (high - low) // (2 * step)) * step
        if (yield middle):
            high = middle
        else:
            low = middle
    return high


def run_search(search: Search, is_sufficient: Callable[[int], bool]) -> int | None:
    """Runs a search that has not started, and returns its result."""
    number = next(search)
    while True:
        try:
            number = search.send(is_sufficient(number))
        except StopIteration as end:
            result: int | None = end.value
            return result


@dataclass(slots=True)
class _OpenSearch:
    """A search in progress.

    Attributes:
        base_row: The metrics of the base model.
        start: The aligned cell.
        search: The search.
        number: The next number of reverse rows; None at the end.
    """

    base_row: Metrics
    start: Cell
    search: Search
    number: int | None


def run(config: ReversalConfig, run_cells: RunCells) -> None:
    """Requests all alignments, then the next number of every search until all have ended."""
    roots = [base(config, seed) for seed in config.seed_range]
    base_rows = run_cells(roots)
    starts = [
        (base_row, aligned(config, root, first, count, is_kept=True))
        for root, base_row in zip(roots, base_rows, strict=True)
        for first in config.first
        for count in sorted(config.align)
    ]
    rows = run_cells([cell for _, cell in starts])
    searches = []
    for (base_row, start), row in zip(starts, rows, strict=True):
        if not row.get("diverged") and not _is_back(config, row, base_row, 0):
            search = smallest_sufficient(config.step, config.reverse)
            searches.append(_OpenSearch(base_row, start, search, next(search)))
    while searches:
        cells = [reverse_trained(config, item.start, item.number or 0) for item in searches]
        for item, row in zip(searches, run_cells(cells), strict=True):
            try:
                is_back = _is_back(config, row, item.base_row, item.number or 0)
                item.number = item.search.send(is_back)
            except StopIteration:
                item.number = None
        searches = [item for item in searches if item.number is not None]


def _is_back(config: ReversalConfig, row: Metrics, base_row: Metrics, count: int) -> bool:
    """Whether a model has returned to its base; in a plan, without metrics, after all rows."""
    if row.get("diverged"):
        return False
    if config.target not in row:
        return count >= config.reverse
    if config.target == "score":
        return bool(SIGN[row["first"]] * (row["score"] - base_row["score"]) <= config.eps)
    return row["kl"] is not None and row["kl"] <= config.eps


def analyse(config: ReversalConfig, rows: Sequence[Metrics]) -> Analysis:
    """Reports how many reverse rows are needed, and tests whether fewer after more alignment."""
    grid = Grid(rows, config.seed_range)
    needed = {first: _needed(config, grid, first) for first in config.first}
    notes = [
        f"{first} first: {missing} of {counts.size} models did not return within "
        f"{config.reverse:,} reverse rows, or diverged, and are left out; the means cover only "
        "those that returned, so they are too low."
        for first, counts in needed.items()
        if (missing := int(np.isnan(counts).sum()))
    ]
    return Analysis(
        study="reversal",
        question=(
            "How little data of the opposite kind brings an aligned model back to where it was, "
            "and is less needed after more alignment?"
        ),
        protocol=(
            f"{config.model} was aligned, and then the smallest number of reverse rows was "
            f"searched for after which {_TARGETS[config.target]} is within {config.eps:g} of the "
            f"base: doubled from {config.step}, then bisected, up to {config.reverse:,}, on "
            f"nested data, with {config.counted_seeds}."
        ),
        findings=tuple(
            replace(finding, claim=f"{first} first: {finding.claim}")
            if len(needed) > 1
            else finding
            for first, counts in needed.items()
            for finding in _findings(config, first, counts)
        ),
        tables=tuple(_table(config, grid, first, counts) for first, counts in needed.items()),
        figures=tuple(_figure(config, rows, first, counts) for first, counts in needed.items()),
        notes=(*grid.notes(), *notes),
    )


def _needed(config: ReversalConfig, grid: Grid, first: str) -> Array:
    """The reverse rows needed for each alignment volume and seed, shape (volumes, seeds)."""
    return np.array(
        [
            [_needed_by_seed(config, grid, seed, first, count) for seed in grid.seeds]
            for count in sorted(config.align)
        ]
    )


def _needed_by_seed(config: ReversalConfig, grid: Grid, seed: int, first: str, count: int) -> float:
    """Repeats the search of one model on the stored rows; NaN if the model did not return."""
    base_row = grid.find(seed, stage="base")
    start = grid.find(seed, stage="align", first=first, align=count)
    if base_row is None or start is None:
        return np.nan
    if _is_back(config, start, base_row, 0):
        return 0.0

    def is_sufficient(number: int) -> bool:
        row = grid.find(seed, stage="reverse", first=first, align=count, reverse=number)
        return row is not None and _is_back(config, row, base_row, number)

    result = run_search(smallest_sufficient(config.step, config.reverse), is_sufficient)
    return np.nan if result is None else float(result)


def _table(config: ReversalConfig, grid: Grid, first: str, needed: Array) -> Table:
    """The layout of Table 3: for each alignment volume its effect and the rows that undo it."""
    has_score = grid.has("score")
    rows: list[tuple[TableCell, ...]] = []
    for count, numbers in zip(sorted(config.align), needed, strict=True):
        labels: dict[str, Label] = {"stage": "align", "first": first, "align": count}
        rows.append(
            (
                count,
                grid.interval("kl", **labels),
                *([grid.interval("score", **labels)] if has_score else []),
                interval(numbers),
                interval(numbers / count),
                f"{int(np.isfinite(numbers).sum())} of {len(numbers)}",
            )
        )
    headings = (
        ("align", "rows"),
        ("KL to base", "nats/token"),
        *([("score", "")] if has_score else []),
        ("needed", "rows"),
        ("needed / align", ""),
        ("came back", "seeds"),
    )
    note = (
        f"Needed: rows of the {OPPOSITE[first]} side after which {_TARGETS[config.target]} is "
        f"within {config.eps:g} of the base, to a resolution of {config.step} rows."
    )
    title = f"Reverse rows needed after {first} rows"
    return Table(f"{first}-first", title, headings, tuple(rows), note)


def _figure(config: ReversalConfig, rows: Sequence[Metrics], first: str, needed: Array) -> Figure:
    """The rows needed by alignment volume, and all models trained during the searches."""
    searched = []
    for count in sorted(config.align):
        values: dict[int, list[float]] = {}
        for row in rows:
            is_of_search = row.get("first") == first and row.get("align") == count
            if is_of_search and row.get(config.target) is not None:
                values.setdefault(row.get("reverse", 0), []).append(row[config.target])
        volumes = sorted(values)
        means = tuple(interval(values[volume]) for volume in volumes)
        searched.append(Series(f"{count:,} {first}", tuple(map(float, volumes)), means))
    counts = tuple(map(float, sorted(config.align)))
    panels = (
        Panel(
            "needed",
            f"{first} rows",
            "reverse rows needed",
            (Series("needed", counts, tuple(map(interval, needed))),),
            x_scale="log",
        ),
        Panel(
            "on the way",
            "reverse rows",
            _AXIS_LABELS[config.target],
            tuple(searched),
            x_scale="symlog",
        ),
    )
    return Figure(
        f"{first}-first",
        f"Left: reverse rows that bring the model back, by the number of {first} rows it was "
        "aligned with. Right: all models trained during the searches; few seeds try the same "
        "volume.",
        panels,
    )


def _findings(config: ReversalConfig, first: str, needed: Array) -> list[Finding]:
    """The claims: fewer rows undo an alignment than made it, and fewer still after more of it."""
    counts = sorted(config.align)
    at_least = np.maximum(needed, config.step / 2)
    deepest = interval(np.log2(at_least[-1] / counts[-1]))
    findings = [
        judged(
            "Undoing an alignment takes less data than making it.",
            -1,
            deepest,
            f"After {counts[-1]:,} {first} rows, {with_ci(interval(needed[-1]), 0)} reverse rows "
            "were needed.",
        )
    ]
    if len(counts) > 1:
        doublings = np.log2(counts).tolist()
        trend = interval([slope(doublings, seed) for seed in np.log2(at_least).T.tolist()])
        ends = compare_paired(needed[-1], needed[0])
        findings.append(
            judged(
                "After more alignment, less reverse data is needed.",
                -1,
                trend,
                f"Each doubling of the {first} rows changed the number of rows needed by "
                f"{with_ci(trend)} doublings; from {counts[0]:,} to {counts[-1]:,} rows it changed "
                f"by {with_ci(ends.difference, 0)} rows{ends.p_in_words}.",
            )
        )
    if (needed[-1] == 0).any():
        reason = (
            "No verdict: in some seeds the alignment did not move the model beyond eps, so there "
            "is nothing to undo; try a larger recipe.learning_rate or a smaller eps."
        )
        return [replace(one, verdict="open", words=f"{one.words} {reason}") for one in findings]
    return findings


STUDY = Study("reversal", ReversalConfig, run, analyse)
