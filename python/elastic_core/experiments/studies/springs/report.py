"""Report of the springs study: findings, tables and figures.

Columns, lines and files are called `foretold` where they show what the token trees predict.
"""

from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.analysis import judged, with_ci
from elastic_core.experiments.spring_law import RATIO_MARGIN, Array
from elastic_core.experiments.studies.springs.prediction import SETS
from elastic_core.experiments.studies.springs.result import (
    COMPARED,
    SpringResult,
    rank_correlations,
    scales,
)
from elastic_core.report.document import Cell, Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import Interval, interval

_NAMES = {"pretrain": "pre-training", "align": "alignment", "perturb": "reverse rows"}
_FORCE = "bits per byte of D_a"
_DIGITS = 4


def findings(results: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Finding, ...]:
    """What the theorem and the trees say, and what was measured."""
    most = results[-1]
    raised, lowered = (interval(most.measured[name]) for name in ("align", "pretrain"))
    return (
        judged(
            "Reverse data raise the rate of the alignment text.",
            1,
            raised,
            f"{most.count:,} reverse rows change gamma of the alignment by "
            f"{with_ci(raised, _DIGITS)} bits per byte.",
        ),
        judged(
            "Reverse data lower the rate of the pre-training text.",
            -1,
            lowered,
            f"{most.count:,} reverse rows change gamma of the pre-training by "
            f"{with_ci(lowered, _DIGITS)} bits per byte.",
        ),
        _balance(most),
        *(_prediction_finding(results, depth) for depth in depths),
    )


def _balance(result: SpringResult) -> Finding:
    """Whether the forces are those of two springs in series."""
    springs = result.springs()
    imbalance = interval(springs.imbalance, (-1, 1))
    (ratio,), law = springs.ratios(), interval(-springs.k)
    return Finding(
        "|D_i| times the change of KL is equal and opposite for pre-training and alignment.",
        springs.verdict(),
        f"After {result.count:,} reverse rows the sum of the two forces is {with_ci(imbalance)} of "
        f"the sum of their sizes: 0 is equal and opposite, 1 or -1 the same direction. The change "
        f"of the alignment over that of the pre-training is {with_ci(ratio)}; for covered data the "
        f"law says -k = {with_ci(law, 1)}, up to a factor of {RATIO_MARGIN}.",
    )


def _prediction_finding(results: Sequence[SpringResult], depth: int) -> Finding:
    share = np.mean([result.agreement(depth, COMPARED) for result in results], axis=0)
    agreement = interval(share, (0, 1))
    correlations = "; ".join(
        f"{_NAMES[name]} {with_ci(interval(rank_correlations(results, depth, name), (-1, 1)), 2)}"
        for name in COMPARED
    )
    return judged(
        f"Token trees of depth {depth} predict which way the rates move.",
        1,
        interval(share - 0.5, (-0.5, 0.5)),
        f"The rates of pre-training and alignment move in the predicted direction in "
        f"{with_ci(agreement, 2)} of the cases; guessing would give a half. Rank correlation over "
        f"the volumes: {correlations}.",
    )


def tables(results: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Table, ...]:
    """The forces, the ratio of the changes, and how well they are predicted."""
    return (
        _force_table(results, depths),
        _ratio_table(results, depths),
        _agreement_table(results, depths),
    )


def _force_table(results: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        for name in SETS:
            measured = (result.stiffness[name], result.measured[name], result.force(name))
            predicted = (result.force(name, depth) for depth in depths)
            rows.append((result.count, _NAMES[name], *map(interval, (*measured, *predicted))))
    headings = (
        ("reverse", "rows"),
        ("data set", ""),
        ("|D_i|", "|D_a|"),
        ("change of gamma", "bits/byte"),
        ("|D_i| x change", _FORCE),
        *((f"foretold, depth {depth}", _FORCE) for depth in depths),
    )
    note = (
        "The change of gamma is that of KL(P_i || model), because the entropy of P_i stays the "
        "same. Volumes are bytes of text. Foretold: predicted by the token trees. There is no "
        "prediction for reverse rows that have leaves of their own: before they were learned, "
        "their rate under the trees was infinite."
    )
    title = "Springs: measured, and predicted by the token trees"
    return Table("springs", title, headings, tuple(rows), note, _DIGITS)


def _ratio_table(results: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        law = interval(-result.stiffness["pretrain"])
        sources: list[tuple[str, int | None]] = [("measured", None)]
        sources += [(f"depth {depth}", depth) for depth in depths]
        for source, depth in sources:
            coverage = None if depth is None else interval(100 * result.coverage[depth], (0, 100))
            springs = result.springs(depth)
            (ratio,), imbalance = springs.ratios(), interval(springs.imbalance, (-1, 1))
            rows.append((result.count, source, coverage, ratio, imbalance, law))
    note = (
        "Ratio: mean change of gamma of the alignment over that of the pre-training, with "
        "Fieller's interval, which has no ends where the latter may be 0. Imbalance: sum of the "
        "two forces over the sum of their sizes, 0 where they are equal and opposite. Coverage: "
        "reverse segments that occur in the trees of the other two data sets."
    )
    headings = (
        ("reverse", "rows"),
        ("source", ""),
        ("coverage", "%"),
        ("ratio of changes", ""),
        ("imbalance", ""),
        ("law", "-k"),
    )
    return Table("ratios", "Alignment against pre-training", headings, tuple(rows), note)


def _agreement_table(results: Sequence[SpringResult], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in COMPARED:
        for depth in depths:
            signs = np.mean([result.agreement(depth, [name]) for result in results], axis=0)
            intervals = (
                interval(signs, (0, 1)),
                interval(rank_correlations(results, depth, name), (-1, 1)),
                interval(scales(results, depth, name)),
            )
            rows.append((_NAMES[name], depth, *intervals))
    headings = (
        ("data set", ""),
        ("depth", ""),
        ("signs that agree", "share"),
        ("rank correlation", ""),
        ("measured / foretold", ""),
    )
    note = (
        "Signs: over volumes. Rank correlation: Spearman's over volumes, for each seed. Measured / "
        "foretold: the factor that brings the predicted changes nearest to the measured ones."
    )
    return Table("agreement", "What the trees predict", headings, tuple(rows), note)


def figures(results: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Figure, ...]:
    """Measured against predicted forces, and both along the volumes."""
    return (
        Figure(
            "foretold",
            "|D_i| times the change of gamma_i: measured against predicted by token trees of each "
            "depth, a point for each volume of reverse rows. Bands are 95% intervals over seeds.",
            tuple(_prediction_panel(results, depths, name) for name in COMPARED),
        ),
        Figure(
            "springs",
            "|D_i| times the change of gamma_i along the volume of reverse rows, measured and "
            "predicted. Springs in series would stretch by opposite amounts.",
            tuple(_volume_panel(results, depths, name) for name in COMPARED),
        ),
    )


def _prediction_panel(results: Sequence[SpringResult], depths: Sequence[int], name: str) -> Panel:
    series = []
    for depth in depths:
        points = [
            (interval(result.force(name, depth)).mean, interval(result.force(name)))
            for result in results
        ]
        series.append(_line(f"depth {depth}", [point for point in points if point[1].count]))
    ends = [x for line in series for x in line.x]
    if ends:
        span = [(x, Interval(x, None, None, 1)) for x in (min(0.0, *ends), max(0.0, *ends))]
        series.append(_line("as foretold", span))
    return Panel(
        _NAMES[name].capitalize(),
        f"foretold, {_FORCE}",
        f"measured, {_FORCE}",
        tuple(series),
    )


def _line(name: str, points: Sequence[tuple[float, Interval]]) -> Series:
    ordered = sorted(points, key=lambda point: point[0])
    return Series(name, tuple(x for x, _ in ordered), tuple(y for _, y in ordered))


def _volume_panel(results: Sequence[SpringResult], depths: Sequence[int], name: str) -> Panel:
    counts = tuple(float(result.count) for result in results)

    def line(title: str, force: Callable[[SpringResult], Array]) -> Series:
        return Series(title, counts, tuple(interval(force(result)) for result in results))

    predicted = (
        line(f"foretold, depth {depth}", lambda result, depth=depth: result.force(name, depth))  # type: ignore[misc]
        for depth in depths
    )
    return Panel(
        _NAMES[name].capitalize(),
        "reverse rows",
        f"|D_i| x change of gamma_i, {_FORCE}",
        (line("measured", lambda result: result.force(name)), *predicted),
        level=("no change", 0.0),
        x_scale="log",
    )
