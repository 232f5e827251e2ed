"""The findings, tables and figure of resistance, as the paper compares and with a control."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.analysis import Array, judged, with_ci
from elastic_core.experiments.studies.resistance.gaps import (
    FRESH,
    LEARNED,
    Gap,
    Losses,
    Pair,
    Training,
    mean_over_pairs,
)
from elastic_core.report.document import Cell, Figure, Finding, Panel, Series, Table
from elastic_core.statistics.intervals import compare_paired, interval

_NATS = "nats/token"
_DIGITS = 4
_POSITIVE = (0.0, math.inf)
"""The range of a loss."""


def findings(pairs: Sequence[Pair]) -> tuple[Finding, ...]:
    """The claims: returning is easier, by the paper's comparison and adjusted for difficulty."""
    return (
        _judged(
            pairs,
            "Inverse training ends at a lower loss than forward training.",
            lambda pair: pair.paper_gap,
            "The final training loss, forward minus inverse, as the paper compares it, is",
        ),
        _judged(
            pairs,
            "Inverse training comes closer to its target than forward training.",
            lambda pair: pair.adjusted_gap,
            "With the loss of each target's own author subtracted, the loss on answers that were "
            "not learned, forward minus inverse, is",
        ),
        _agreement(pairs),
        _judged(
            pairs,
            "Inverse training covers a larger share of the distance to its target.",
            lambda pair: pair.inverse.fresh.closed - pair.forward.fresh.closed,
            "The share of the distance from start to author that training closed, inverse minus "
            "forward, is",
        ),
        _judged(
            pairs,
            "Forward training changes the KL divergence to the base by more.",
            lambda pair: np.abs(pair.forward.kl_change) - np.abs(pair.inverse.kl_change),
            "The absolute change of KL(model || base), forward minus inverse, is",
        ),
        _judged(
            pairs,
            "Forward training moves the model farther.",
            lambda pair: pair.forward.moved - pair.inverse.moved,
            "KL(model before || after), forward minus inverse, is",
        ),
    )


def _judged(pairs: Sequence[Pair], claim: str, gap: Gap, words: str) -> Finding:
    """A finding on a gap that the claim says is positive."""
    test = compare_paired(mean_over_pairs(pairs, gap), 0.0)
    wins = sum(_verdict(gap(pair)) == "holds" for pair in pairs)
    p = "" if test.p is None else f" (sign-flip test p = {test.p:.3f})"
    return judged(
        claim,
        1,
        test.difference,
        f"{words} {with_ci(test.difference, _DIGITS)} on average over pairs{p}; the whole "
        f"interval is above 0 in {wins} of {len(pairs)} pairs.",
    )


def _verdict(gap: Array) -> str:
    return judged("", 1, interval(gap), "").verdict


def _agreement(pairs: Sequence[Pair]) -> Finding:
    """Whether the paper's comparison agrees with the adjusted one."""
    gaps = [(pair.name, pair.paper_gap, pair.adjusted_gap) for pair in pairs]
    paper_mean = mean_over_pairs(pairs, lambda pair: pair.paper_gap)
    adjusted_mean = mean_over_pairs(pairs, lambda pair: pair.adjusted_gap)
    gaps.append(("the mean over pairs", paper_mean, adjusted_mean))
    verdicts = [(name, _verdict(paper), _verdict(adjusted)) for name, paper, adjusted in gaps]
    conflicts = [
        f"for {name} the first gives “{paper}”, the second “{adjusted}”"
        for name, paper, adjusted in verdicts
        if paper != adjusted
    ]
    if conflicts:
        verdict, words = "does not hold", f"They disagree: {'; '.join(conflicts)}."
    elif {paper for _, paper, _ in verdicts} == {"open"}:
        verdict, words = "open", "Both are open for every pair and on average."
    else:
        verdict, words = "holds", "They agree for every pair and on average."
    difficulty = interval(mean_over_pairs(pairs, lambda pair: pair.difficulty))
    return Finding(
        "The paper's comparison agrees with the one adjusted for the difficulty of the targets.",
        verdict,
        f"{words} The targets' own authors already differ by {with_ci(difficulty, _DIGITS)} on "
        "average over pairs; the targets of forward training are harder if this is above 0.",
    )


def tables(pairs: Sequence[Pair]) -> tuple[Table, ...]:
    """Tables 1 and 2 of the paper, with the parts of the first and the controls."""
    return (_loss_table(pairs), _gap_table(pairs), _kl_table(pairs), _control_table(pairs))


def _loss_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        test = compare_paired(pair.forward.train_loss, pair.inverse.train_loss)
        losses = (
            interval(training.train_loss, _POSITIVE) for training in (pair.inverse, pair.forward)
        )
        rows.append((pair.name, *losses, test.difference, test.p))
    headings = (
        ("models", ""),
        ("inverse", _NATS),
        ("forward", _NATS),
        ("forward - inverse", _NATS),
        ("p", ""),
    )
    note = (
        "The last training loss, which the paper prints. For (k, l), forward trains model k on the "
        "answers of model l, and inverse trains model l on those of model k. p: paired sign-flip "
        "test."
    )
    title = "Final training loss (Table 1)"
    return Table("final-loss", title, headings, tuple(rows), note, _DIGITS)


def _gap_table(pairs: Sequence[Pair]) -> Table:
    gaps: tuple[Gap, ...] = (
        lambda pair: pair.paper_gap,
        lambda pair: pair.naive_gap,
        lambda pair: pair.difficulty,
        lambda pair: pair.learned_gap,
        lambda pair: pair.adjusted_gap,
    )
    values = [(pair.name, [gap(pair) for gap in gaps]) for pair in pairs]
    values.append(("mean", [mean_over_pairs(pairs, gap) for gap in gaps]))
    rows = [(name, *map(interval, row), compare_paired(row[-1], 0.0).p) for name, row in values]
    headings = (
        ("models", ""),
        ("final training loss", _NATS),
        ("loss on learned answers", _NATS),
        ("of it difficulty", _NATS),
        ("of it excess", _NATS),
        ("excess on fresh answers", _NATS),
        ("p", ""),
    )
    note = (
        "Forward minus inverse; a gap above 0 favours inverse training. The gap of the loss on "
        "learned answers, measured after training, is the sum of the gap between the targets' own "
        "authors (difficulty) and the gap of what the trained models lose relative to them "
        "(excess). The verdict is based on the last gap, on answers that were not learned; p is "
        "the p-value of that gap."
    )
    title = "Gap between forward and inverse training, naive and adjusted"
    return Table("gaps", title, headings, tuple(rows), note, _DIGITS)


def _kl_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        forward, inverse = pair.forward, pair.inverse
        rows.append(
            (
                pair.name,
                interval(inverse.kl_change),
                interval(forward.kl_change),
                interval(np.abs(forward.kl_change) - np.abs(inverse.kl_change)),
                interval(inverse.moved),
                interval(forward.moved),
                interval(forward.moved - inverse.moved),
            )
        )
    headings = (
        ("models", ""),
        ("KL to base, inverse", _NATS),
        ("KL to base, forward", _NATS),
        ("sizes, forward - inverse", _NATS),
        ("moved, inverse", _NATS),
        ("moved, forward", _NATS),
        ("forward - inverse", _NATS),
    )
    note = (
        "KL to base: the change of KL(model || base) through training; below 0 if the model came "
        "closer to the base. Moved: KL(model before || after), measured as the increase of the "
        "loss on the model's own answers, which it was not trained on."
    )
    title = "Change of the model (Table 2)"
    return Table("kl", title, headings, tuple(rows), note, _DIGITS)


def _control_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for training, direction in _trainings(pairs):
        for answers, losses in ((LEARNED, training.learned), (FRESH, training.fresh)):
            values = (losses.base, losses.author, losses.start, losses.final)
            closed = interval(losses.closed) if answers == FRESH else None
            of_losses = (interval(value, _POSITIVE) for value in values)
            row = (training.name, direction, answers, *of_losses, interval(losses.excess), closed)
            rows.append(row)
    headings = (
        ("model → target", ""),
        ("direction", ""),
        ("answers", ""),
        ("base", _NATS),
        ("author", _NATS),
        ("start", _NATS),
        ("final", _NATS),
        ("excess", _NATS),
        ("way closed", ""),
    )
    note = (
        "The loss on each target under the base model, under the target's author, and under the "
        "trained model at the start and after training. Excess: final - author. Way closed: "
        "(start - final) / (start - author). Learned answers were trained on; fresh ones are as "
        "many others of the same author."
    )
    return Table("controls", "Losses on every target", headings, tuple(rows), note, _DIGITS)


def _trainings(pairs: Sequence[Pair]) -> list[tuple[Training, str]]:
    return [
        training
        for pair in pairs
        for training in ((pair.inverse, "inverse"), (pair.forward, "forward"))
    ]


def figure(pairs: Sequence[Pair]) -> Figure:
    """The naive and adjusted gaps, and how close each training comes to its target."""
    trainings = [training for training, _ in _trainings(pairs)]
    gaps: tuple[tuple[str, Gap], ...] = (
        ("final training loss", lambda pair: pair.paper_gap),
        ("loss on learned answers", lambda pair: pair.naive_gap),
        ("adjusted for difficulty", lambda pair: pair.adjusted_gap),
    )
    distances: tuple[tuple[str, Callable[[Losses], Array]], ...] = (
        ("base", lambda losses: losses.base - losses.author),
        ("start", lambda losses: losses.start - losses.author),
        ("final", lambda losses: losses.excess),
    )
    gap_series = [(name, [gap(pair) for pair in pairs]) for name, gap in gaps]
    distance_series = [
        (name, [distance(training.fresh) for training in trainings]) for name, distance in distances
    ]
    return Figure(
        "resistance",
        "Left: the loss of forward training minus that of inverse training, as the paper compares "
        "it and adjusted for the difficulty of the targets. Right: the loss on fresh answers of "
        "each target minus that of the target's author. Bars are means, lines 95% intervals over "
        "seeds.",
        (
            _bars(
                "Gap",
                "models (k, l)",
                "forward - inverse, nats per token",
                gap_series,
                [pair.name for pair in pairs],
            ),
            _bars(
                "Distance from the target's author",
                "model → target",
                "loss above the author's, nats per token",
                distance_series,
                [training.name for training in trainings],
            ),
        ),
    )


def _bars(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[tuple[str, Sequence[Array]]],
    ticks: Sequence[str],
) -> Panel:
    positions = tuple(map(float, range(len(ticks))))
    lines = tuple(Series(name, positions, tuple(map(interval, values))) for name, values in series)
    return Panel(title, x_label, y_label, lines, is_bars=True, ticks=tuple(ticks))
