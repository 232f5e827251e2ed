"""What trainings on each other's answers come to: the tables and figure of resistance."""

from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.studies.targets import (
    FRESH,
    LEARNED,
    Array,
    Gap,
    Losses,
    Pair,
    Training,
    mean,
)
from elastic_core.report.document import Cell, Figure, Panel, Series, Table
from elastic_core.statistics.intervals import compare_paired, interval

_NATS = "nats/token"
_DIGITS = 4


def tables(pairs: Sequence[Pair]) -> tuple[Table, ...]:
    """Table 1 and 2, what is behind the first, and the controls."""
    return (_loss_table(pairs), _gap_table(pairs), _kl_table(pairs), _control_table(pairs))


def _loss_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        test = compare_paired(pair.forward.printed, pair.inverse.printed)
        printed = (interval(each.printed) for each in (pair.inverse, pair.forward))
        rows.append((pair.name, *printed, test.difference, test.p))
    headings = (
        ("models", ""),
        ("inverse", _NATS),
        ("forward", _NATS),
        ("forward - inverse", _NATS),
        ("p", ""),
    )
    note = (
        "The last loss in training, as the paper prints it: for (k, l) forward trains model k on "
        "the answers of model l, inverse the reverse. p is that of a paired sign-flip test."
    )
    return Table("final-loss", "Final training loss (Table 1)", headings, tuple(rows), note, 4)


def _gap_table(pairs: Sequence[Pair]) -> Table:
    gaps: tuple[Gap, ...] = (
        lambda pair: pair.printed_gap,
        lambda pair: pair.naive_gap,
        lambda pair: pair.difficulty,
        lambda pair: pair.learned_gap,
        lambda pair: pair.adjusted_gap,
    )
    named = [(pair.name, [gap(pair) for gap in gaps]) for pair in pairs]
    named.append(("mean", [mean(pairs, gap) for gap in gaps]))
    rows = [
        (name, *map(interval, found), compare_paired(found[-1], 0.0).p) for name, found in named
    ]
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
        "Forward less inverse; above 0 inverse training does better. The loss on learned answers "
        "is taken on all of them after training; it is the sum of what the targets differ by "
        "under their own authors (difficulty) and of what the trained models are worse than these "
        "(excess). The last gap is on answers that were not learned, and is the one judged; p is "
        "its own."
    )
    title = "Gap between forward and inverse, naive and adjusted"
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
        "KL to base: the change of KL(model || base) by the training; below 0 the model came "
        "nearer to the base. Moved: KL(model before || after), from what the model's own answers, "
        "not trained on, cost it more after."
    )
    return Table("kl", "Change of the model (Table 2)", headings, tuple(rows), note, _DIGITS)


def _control_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for training, direction in _trainings(pairs):
        for answers, losses in ((LEARNED, training.learned), (FRESH, training.fresh)):
            found = (losses.base, losses.author, losses.start, losses.final, losses.excess)
            closed = interval(losses.closed) if answers == FRESH else None
            rows.append((training.name, direction, answers, *map(interval, found), closed))
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
        "The loss on each target under the base model, its own author, the model at the start and "
        "after training. Excess: final - author. Way closed: (start - final) / (start - author). "
        "Learned answers were trained on, fresh ones are as many others of the same author."
    )
    return Table("controls", "Every target's loss", headings, tuple(rows), note, _DIGITS)


def _trainings(pairs: Sequence[Pair]) -> list[tuple[Training, str]]:
    return [
        found for pair in pairs for found in ((pair.inverse, "inverse"), (pair.forward, "forward"))
    ]


def figure(pairs: Sequence[Pair]) -> Figure:
    """The gaps, naive beside adjusted, and how near every training comes."""
    trainings = [training for training, _ in _trainings(pairs)]
    gaps: tuple[tuple[str, Gap], ...] = (
        ("final training loss", lambda pair: pair.printed_gap),
        ("loss on learned answers", lambda pair: pair.naive_gap),
        ("adjusted for difficulty", lambda pair: pair.adjusted_gap),
    )
    stages: tuple[tuple[str, Callable[[Losses], Array]], ...] = (
        ("base", lambda losses: losses.base - losses.author),
        ("start", lambda losses: losses.start - losses.author),
        ("final", lambda losses: losses.excess),
    )
    places = tuple(map(float, range(len(pairs))))
    more = tuple(map(float, range(len(trainings))))
    return Figure(
        "resistance",
        "Left: the loss of forward training above that of inverse training, as printed and with "
        "what the targets cost their own authors taken off. Right: how far the loss on "
        "fresh answers of each target is above the author's. Bars are means, lines 95% intervals "
        "over seeds.",
        (
            Panel(
                "Gap",
                "models (k, l)",
                "forward - inverse, nats per token",
                tuple(
                    Series(name, places, tuple(interval(gap(pair)) for pair in pairs))
                    for name, gap in gaps
                ),
                is_bars=True,
                ticks=tuple(pair.name for pair in pairs),
            ),
            Panel(
                "Distance from the target's author",
                "model → target",
                "loss above the author's, nats per token",
                tuple(
                    Series(name, more, tuple(interval(take(each.fresh)) for each in trainings))
                    for name, take in stages
                ),
                is_bars=True,
                ticks=tuple(training.name for training in trainings),
            ),
        ),
    )
