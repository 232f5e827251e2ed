"""How algorithms compare with SFT: the findings and the table of the study of algorithms."""

from collections.abc import Sequence

from elastic_core.experiments.analysis import judged
from elastic_core.experiments.curvesets import Curve
from elastic_core.experiments.grid import Grid
from elastic_core.report.document import Finding, Table, shown
from elastic_core.statistics.intervals import PairedComparison, compare_paired, interval


def _compared(
    grid: Grid, curves: Sequence[Curve], metric: str
) -> list[tuple[PairedComparison, PairedComparison]]:
    """What alignment gained and reverse data took, each compared with the first curve's."""
    gains = [curve.gains(grid, metric)[:, 0] for curve in curves]
    falls = [[each.total for each in curve.falls(grid, metric)] for curve in curves]
    return [
        (compare_paired(gain, gains[0]), compare_paired(fall, falls[0]))
        for gain, fall in zip(gains, falls, strict=True)
    ]


def comparison_table(grid: Grid, curves: Sequence[Curve], metric: str) -> Table:
    """What each algorithm gained and lost, beside SFT; the first curve is its."""
    rows = []
    for curve, (gain, fall) in zip(curves, _compared(grid, curves, metric), strict=True):
        more = (gain.difference, gain.p, fall.difference, fall.p)
        rows.append(
            (
                curve.name,
                interval(curve.gains(grid, metric)[:, 0]),
                interval([each.total for each in curve.falls(grid, metric)]),
                *((None,) * 4 if curve is curves[0] else more),
            )
        )
    headings = (
        ("algorithm", ""),
        ("gain", metric),
        ("fall", metric),
        ("gain more than sft", metric),
        ("p of gain", "sign flip"),
        ("fall more than sft", metric),
        ("p of fall", "sign flip"),
    )
    note = (
        "Gain: how far the alignment moved the model from the base. Fall: what the most reverse "
        "rows took of it. Both are compared with sft seed by seed."
    )
    return Table("algorithms-comparison", "Compared with SFT", headings, tuple(rows), note)


def findings(side: str, grid: Grid, curves: Sequence[Curve], metric: str) -> list[Finding]:
    """What is claimed of each algorithm: it aligns, and reverse data undo it.

    Args:
        side: Which training was by the algorithm; where only the reverse one, all align alike.
        grid: The rows.
        curves: A curve for each algorithm, that of SFT first.
        metric: What is to fall.
    """
    found = []
    compared = _compared(grid, curves, metric)
    for curve, (gain, fall) in zip(curves, compared, strict=True):
        is_other = curve is not curves[0]
        if not is_other or side != "reverse":
            moved = interval(curve.gains(grid, metric)[:, 0])
            words = f"The {metric} moved by {shown(moved)} from the base{_more(gain, is_other)}."
            found.append(judged(f"{curve.name}: alignment moves the model.", 1, moved, words))
        whole = interval([each.total for each in curve.falls(grid, metric)])
        words = (
            f"{curve.volumes[-1]:,} reverse rows take {shown(whole)} of the {metric} "
            f"away{_more(fall, is_other)}."
        )
        found.append(judged(f"{curve.name}: reverse data undo it.", 1, whole, words))
    return found


def _more(comparison: PairedComparison, is_other: bool) -> str:
    """A comparison with SFT in words, but for SFT itself."""
    if not is_other or not comparison.difference.count:
        return ""
    return f", {shown(comparison.difference)} more than with sft{comparison.p_in_words}"
