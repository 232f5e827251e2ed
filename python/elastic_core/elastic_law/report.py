"""Report on an elasticity study: tables, conclusions in words, figures, and values for CSV."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from elastic_core.common.files import slugs
from elastic_core.common.units import counted, format_size
from elastic_core.elastic_law.figures import draw_curves, draw_ratios, draw_springs, setting
from elastic_core.elastic_law.law import TOLERANCE, verdict
from elastic_core.elastic_law.result import (
    ROLES,
    DepthLaw,
    DepthRates,
    ElasticityResult,
    Overlap,
    PerturbationResult,
    Verdict,
)
from elastic_core.report.cells import ABSENT, fixed
from elastic_core.report.csv import data_of
from elastic_core.report.document import Block, Data, Document, Figure, Heading, Table, Text, Value
from elastic_core.report.presented import named

_LAW = (
    "depth",
    "coverage",
    "slope_pretrain_bits",
    "slope_align_bits",
    "ratio",
    "predicted",
    "residual_bits",
    "flip_pretrain",
    "flip_align",
    "verdict",
)
_INTERVALS = ("coverage", "slope_pretrain_bits", "slope_align_bits", "ratio")
_RATES = ("gamma_bits", "huffman_bits", "normalized_rate", "kl_bits", "spring_bits")
COLUMNS = (
    "name",
    "k",
    "l",
    *_LAW,
    *(f"{name}_{end}" for name in _INTERVALS for end in ("low", "high")),
    *(f"{name}_{role}" for name in _RATES for role in ROLES),
)
"""The columns of the CSV: the keys of the JSON. Rates are those with all of the perturbation."""

_DEPTH, _COVERAGE, _RATIO = ("depth", ""), ("coverage", "%"), ("ratio", "")
_SLOPES = (("slope", "pretrain"), ("slope", "align"))
_COMPARISON = (("identity", ""), ("law", "-k"), ("verdict", ""))
_SPRINGS = (("spring", "pretrain"), ("spring", "align"))
_RATE_PAIRS = tuple((name, side) for side in ("pretrain", "align") for name in ("rate", "change"))

_SIGNS = {
    (-1, 1): "the signs are those of the theorem: the pre-training gains (its rate falls) and the "
    "alignment yields (its rate rises)",
    (1, 1): "both rates rise: the perturbation resembles neither",
}
"""What the signs of the slopes of pre-training and alignment mean, unless they are reversed."""


def document(result: ElasticityResult) -> Document:
    """The report on a study."""
    blocks: list[Block] = [Text(setting(result), is_note=True), _dataset_table(result)]
    file_names = slugs([perturbation.name for perturbation in result.perturbations])
    for perturbation, name in zip(result.perturbations, file_names, strict=True):
        blocks += _perturbation_blocks(perturbation, result.config.bootstrap)
        if perturbation.trained:
            # File names have up to 80 characters, of which the last are kept.
            blocks += perturbation.trained.blocks(f"trained-{name[-72:]}")
    blocks += _figures(result)
    return Document(tuple(blocks), _data(result))


def overlap_warning(overlap: Overlap) -> str:
    """A warning that two corpora read the same files."""
    return (
        f"{overlap.first} and {overlap.second} have {counted(overlap.files, 'file', 'files')} in "
        "common, which are counted in both; remove them from one for independent corpora"
    )


def conclusions(result: PerturbationResult) -> list[str]:
    """Whether the law holds, and if not, why: one paragraph for each statement."""
    return [*_verdicts(result), *_signs(result), *_at_full_volume(result)]


def findings(result: ElasticityResult) -> tuple[str, ...]:
    """The conclusions on all perturbations, each with the name of its own if there are several."""
    return named([(each.name, conclusions(each)) for each in result.perturbations])


def _perturbation_blocks(result: PerturbationResult, resamples: int) -> Iterator[Block]:
    yield Heading(
        result.name,
        summary=f"k = |D_p| / |D_a| = {result.k:.4g}, l = |D_t| / |D_a| = {result.l:.4g}",
    )
    yield Text("Slopes are d gamma / dl at l = 0, in bits per segment.", is_note=True)
    yield _law_table(result)
    if any(law.intervals is not None for law in result.law):
        yield Text(f"95% intervals, {resamples} resamples of the documents.", is_note=True)
        yield _interval_table(result)
    if result.l:
        yield Text(
            f"With all of it (l = {result.l:.4g}): rates in bits per segment, their change since "
            "l = 0, and springs, volume x change of KL in units of |D_a|.",
            is_note=True,
        )
        yield _rate_table(result)
    yield from map(Text, conclusions(result))


def _dataset_table(result: ElasticityResult) -> Table:
    return Table(
        name="datasets",
        title="",
        headings=(
            ("dataset", ""),
            ("documents", ""),
            ("text", ""),
            ("segments", "volume"),
            ("leaves", "depth d"),
            ("entropy", "bits/segment"),
        ),
        rows=tuple(
            (
                f"{dataset.role}: {dataset.name}",
                dataset.documents,
                format_size(dataset.bytes),
                dataset.segments,
                dataset.leaves[-1],
                dataset.entropy_bits[-1],
            )
            for dataset in result.datasets
        ),
        text_columns=("dataset",),
    )


def _law_table(result: PerturbationResult) -> Table:
    return Table(
        name="law",
        title="",
        headings=(_DEPTH, _COVERAGE, *_SLOPES, _RATIO, *_COMPARISON),
        rows=tuple(
            (
                law.depth,
                f"{100 * law.coverage:.2f}",
                f"{law.slope_pretrain_bits:+.2e}",
                f"{law.slope_align_bits:+.2e}",
                _signed(law.ratio),
                _signed(law.predicted),
                _signed(-result.k),
                str(law.verdict),
            )
            for law in result.law
        ),
        text_columns=("verdict",),
    )


def _interval_table(result: PerturbationResult) -> Table:
    def cell(law: DepthLaw, name: str, text: Callable[[float], str]) -> str:
        interval = (law.intervals or {}).get(name)
        return ABSENT if interval is None else f"[{text(interval.low)}, {text(interval.high)}]"

    return Table(
        name="intervals",
        title="",
        headings=(_DEPTH, _COVERAGE, *_SLOPES, _RATIO),
        rows=tuple(
            (
                law.depth,
                cell(law, "coverage", lambda value: f"{100 * value:.1f}"),
                cell(law, "slope_pretrain_bits", lambda value: f"{value:+.1e}"),
                cell(law, "slope_align_bits", lambda value: f"{value:+.1e}"),
                cell(law, "ratio", _signed),
            )
            for law in result.law
        ),
        text_columns=(),
    )


def _rate_table(result: PerturbationResult) -> Table:
    return Table(
        name="rates",
        title="",
        headings=(_DEPTH, *_RATE_PAIRS, ("ratio", "of slopes"), *_SPRINGS),
        rows=tuple(
            (
                after.depth,
                *(
                    cell
                    for dataset in (0, 1)
                    for cell in (
                        fixed(after.gamma_bits[dataset], 3),
                        _change(before.gamma_bits[dataset], after.gamma_bits[dataset]),
                    )
                ),
                _signed(after.ratio),
                *(_change(0.0, after.spring_bits[dataset]) for dataset in (0, 1)),
            )
            for before, after in zip(result.before, result.after, strict=True)
        ),
        text_columns=(),
    )


def _figures(result: ElasticityResult) -> tuple[Figure, ...]:
    return (
        Figure(
            "curves",
            "Left: change of the rates since l = 0, under the ideal code and the Huffman code. "
            "Right: their slopes.",
            draw=partial(draw_curves, result),
        ),
        Figure(
            "ratios",
            "Left: ratio of the slopes at l = 0 against k, for each depth. Right: the ratio as a "
            "share of -k, and the coverage, against depth.",
            draw=partial(draw_ratios, result),
        ),
        Figure(
            "springs",
            "Volume times change of KL since l = 0, at the smallest and the largest depth.",
            draw=partial(draw_springs, result),
        ),
    )


def _data(result: ElasticityResult) -> Data:
    """A row for each perturbation and depth; the sweeps are only in the JSON."""
    rows: list[dict[str, Value]] = []
    for perturbation in result.perturbations:
        for law, rates in zip(perturbation.law, perturbation.after, strict=True):
            row: dict[str, Value] = {
                "name": perturbation.name,
                "k": perturbation.k,
                "l": perturbation.l,
            }
            row |= {name: getattr(law, name) for name in _LAW}
            for name, interval in (law.intervals or {}).items():
                row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
            for name in _RATES:
                values = zip(ROLES, getattr(rates, name), strict=True)
                row |= {f"{name}_{role}": value for role, value in values}
            rows.append(row)
    return data_of(COLUMNS, rows)


def _signed(value: float | None) -> str:
    """A number with its sign and four digits; `ABSENT` for None."""
    return ABSENT if value is None else f"{value:+.4g}" if abs(value) < 1e5 else f"{value:+.2e}"


def _change(before: float | None, after: float | None) -> str:
    return ABSENT if before is None or after is None else f"{after - before:+.4f}"


def _verdicts(result: PerturbationResult) -> list[str]:
    """At which depths the law holds, bends or breaks."""
    sentences = []
    if laws := _with_verdict(result.law, Verdict.HOLDS):
        sentences.append(
            f"{_at(laws)}, the law holds: the ratio of the slopes is within {TOLERANCE:.0%} of -k."
        )
    if laws := _with_verdict(result.law, Verdict.BENDS):
        sentences.append(
            f"{_at(laws)}, the law bends: the two rates move in opposite directions, but at a "
            f"ratio of {_range(law.ratio for law in laws)}. {_novelty(laws)}"
        )
    if laws := _with_verdict(result.law, Verdict.REVERSED):
        sentences.append(
            f"{_at(laws)}, the signs are opposite to the theorem's, at a ratio of "
            f"{_range(law.ratio for law in laws)}: the perturbation resembles the alignment, which "
            "gains, more than the pre-training, which yields."
        )
    if laws := _with_verdict(result.law, Verdict.BREAKS):
        sentences.append(
            f"{_at(laws)}, the law breaks: the two rates move in the same direction. "
            f"{_novelty(laws)} For the signs of the theorem it must be less than 1 / (k + 1), here "
            f"{100 / (result.k + 1):.3g}%."
        )
    if laws := _with_verdict(result.law, Verdict.UNCOVERED):
        sentences.append(
            f"{_at(laws)}, nothing of the perturbation occurs in pre-training or alignment, so "
            "there can be no elasticity: both rates rise alike."
        )
    return sentences


def _novelty(laws: Sequence[DepthLaw]) -> str:
    """The share of a perturbation that is new, and its effect."""
    return (
        f"Of the perturbation {_range(100 * (1 - law.coverage) for law in laws)}% is new to both; "
        "this share, 1 - c, takes code space from both alike and adds (1 - c) / ln 2 to the "
        "alignment's slope."
    )


def _signs(result: PerturbationResult) -> list[str]:
    """Which rates rise and fall, where the perturbation is covered."""
    covered = [law for law in result.law if law.verdict is not Verdict.UNCOVERED]
    sentences = []
    for (pretrain, align), meaning in _SIGNS.items():
        laws = [
            law
            for law in covered
            if law.slope_pretrain_bits * pretrain > 0 and law.slope_align_bits * align > 0
        ]
        if laws:
            sentences.append(f"{_at(laws)}, {meaning}.")
    return sentences


def _at_full_volume(result: PerturbationResult) -> list[str]:
    """Whether the law still holds with all of a perturbation, where it holds at l = 0."""
    if result.l == 0:
        return []
    kept = [
        after
        for law, after in zip(result.law, result.after, strict=True)
        if law.verdict is Verdict.HOLDS
    ]
    lost = [
        rates
        for rates in kept
        if verdict(rates.slope_bits[0] or 0.0, rates.ratio, result.k, 1.0) is not Verdict.HOLDS
    ]
    if not kept:
        return []
    if not lost:
        return [f"The whole perturbation, l = {result.l:.4g}, is still small enough for the law."]
    sentence = (
        f"{_at(lost)}, l = {result.l:.4g} is too large for the law, which is for small l: with the "
        f"whole perturbation the ratio is {_range(rates.ratio for rates in lost)}."
    )
    return [sentence]


def _with_verdict(laws: Iterable[DepthLaw], wanted: Verdict) -> list[DepthLaw]:
    return [law for law in laws if law.verdict is wanted]


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


def _range(values: Iterable[float | None]) -> str:
    """The smallest and the largest of some values."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "not known"
    smallest, largest = f"{known[0]:.3g}", f"{known[-1]:.3g}"
    return smallest if smallest == largest else f"{smallest} to {largest}"
