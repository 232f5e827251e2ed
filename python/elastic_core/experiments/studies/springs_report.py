"""What stretched springs come to: the tables and figures of the study."""

from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.studies.springs_law import SETS
from elastic_core.experiments.studies.stretches import (
    COMPARED,
    WORDS,
    Array,
    SpringResult,
    agree,
    ranks,
    sizes,
)
from elastic_core.report.document import Cell, Figure, Panel, Series, Table
from elastic_core.statistics.intervals import Interval, interval

_FORCE = "bits per byte of D_a"
_DIGITS = 4


def tables(stretches: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Table, ...]:
    """The forces, the ratio of the changes, and how well they are foretold."""
    return (
        _force_table(stretches, depths),
        _ratio_table(stretches, depths),
        _agreement_table(stretches, depths),
    )


def _force_table(stretches: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in stretches:
        for name in SETS:
            found = (each.stiffness[name], each.measured[name], each.force(name))
            foretold = (each.force(name, depth) for depth in depths)
            rows.append((each.count, WORDS[name], *map(interval, (*found, *foretold))))
    headings = (
        ("reverse", "rows"),
        ("data set", ""),
        ("|D_i|", "|D_a|"),
        ("change of gamma", "bits/byte"),
        ("|D_i| x change", _FORCE),
        *((f"foretold, depth {depth}", _FORCE) for depth in depths),
    )
    note = (
        "The change of gamma is that of KL(P_i || model), for the entropy of P_i stays the same. "
        "Volumes are bytes of text. Nothing is foretold of reverse rows that have leaves of their "
        "own: before they were learned, their rate under the trees was infinite."
    )
    title = "Springs: measured, and foretold by the token trees"
    return Table("springs", title, headings, tuple(rows), note, _DIGITS)


def _ratio_table(stretches: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in stretches:
        law = interval(-each.stiffness["pretrain"])
        named: list[tuple[str, int | None]] = [("measured", None)]
        named += [(f"depth {depth}", depth) for depth in depths]
        for source, depth in named:
            coverage = None if depth is None else interval(100 * each.coverage[depth])
            found = (each.ratio(depth), each.imbalance(depth))
            rows.append((each.count, source, coverage, *map(interval, found), law))
    headings = (
        ("reverse", "rows"),
        ("source", ""),
        ("coverage", "%"),
        ("ratio of changes", ""),
        ("imbalance", ""),
        ("law", "-k"),
    )
    note = (
        "Ratio: change of gamma of the alignment over that of the pre-training; where the latter "
        "is near 0 it says little. Imbalance: sum of the two forces over the sum of their sizes, "
        "0 where they are equal and opposite. Coverage: reverse segments that the trees of the "
        "other two have."
    )
    return Table("ratios", "Alignment against pre-training", headings, tuple(rows), note)


def _agreement_table(stretches: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in COMPARED:
        for depth in depths:
            signs = np.mean([agree(each, depth, [name]) for each in stretches], axis=0)
            found = (signs, ranks(stretches, depth, name), sizes(stretches, depth, name))
            rows.append((WORDS[name], depth, *map(interval, found)))
    headings = (
        ("data set", ""),
        ("depth", ""),
        ("signs that agree", "share"),
        ("rank correlation", ""),
        ("measured / foretold", ""),
    )
    note = (
        "Signs: over volumes. Rank correlation: Spearman's over volumes, for each seed. Measured / "
        "foretold: the factor that brings the foretold changes nearest to the measured ones."
    )
    return Table("agreement", "What the trees foretell", headings, tuple(rows), note)


def figures(stretches: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Figure, ...]:
    """Measured against foretold, and both along the volumes."""
    return (
        Figure(
            "foretold",
            "|D_i| times the change of gamma_i: measured against foretold by token trees of each "
            "depth, a point for each volume of reverse rows. Bands are 95% intervals over seeds.",
            tuple(_foretold_panel(stretches, depths, name) for name in COMPARED),
        ),
        Figure(
            "springs",
            "|D_i| times the change of gamma_i along the volume of reverse rows, measured and "
            "foretold. Springs in series would stretch by opposite amounts.",
            tuple(_volume_panel(stretches, depths, name) for name in COMPARED),
        ),
    )


def _foretold_panel(stretches: Sequence[SpringResult], depths: Sequence[int], name: str) -> Panel:
    series = []
    for depth in depths:
        points = [
            (interval(each.force(name, depth)).mean, interval(each.force(name)))
            for each in stretches
        ]
        series.append(_line(f"depth {depth}", [point for point in points if point[1].count]))
    ends = [x for each in series for x in each.x]
    if ends:
        span = [(x, Interval(x, None, None, 1)) for x in (min(0.0, *ends), max(0.0, *ends))]
        series.append(_line("as foretold", span))
    return Panel(
        WORDS[name].capitalize(),
        f"foretold, {_FORCE}",
        f"measured, {_FORCE}",
        tuple(series),
    )


def _line(name: str, points: Sequence[tuple[float, Interval]]) -> Series:
    ordered = sorted(points, key=lambda point: point[0])
    return Series(name, tuple(x for x, _ in ordered), tuple(y for _, y in ordered))


def _volume_panel(stretches: Sequence[SpringResult], depths: Sequence[int], name: str) -> Panel:
    counts = tuple(float(each.count) for each in stretches)

    def line(title: str, force: Callable[[SpringResult], Array]) -> Series:
        return Series(title, counts, tuple(interval(force(each)) for each in stretches))

    foretold = (
        line(f"foretold, depth {depth}", lambda each, depth=depth: each.force(name, depth))  # type: ignore[misc]
        for depth in depths
    )
    return Panel(
        WORDS[name].capitalize(),
        "reverse rows",
        f"|D_i| x change of gamma_i, {_FORCE}",
        (line("measured", lambda each: each.force(name)), *foretold),
        level=("no change", 0.0),
        x_scale="log",
    )
