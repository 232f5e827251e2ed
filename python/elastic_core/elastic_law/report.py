"""The words and figures that the table and the Markdown share."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from elastic_core.common.units import counted, format_size
from elastic_core.elastic_law.result import (
    DepthLaw,
    DepthRates,
    ElasticityResult,
    Interval,
    Overlap,
    PerturbationResult,
)
from elastic_core.elastic_law.verdict import TOLERANCE, Verdict, verdict
from elastic_core.report.elasticity.trained.words import (
    CHANGE_HEADINGS,
    agreement,
    change_cells,
    findings,
)
from elastic_core.report.tables import ABSENT, Headings, figure

DATASET_HEADINGS: Headings = (
    ("dataset", ""),
    ("documents", ""),
    ("text", ""),
    ("segments", "volume"),
    ("leaves", "depth d"),
    ("entropy", "bits/segment"),
)
"""The columns of `dataset_cells`."""

LAW_HEADINGS: Headings = (
    ("depth", ""),
    ("coverage", "%"),
    ("slope", "pretrain"),
    ("slope", "align"),
    ("ratio", ""),
    ("identity", ""),
    ("law", "-k"),
    ("verdict", ""),
)
"""The columns of `law_cells`."""

INTERVAL_HEADINGS: Headings = (
    ("depth", ""),
    ("coverage", "%"),
    ("slope", "pretrain"),
    ("slope", "align"),
    ("ratio", ""),
)
"""The columns of `interval_cells`."""

RATE_HEADINGS: Headings = (
    ("depth", ""),
    ("rate", "pretrain"),
    ("change", "pretrain"),
    ("rate", "align"),
    ("change", "align"),
    ("ratio", "of slopes"),
    ("spring", "pretrain"),
    ("spring", "align"),
)
"""The columns of `rate_cells`."""

TRAINED_HEADINGS: Headings = (("order", ""), *CHANGE_HEADINGS)
"""The columns of `trained_cells`."""

NAMES = ("dataset", "verdict", "order", "text")
"""The columns whose cells are words."""

SLOPES = "Slopes are d gamma / dl at l = 0, in bits per segment."
"""What stands above the law's table."""

_SIGNS = {
    (-1, 1): "the signs are those of the theorem: the pre-training gains (its rate falls), the "
    "alignment gives way (its rate rises)",
    (1, -1): "the signs are the reverse of the theorem's: the perturbation is nearer to the "
    "alignment, which gains, than to the pre-training, which gives way",
    (1, 1): "both rates rise: the perturbation is unlike either",
}
"""What the signs of the slopes of pre-training and alignment say; they never both fall."""


def setting(result: ElasticityResult) -> str:
    """What the trees are: alphabet, segmentation and depth."""
    return f"alphabet {result.alphabet}, segment {result.segment}, depth {result.depth}"


def volumes(each: PerturbationResult) -> str:
    """The volumes of a perturbation's triple."""
    return f"k = |D_p| / |D_a| = {each.k:.4g}, l = |D_t| / |D_a| = {each.l:.4g}"


def whole(each: PerturbationResult) -> str:
    """What stands above the rates with all of a perturbation."""
    return (
        f"With all of it (l = {each.l:.4g}): rates in bits per segment, their change since l = 0, "
        "and springs, volume x change of KL in units of |D_a|."
    )


def trained_setting(each: PerturbationResult) -> str:
    """What stands above the changes of the tree model's rates."""
    if each.trained is None:
        return ""
    config = each.trained.sequential.config
    return (
        f"A tree model of depth {config.model_depth}, {len(config.seeds)} seeds, sequential at "
        f"rate {config.rate:g}: change of its rates since l = 0, in bits per kB."
    )


def overlap_warning(overlap: Overlap) -> str:
    """That two corpora read the same files."""
    return (
        f"{overlap.first} and {overlap.second} have {counted(overlap.files, 'file', 'files')} in "
        "common, which count in both; leave them out of one for independent corpora"
    )


class Table(NamedTuple):
    """One table: its columns and its cells."""

    headings: Headings
    cells: list[tuple[str, ...]]


Part = str | Table | list[str]
"""What a report is made of: the line above a table, a table, or sentences."""


def parts(each: PerturbationResult, resamples: int) -> list[Part]:
    """What is told of a perturbation, one thing after the other, behind name, volumes, `SLOPES`.

    Args:
        each: What the perturbation does.
        resamples: How many there were behind the intervals.
    """
    told: list[Part] = [Table(LAW_HEADINGS, law_cells(each))]
    if cells := interval_cells(each):
        told.append(f"95% intervals, {resamples} resamples of the documents.")
        told.append(Table(INTERVAL_HEADINGS, cells))
    if each.l:
        told += [whole(each), Table(RATE_HEADINGS, rate_cells(each))]
    told.append(conclusions(each))
    if cells := trained_cells(each):
        told += [trained_setting(each), Table(TRAINED_HEADINGS, cells), trained_findings(each)]
    return told


def dataset_cells(result: ElasticityResult) -> list[tuple[str, ...]]:
    """The corpora as texts, in the order of `DATASET_HEADINGS`."""
    return [
        (
            f"{each.role}: {each.name}",
            f"{each.documents:,}",
            format_size(each.bytes),
            f"{each.segments:,}",
            f"{each.leaves[-1]:,}",
            f"{each.entropy_bits[-1]:.3f}",
        )
        for each in result.datasets
    ]


def law_cells(each: PerturbationResult) -> list[tuple[str, ...]]:
    """The law at each depth as texts, in the order of `LAW_HEADINGS`."""
    return [
        (
            str(row.depth),
            f"{100 * row.coverage:.2f}",
            f"{row.slope_pretrain_bits:+.2e}",
            f"{row.slope_align_bits:+.2e}",
            signed(row.ratio),
            signed(row.predicted),
            signed(-each.k),
            str(row.verdict),
        )
        for row in each.law
    ]


def interval_cells(each: PerturbationResult) -> list[tuple[str, ...]]:
    """The intervals at each depth as texts, in the order of `INTERVAL_HEADINGS`."""

    def cell(row: DepthLaw, name: str, form: Callable[[float], str]) -> str:
        found: Interval | None = (row.intervals or {}).get(name)
        return ABSENT if found is None else f"[{form(found.low)}, {form(found.high)}]"

    return [
        (
            str(row.depth),
            cell(row, "coverage", lambda value: f"{100 * value:.1f}"),
            cell(row, "slope_pretrain_bits", lambda value: f"{value:+.1e}"),
            cell(row, "slope_align_bits", lambda value: f"{value:+.1e}"),
            cell(row, "ratio", signed),
        )
        for row in each.law
        if row.intervals is not None
    ]


def rate_cells(each: PerturbationResult) -> list[tuple[str, ...]]:
    """The rates with all of a perturbation as texts, in the order of `RATE_HEADINGS`."""
    rows = []
    for before, after in zip(each.before, each.after, strict=True):
        cells = [str(after.depth)]
        for dataset in (0, 1):
            cells.append(figure(after.gamma_bits[dataset], 3))
            cells.append(_change(before.gamma_bits[dataset], after.gamma_bits[dataset]))
        cells.append(signed(after.ratio))
        cells += [_springs(after.spring_bits[dataset]) for dataset in (0, 1)]
        rows.append(tuple(cells))
    return rows


def conclusions(each: PerturbationResult) -> list[str]:
    """Whether the law holds, and if not, why: sentences, one for each thing to say."""
    return [*_held(each), *_signs(each), *_large(each)]


def trained_cells(each: PerturbationResult) -> list[tuple[str, ...]]:
    """What a tree model makes of it in both orders, in the order of `TRAINED_HEADINGS`."""
    pair = each.trained
    curves = (("joint", pair.joint), ("sequential", pair.sequential)) if pair else ()
    return [(order, *row) for order, curve in curves for row in change_cells(curve)]


def trained_findings(each: PerturbationResult) -> list[str]:
    """What the tree model's rates did, and where its orders and the law agree."""
    if each.trained is None:
        return []
    joint, sequential = each.trained.joint, each.trained.sequential
    return [*findings(joint), *findings(sequential), *agreement(joint, sequential)]


def signed(value: float | None) -> str:
    """A ratio with its sign and three digits; None is absent."""
    return ABSENT if value is None else f"{value:+.4g}" if abs(value) < 1e5 else f"{value:+.2e}"


def _change(before: float | None, after: float | None) -> str:
    return ABSENT if before is None or after is None else f"{after - before:+.4f}"


def _springs(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.4f}"


def _held(each: PerturbationResult) -> list[str]:
    """What became of the law at which depths."""
    told = []
    if rows := _with(each.law, Verdict.HOLDS):
        told.append(
            f"{_at(rows)}, the law holds: the ratio of the slopes is within {TOLERANCE:.0%} of -k."
        )
    if rows := _with(each.law, Verdict.BENDS):
        told.append(
            f"{_at(rows)}, the law bends: the two rates move in opposite directions, but at a "
            f"ratio of {_span(row.ratio for row in rows)}. {_novel(rows)}"
        )
    if rows := _with(each.law, Verdict.BREAKS):
        told.append(
            f"{_at(rows)}, the law breaks: the two rates move in the same direction. "
            f"{_novel(rows)} For the theorem's signs it has to be less than 1 / (k + 1), here "
            f"{100 / (each.k + 1):.3g}%."
        )
    if rows := _with(each.law, Verdict.UNCOVERED):
        told.append(
            f"{_at(rows)}, nothing of the perturbation was seen before, in pre-training or "
            "alignment: no elasticity can be seen, both rates rise alike."
        )
    return told


def _novel(rows: Sequence[DepthLaw]) -> str:
    """The share of a perturbation that is new, and what it does."""
    return (
        f"Of the perturbation {_span(100 * (1 - row.coverage) for row in rows)}% is new to both; "
        "this share, 1 - c, takes code space from both alike and adds (1 - c) / ln 2 to the "
        "alignment's slope."
    )


def _signs(each: PerturbationResult) -> list[str]:
    """Who gives way to the perturbation, where it is covered."""
    seen = [row for row in each.law if row.verdict is not Verdict.UNCOVERED]
    told = []
    for (pretrain, align), what in _SIGNS.items():
        signs = [
            row
            for row in seen
            if row.slope_pretrain_bits * pretrain > 0 and row.slope_align_bits * align > 0
        ]
        if signs:
            told.append(f"{_at(signs)}, {what}.")
    return told


def _large(each: PerturbationResult) -> list[str]:
    """What is left of the law with all of a perturbation, at the depths where it holds at l = 0."""
    if each.l == 0:
        return []
    held = [
        after
        for law, after in zip(each.law, each.after, strict=True)
        if law.verdict is Verdict.HOLDS
    ]
    lost = [row for row in held if verdict(row.ratio, each.k, 1.0) is not Verdict.HOLDS]
    if not held:
        return []
    if not lost:
        return [f"All of it, l = {each.l:.4g}, is still little enough for the law."]
    told = (
        f"{_at(lost)}, l = {each.l:.4g} is too large for the law, which is one for small l: with "
        f"all of the perturbation the ratio is {_span(row.ratio for row in lost)}."
    )
    return [told]


def _with(rows: Iterable[DepthLaw], wanted: Verdict) -> list[DepthLaw]:
    return [row for row in rows if row.verdict is wanted]


def _at(rows: Sequence[DepthLaw] | Sequence[DepthRates]) -> str:
    """The depths of the rows, such as `At depths 1 to 3, 5 and 7 to 8`."""
    depths = [row.depth for row in rows]
    starts = [depths[0], *(b for a, b in pairwise(depths) if b != a + 1)]
    ends = [*(a for a, b in pairwise(depths) if b != a + 1), depths[-1]]
    spans = [
        str(first) if first == last else f"{first} to {last}"
        for first, last in zip(starts, ends, strict=True)
    ]
    listed = " and ".join(filter(None, [", ".join(spans[:-1]), spans[-1]]))
    return f"At depth{'s' if len(depths) > 1 else ''} {listed}"


def _span(values: Iterable[float | None]) -> str:
    """The least and the greatest of some figures."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "not known"
    least, greatest = f"{known[0]:.3g}", f"{known[-1]:.3g}"
    return least if least == greatest else f"{least} to {greatest}"
