"""Report of the springs study: claims, tables and figures.

Columns, lines and files are called `foretold` where they show what the token trees predict.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from elastic_core.experiments.analysis import Analysis, Grid, Story, change
from elastic_core.experiments.cells import Label, Metrics
from elastic_core.experiments.claims import judge_claims
from elastic_core.experiments.first_order import tables as first_order_tables
from elastic_core.experiments.spring_law import Array
from elastic_core.experiments.story import labelled_examples, score_measure
from elastic_core.experiments.studies.springs.claims import evidence
from elastic_core.experiments.studies.springs.prediction import SETS
from elastic_core.experiments.studies.springs.result import (
    COMPARED,
    ORDERS,
    SpringResult,
    rank_correlations,
    skill,
)
from elastic_core.experiments.studies.springs.study import SpringsConfig
from elastic_core.report.document import Cell, Figure, Panel, Series, Table
from elastic_core.statistics.effects import over_seeds
from elastic_core.statistics.intervals import Interval

Results = Mapping[str, Sequence[SpringResult]]
Row = tuple[Cell, ...]

_NAMES = {"pretrain": "pre-training", "align": "alignment", "perturb": "reverse rows"}
_FORCE = "bits per byte of D_a"
_DIGITS = 4


def analyse(config: SpringsConfig, rows: Sequence[Metrics]) -> Analysis:
    """Judges the claims on the measured changes, and on those that the token trees predict."""
    grid = Grid(rows, config.seed_range)
    depths, counts = sorted(config.depths), sorted(config.reverse)
    results = {
        order: [SpringResult.of(grid, order, count, depths) for count in counts] for order in ORDERS
    }
    judged = judge_claims(config.claims, evidence(config, grid, results))
    return Analysis(
        study="springs",
        question=(
            "When an aligned model learns reverse data, how do its rates on the texts of "
            "pre-training and alignment change? Does the law of the token trees predict it?"
        ),
        protocol=(
            f"{config.model} learned {config.align:,} positive rows and "
            f"{', '.join(f'{count:,}' for count in counts)} negative ones, with "
            f"{config.counted_seeds}: sequential, one after the other; and joint, in one mixture "
            f"with {config.mix:,} texts of the pre-training for each positive row, each from the "
            f"base. Of each text, the first {config.characters:,} characters were used. The rates "
            "on the texts of pre-training, on the positive and on the negative rows were measured "
            "without and with the negative rows, and predicted from the joint token trees of the "
            "same texts. In the joint order, the texts of the pre-training are those of the "
            "mixture."
        ),
        findings=judged.findings,
        tables=(
            judged.table,
            _rate_table(config, grid),
            *_first_order(grid),
            _force_table(results, depths),
            _ratio_table(results, depths),
            _agreement_table(results, depths),
        ),
        figures=_figures(results, depths),
        notes=grid.notes(),
        claims_sha256=judged.sha256,
        story=Story(
            changes=tuple(filter(None, _changes(config, grid))),
            measures=(
                ("rate (gamma)", "Bits per byte of a text: the lower, the better known it is."),
                score_measure(config),
            ),
            examples=labelled_examples(grid),
        ),
    )


def _changes(config: SpringsConfig, grid: Grid) -> Iterator[str]:
    """What positive rows and then reverse rows did to the rates, learned in this order."""
    count = max(config.reverse)
    own = {"order": "sequential"}
    for name in COMPARED:
        metric, what = f"rate_{name}", f"the rate of the {_NAMES[name]} text"
        base = grid.values(metric, stage="base")
        aligned = grid.values(metric, stage="align", **own)
        after = grid.values(metric, stage="reverse", reverse=count, **own)
        unit = " bits per byte"
        yield change(f"Learning {config.align:,} positive rows", what, base, aligned, unit)
        yield change(f"From there, {count:,} negative rows", "it", aligned, after, unit)


def _rate_table(config: SpringsConfig, grid: Grid) -> Table:
    """The rates of every model on the texts of all three sets."""
    counts = sorted(config.reverse)

    def row(name: str, labels: Mapping[str, Label], of_reverse: Mapping[str, Label]) -> Row:
        sources = (labels, labels, of_reverse)
        values = (
            grid.values(f"rate_{which}", **source)
            for which, source in zip(SETS, sources, strict=True)
        )
        return (name, *(over_seeds(rate, (0.0, math.inf)) for rate in values))

    base: dict[str, Label] = {"stage": "base"}
    rows = [row("base", base, base)]
    for order in ORDERS:
        aligned: dict[str, Label] = {"stage": "align", "order": order}
        before: dict[str, Label] = {"stage": "before", "order": order, "reverse": counts[-1]}
        rows.append(row(f"aligned, {order}", aligned, before))
        for count in counts:
            after: dict[str, Label] = {"stage": "reverse", "order": order, "reverse": count}
            rows.append(row(f"{count:,} reverse rows, {order}", after, after))
    headings = (("model", ""), *((_NAMES[name], "bits/byte") for name in SETS))
    note = (
        "The rate on reverse rows is that on the rows that the model learned; of an aligned model, "
        f"on {counts[-1]:,} rows that it has not learned yet."
    )
    return Table("rates", "Rates of all models", headings, tuple(rows), note, _DIGITS)


def _first_order(grid: Grid) -> tuple[Table, Table]:
    def lookup(order: str) -> Callable[[str], Array]:
        return lambda metric: grid.values(metric, stage="align", order=order)[:, None]

    cells = [((order,), "perturb", lookup(order)) for order in ORDERS]
    return first_order_tables(cells, ("order",), has_held_out=False)


def _force_table(results: Results, depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for result in _all(results):
        for name in SETS:
            measured = (result.stiffness[name], result.measured[name], result.force(name))
            predicted = (result.force(name, depth) for depth in depths)
            values = map(over_seeds, (*measured, *predicted))
            rows.append((result.order, result.count, _NAMES[name], *values))
    headings = (
        ("order", ""),
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


def _ratio_table(results: Results, depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for result in _all(results):
        law = over_seeds(-result.stiffness["pretrain"])
        sources: list[tuple[str, int | None]] = [("measured", None)]
        sources += [(f"depth {depth}", depth) for depth in depths]
        for source, depth in sources:
            coverage = None if depth is None else over_seeds(100 * result.coverage[depth], (0, 100))
            springs = result.springs(depth)
            (ratio,), imbalance = springs.ratios(), over_seeds(springs.imbalance, (-1, 1))
            rows.append((result.order, result.count, source, coverage, ratio, imbalance, law))
    note = (
        "Ratio: mean change of gamma of the alignment over that of the pre-training, with "
        "Fieller's interval, which has no ends where the latter may be 0. Imbalance: sum of the "
        "two forces over the sum of their sizes, 0 where they are equal and opposite. Coverage: "
        "reverse segments that occur in the trees of the other two data sets."
    )
    headings = (
        ("order", ""),
        ("reverse", "rows"),
        ("source", ""),
        ("coverage", "%"),
        ("ratio of changes", ""),
        ("imbalance", ""),
        ("law", "-k"),
    )
    return Table("ratios", "Alignment against pre-training", headings, tuple(rows), note)


def _agreement_table(results: Results, depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for order, of_order in results.items():
        for depth in depths:
            signs = (
                over_seeds(
                    np.mean([result.agreement(depth, [name]) for result in of_order], axis=0),
                    (0, 1),
                )
                for name in COMPARED
            )
            ranks = (
                over_seeds(rank_correlations(of_order, depth, name), (-1, 1)) for name in COMPARED
            )
            rows.append((order, depth, over_seeds(skill(of_order, depth)), *signs, *ranks))
    headings = (
        ("order", ""),
        ("depth", ""),
        ("skill", "against a constant"),
        *((f"signs, {_NAMES[name]}", "share") for name in COMPARED),
        *((f"ranks, {_NAMES[name]}", "") for name in COMPARED),
    )
    note = (
        "Skill: the share of the squared error of a constant that the trees save, over all "
        "volumes. The constant is the same change for both data sets; it and the scale of the "
        "prediction are fitted to the other seeds for each volume. 1 is perfect, 0 no better. "
        "Signs: share of volumes at which measured and predicted change have the same sign, which "
        "a predictor of one sign may reach by chance. Ranks: Spearman's correlation over volumes, "
        "for each seed."
    )
    return Table("agreement", "What the trees predict", headings, tuple(rows), note)


def _figures(results: Results, depths: Sequence[int]) -> tuple[Figure, ...]:
    """Measured against predicted forces, and both along the volumes."""
    return (
        Figure(
            "foretold",
            "|D_i| times the change of gamma_i: measured against predicted by token trees of each "
            "depth, a point for each volume of reverse rows. Bands are 95% intervals over seeds.",
            tuple(
                _prediction_panel(of_order, depths, name)
                for of_order in results.values()
                for name in COMPARED
            ),
        ),
        Figure(
            "springs",
            "|D_i| times the change of gamma_i along the volume of reverse rows, measured and "
            "predicted. Springs in series would stretch by opposite amounts.",
            tuple(
                _volume_panel(of_order, depths, name)
                for of_order in results.values()
                for name in COMPARED
            ),
        ),
    )


def _prediction_panel(results: Sequence[SpringResult], depths: Sequence[int], name: str) -> Panel:
    series = []
    for depth in depths:
        points = [
            (over_seeds(result.force(name, depth)).mean, over_seeds(result.force(name)))
            for result in results
        ]
        series.append(_line(f"depth {depth}", [point for point in points if point[1].count]))
    ends = [x for line in series for x in line.x]
    if ends:
        span = [(x, Interval(x, None, None, 1)) for x in (min(0.0, *ends), max(0.0, *ends))]
        series.append(_line("as foretold", span))
    return Panel(
        _title(results, name),
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
        return Series(title, counts, tuple(over_seeds(force(result)) for result in results))

    predicted = (
        line(f"foretold, depth {depth}", lambda result, depth=depth: result.force(name, depth))  # type: ignore[misc]
        for depth in depths
    )
    return Panel(
        _title(results, name),
        "reverse rows",
        f"|D_i| x change of gamma_i, {_FORCE}",
        (line("measured", lambda result: result.force(name)), *predicted),
        level=("no change", 0.0),
        x_scale="log",
    )


def _title(results: Sequence[SpringResult], name: str) -> str:
    return f"{results[0].order}, {_NAMES[name]}"


def _all(results: Results) -> list[SpringResult]:
    return [result for of_order in results.values() for result in of_order]
