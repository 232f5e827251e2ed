"""What stretched springs come to: the findings, tables and figures of the study."""

from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.analysis import (
    Cell,
    Figure,
    Finding,
    Panel,
    Series,
    Table,
    judged,
    shown,
)
from elastic_core.experiments.statistics import Interval, interval, rank_correlation
from elastic_core.experiments.studies.springs_law import SETS
from elastic_core.experiments.studies.stretches import Array, Stretch

COMPARED = SETS[:2]
"""The sets whose change the law foretells; that of D_t is infinite where it has leaves of its own.
"""

BALANCED = 0.1
"""The imbalance up to which forces count as equal and opposite."""

_FORCE = "bits per byte of D_a"
_DIGITS = 4
_WORDS = {"pretrain": "pre-training", "align": "alignment", "perturb": "reverse rows"}


def findings(stretches: Sequence[Stretch], depths: Sequence[int]) -> tuple[Finding, ...]:
    """What the theorem and the trees say, and what is found."""
    most = stretches[-1]
    raised, lowered = (interval(most.measured[name]) for name in ("align", "pretrain"))
    return (
        judged(
            "Reverse data raise the rate of the alignment.",
            1,
            raised,
            f"{most.count:,} reverse rows change gamma of the alignment by "
            f"{shown(raised, _DIGITS)} bits per byte.",
        ),
        judged(
            "Reverse data lower the rate of the pre-training.",
            -1,
            lowered,
            f"{most.count:,} reverse rows change gamma of the pre-training by "
            f"{shown(lowered, _DIGITS)} bits per byte.",
        ),
        _balance(most),
        *(_foretelling(stretches, depth) for depth in depths),
    )


def _balance(stretch: Stretch) -> Finding:
    """Whether two springs in series would stretch like this."""
    found = interval(stretch.imbalance())
    if found.low is not None and found.high is not None:
        is_balanced = found.low >= -BALANCED and found.high <= BALANCED
        verdict = "holds" if is_balanced else "does not hold" if found.excludes_zero else "open"
    else:
        verdict = "open"
    ratio, law = interval(stretch.ratio()), interval(-stretch.stiffness["pretrain"])
    return Finding(
        "|D_i| times the change of KL is equal and opposite for pre-training and alignment.",
        verdict,
        f"After {stretch.count:,} reverse rows their sum is {shown(found)} of the sum of their "
        f"sizes: 0 would be equal and opposite (up to {BALANCED} counts as that), 1 or -1 is the "
        f"same direction. The change of the alignment over that of the pre-training is "
        f"{shown(ratio)}, where the law of covered data says -k = {shown(law, 1)}.",
    )


def _foretelling(stretches: Sequence[Stretch], depth: int) -> Finding:
    share = np.mean([_agree(each, depth, COMPARED) for each in stretches], axis=0)
    found = interval(share)
    ranks = "; ".join(
        f"{_WORDS[name]} {shown(interval(_ranks(stretches, depth, name)), 2)}" for name in COMPARED
    )
    return judged(
        f"Token trees of depth {depth} foretell which way the rates move.",
        1,
        interval(share - 0.5),
        f"In {shown(found, 2)} of the cases the rates of pre-training and alignment move as "
        f"foretold, where guessing gives a half. Rank correlation over the volumes: {ranks}.",
    )


def _agree(stretch: Stretch, depth: int, names: Sequence[str]) -> Array:
    """The share of sets whose change has the sign that is foretold, shape (seeds,)."""
    products = [
        np.sign(stretch.measured[name]) * np.sign(stretch.foretold[depth][name]) for name in names
    ]
    found: Array = np.mean([np.where(np.isnan(p), np.nan, p > 0) for p in products], axis=0)
    return found


def _ranks(stretches: Sequence[Stretch], depth: int, name: str) -> list[float]:
    """The rank correlation over volumes of each seed."""
    measured, foretold = _by_seed(stretches, depth, name)
    return [rank_correlation(*pair) for pair in zip(foretold, measured, strict=True)]


def _sizes(stretches: Sequence[Stretch], depth: int, name: str) -> Array:
    """What the foretold changes are multiplied by to be the measured ones, by least squares."""
    measured, foretold = _by_seed(stretches, depth, name)
    square = (foretold**2).sum(axis=1)
    found: Array = (measured * foretold).sum(axis=1) / np.where(square > 0, square, np.nan)
    return found


def _by_seed(stretches: Sequence[Stretch], depth: int, name: str) -> tuple[Array, Array]:
    """Measured and foretold changes, each of shape (seeds, volumes)."""
    measured = np.column_stack([each.measured[name] for each in stretches])
    foretold = np.column_stack([each.foretold[depth][name] for each in stretches])
    return measured, foretold


def tables(stretches: Sequence[Stretch], depths: Sequence[int]) -> tuple[Table, ...]:
    """The forces, the ratio of the changes, and how well they are foretold."""
    return (
        _force_table(stretches, depths),
        _ratio_table(stretches, depths),
        _agreement_table(stretches, depths),
    )


def _force_table(stretches: Sequence[Stretch], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in stretches:
        for name in SETS:
            found = (each.stiffness[name], each.measured[name], each.force(name))
            foretold = (each.force(name, depth) for depth in depths)
            rows.append((each.count, _WORDS[name], *map(interval, (*found, *foretold))))
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


def _ratio_table(stretches: Sequence[Stretch], depths: Sequence[int]) -> Table:
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


def _agreement_table(stretches: Sequence[Stretch], depths: Sequence[int]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in COMPARED:
        for depth in depths:
            signs = np.mean([_agree(each, depth, [name]) for each in stretches], axis=0)
            found = (signs, _ranks(stretches, depth, name), _sizes(stretches, depth, name))
            rows.append((_WORDS[name], depth, *map(interval, found)))
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


def figures(stretches: Sequence[Stretch], depths: Sequence[int]) -> tuple[Figure, ...]:
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


def _foretold_panel(stretches: Sequence[Stretch], depths: Sequence[int], name: str) -> Panel:
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
        _WORDS[name].capitalize(),
        f"foretold, {_FORCE}",
        f"measured, {_FORCE}",
        tuple(series),
    )


def _line(name: str, points: Sequence[tuple[float, Interval]]) -> Series:
    ordered = sorted(points, key=lambda point: point[0])
    return Series(name, tuple(x for x, _ in ordered), tuple(y for _, y in ordered))


def _volume_panel(stretches: Sequence[Stretch], depths: Sequence[int], name: str) -> Panel:
    counts = tuple(float(each.count) for each in stretches)

    def line(title: str, force: Callable[[Stretch], Array]) -> Series:
        return Series(title, counts, tuple(interval(force(each)) for each in stretches))

    foretold = (
        line(f"foretold, depth {depth}", lambda each, depth=depth: each.force(name, depth))  # type: ignore[misc]
        for depth in depths
    )
    return Panel(
        _WORDS[name].capitalize(),
        "reverse rows",
        f"|D_i| x change of gamma_i, {_FORCE}",
        (line("measured", lambda each: each.force(name)), *foretold),
        level=("no change", 0.0),
        x_scale="log",
    )
