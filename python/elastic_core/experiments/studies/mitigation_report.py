"""What ways to align come to: the findings, table and figure of mitigation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elastic_core.experiments.analysis import judged
from elastic_core.experiments.curvesets import Curve
from elastic_core.experiments.half_dose import Withstood
from elastic_core.report.document import Figure, Finding, Panel, Series, Table, shown
from elastic_core.statistics.intervals import compare_paired, interval


@dataclass(frozen=True, slots=True)
class Measured:
    """What a variant comes to.

    Attributes:
        curve: The variant's curve.
        words: The variant in words.
        withstood: How much reverse data it withstands.
        gain: What its alignment gained, shape (seeds,).
        pretrain: The loss on pre-training text after the alignment, shape (seeds,).
    """

    curve: Curve
    words: str
    withstood: Withstood
    gain: NDArray[np.float64]
    pretrain: NDArray[np.float64]


def findings(found: Sequence[Measured], metric: str) -> list[Finding]:
    """What is claimed of each variant, compared with the plain one."""
    plain = found[0]
    moved, lost = interval(plain.gain), interval(plain.withstood.rows)
    made = [
        judged(
            "plain: alignment moves the model.",
            1,
            moved,
            f"The {metric} moved by {shown(moved)} from the base; half of it is lost after "
            f"{shown(lost, 0)} reverse rows.",
        )
    ]
    for each in found[1:]:
        name = each.curve.name
        rows = compare_paired(each.withstood.rows, plain.withstood.rows)
        gain = compare_paired(each.gain, plain.gain)
        made += [
            judged(
                f"{name}: the alignment withstands more reverse data.",
                1,
                rows.difference,
                f"With {each.words}, half of the gain is lost after "
                f"{shown(interval(each.withstood.rows), 0)} reverse rows, "
                f"{shown(rows.difference, 0)} more than plain{rows.p_in_words}.",
            ),
            judged(
                f"{name}: the alignment gains less.",
                -1,
                gain.difference,
                f"The {metric} moved by {shown(interval(each.gain))} from the base, "
                f"{shown(gain.difference)} more than plain{gain.p_in_words}.",
            ),
        ]
        kept = compare_paired(each.pretrain, plain.pretrain)
        if kept.difference.count:
            made.append(
                judged(
                    f"{name}: pre-training text is forgotten less.",
                    -1,
                    kept.difference,
                    f"After the alignment the loss on it is {shown(kept.difference)} nats per "
                    f"token more than plain{kept.p_in_words}.",
                )
            )
    return made


def table(found: Sequence[Measured], metric: str) -> Table:
    """A row for each variant: what it withstands and what it costs, both beside the plain one."""
    plain, rows = found[0], []
    for each in found:
        more = compare_paired(each.withstood.rows, plain.withstood.rows)
        gain = compare_paired(each.gain, plain.gain)
        kept = compare_paired(each.pretrain, plain.pretrain)
        own = (interval(each.withstood.rows), interval(each.gain), interval(each.pretrain))
        against_plain = (more.difference, more.p, gain.difference, kept.difference)
        rows.append((each.curve.name, *own, *((None,) * 4 if each is plain else against_plain)))
    headings = (
        ("alignment", ""),
        ("withstands", "rows"),
        ("gain", metric),
        ("pre-training loss", "nats/token"),
        ("more than plain", "rows"),
        ("p", "sign flip"),
        ("gain more than plain", metric),
        ("loss more than plain", "nats/token"),
    )
    note = (
        "Withstands: reverse rows at which half of the gain is lost, on each seed's curve made to "
        "fall by isotonic regression. Gain: how far the alignment moved the model from the base."
    )
    return Table("mitigation", "What each alignment withstands", headings, tuple(rows), note)


def figure(found: Sequence[Measured], metric: str) -> Figure:
    """What each variant withstands, beside what it gained."""
    names = tuple(each.curve.name for each in found)
    places = tuple(map(float, range(len(found))))
    panels = tuple(
        Panel(
            title,
            "alignment",
            label,
            (Series("mean over seeds", places, values),),
            is_bars=True,
            ticks=names,
        )
        for title, label, values in (
            (
                "withstands",
                "reverse rows until half is lost",
                tuple(interval(each.withstood.rows) for each in found),
            ),
            ("gain", f"{metric} beyond the base", tuple(interval(each.gain) for each in found)),
        )
    )
    caption = (
        "How many reverse rows each alignment withstands, and what it gained; bars are 95% "
        "intervals over seeds."
    )
    return Figure("mitigation-withstood", caption, panels)


def notes(found: Sequence[Measured]) -> tuple[str, ...]:
    """Curves that never lose half, and alignments that gained nothing."""
    made = []
    for each in found:
        censored, known = int(each.withstood.is_censored.sum()), int(np.isfinite(each.gain).sum())
        nothing = int((each.gain <= 0).sum())
        if censored:
            made.append(
                f"{each.curve.name}: with {censored} of {known} seeds half of the gain is not lost "
                f"at {each.curve.volumes[-1]:,} reverse rows; this number stands for more."
            )
        if nothing:
            made.append(
                f"{each.curve.name}: with {nothing} of {known} seeds the alignment gained nothing, "
                "so there is nothing to lose; these are left out."
            )
    return tuple(made)
