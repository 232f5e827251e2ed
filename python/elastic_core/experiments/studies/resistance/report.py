"""The claims, tables and figure of resistance, as the paper compares and by distances."""

import math
from collections.abc import Sequence

import numpy as np

from elastic_core.experiments.analysis import Array, change, with_ci
from elastic_core.experiments.claims import Evidence
from elastic_core.experiments.studies.resistance.gaps import (
    Gap,
    Pair,
    mean_over_pairs,
    trainings,
)
from elastic_core.report.document import Cell, Figure, Panel, Series, Table
from elastic_core.statistics.effects import over_seeds

_NATS = "nats/token"
_UNIT = " nats per token"
_DIGITS = 4
_POSITIVE = (0.0, math.inf)
"""The range of a loss and of a divergence."""


DISTANCE = (
    "distance",
    (
        "KL(author || model), how far the distribution of a model is from that of the model that "
        "wrote the answers, in nats per token: 0 for the author, without an upper bound."
    ),
)
"""What the study measures, as a term and its meaning."""


def evidence(pairs: Sequence[Pair]) -> dict[str, Evidence]:
    """What was measured about each claim; none has a verdict unless all trainings approached."""
    unmet = _unmet(pairs)

    def of(claim: str, measured: str, gap: Gap, inverse: Gap, forward: Gap, words: str) -> Evidence:
        values = mean_over_pairs(pairs, gap)
        ends = (over_seeds(mean_over_pairs(pairs, end)).mean for end in (inverse, forward))
        first, second = (f"{end:z.{_DIGITS}f}" for end in ends)
        sentence = words.format(first, "nats per token", second)
        difference = over_seeds(values)
        sentence += f": a difference of {with_ci(difference, _DIGITS)}."
        measured = f"{measured}, mean over pairs"
        return Evidence(claim, measured, values, _NATS, unmet, sentence if difference.count else "")

    return {
        "comes_closer": of(
            "Training back to an earlier model brings a model closer to its target than training "
            "on to a later one, beyond what neutral training does.",
            "How much nearer to the target's author training brought the model than neutral "
            "training did, inverse less forward",
            lambda pair: pair.approach_gap,
            lambda pair: pair.inverse.beyond_neutral,
            lambda pair: pair.forward.beyond_neutral,
            "Beyond neutral training, inverse training brought a model {} {} nearer to its "
            "target, and forward training {}",
        ),
        "ends_nearer": of(
            "Inverse training ends nearer to its target than forward training.",
            "KL(author || model) after training, forward less inverse",
            lambda pair: pair.distance_gap,
            lambda pair: pair.inverse.final,
            lambda pair: pair.forward.final,
            "Inverse training ended {} {} from its target, and forward training {}",
        ),
        "lower_loss": of(
            "Inverse training ends at a lower training loss than forward training, whose targets "
            "are others (Table 1).",
            "Final training loss, forward less inverse",
            lambda pair: pair.loss_gap,
            lambda pair: pair.inverse.train_loss,
            lambda pair: pair.forward.train_loss,
            "Inverse training ended at a loss of {} {}, and forward training at {}",
        ),
        "larger_kl_change": of(
            "Forward training changes the divergence from the base by more (Table 2).",
            "Absolute change of KL(model || base), forward less inverse",
            lambda pair: pair.kl_gap,
            lambda pair: np.abs(pair.inverse.kl_change),
            lambda pair: np.abs(pair.forward.kl_change),
            "Inverse training changed KL(model || base) by {} {}, and forward training by {}",
        ),
    }


def _unmet(pairs: Sequence[Pair]) -> str:
    """Which trainings did not approach their target, as a sentence; empty if all did."""
    failed = [
        f"{training.name} ({_signed(training.approach)})"
        for training, _ in trainings(pairs)
        if over_seeds(training.approach).count and not training.has_approached
    ]
    if not failed:
        return ""
    return (
        "Not every training brought its model measurably nearer to the author of the target on "
        f"fresh answers, so the remaining distances show no resistance: {', '.join(failed)} "
        f"{_NATS}; change recipe.learning_rate, or raise answers."
    )


def _signed(approach: Array) -> str:
    """The change of a distance, such as `+0.0013`."""
    return f"{-over_seeds(approach).mean:+.{_DIGITS}f}"


def changes(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """What both trainings, and neutral training in their place, did to the distance, as sentences.

    Distances are means over pairs.
    """

    def changed(cause: str, start: Gap, end: Gap) -> str:
        before, after = (mean_over_pairs(pairs, gap) for gap in (start, end))
        return change(cause, "the distance from the target's author", before, after, _UNIT)

    sentences = (
        changed("Inverse training", lambda p: p.inverse.start, lambda p: p.inverse.final),
        changed(
            "Neutral training in its place", lambda p: p.inverse.start, lambda p: p.inverse.neutral
        ),
        changed("Forward training", lambda p: p.forward.start, lambda p: p.forward.final),
        changed(
            "Neutral training in its place", lambda p: p.forward.start, lambda p: p.forward.neutral
        ),
    )
    return tuple(filter(None, sentences))


def tables(pairs: Sequence[Pair], base_distances: Sequence[tuple[str, Array]]) -> tuple[Table, ...]:
    """Tables 1 and 2 of the paper, the distances from the targets, and the controls."""
    return (
        _loss_table(pairs),
        _kl_table(pairs),
        _distance_table(pairs, base_distances),
        _gap_table(pairs),
        _control_table(pairs),
    )


def _loss_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        losses = (over_seeds(each.train_loss, _POSITIVE) for each in (pair.inverse, pair.forward))
        rows.append((pair.name, *losses, over_seeds(pair.loss_gap)))
    headings = (("models", ""), ("inverse", _NATS), ("forward", _NATS), ("gap", _NATS))
    note = (
        "The last training loss, which the paper prints. For (k, l), forward trains model k on the "
        "answers of model l, and inverse trains model l on those of model k. gap: forward - "
        "inverse, with Student's interval; it includes the difference in difficulty of the two "
        "targets."
    )
    title = "Final training loss (Table 1)"
    return Table("final-loss", title, headings, tuple(rows), note, _DIGITS)


def _kl_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        forward, inverse = pair.forward, pair.inverse
        rows.append(
            (
                pair.name,
                *map(over_seeds, (inverse.kl_change, forward.kl_change, pair.kl_gap)),
                *(over_seeds(each.moved, _POSITIVE) for each in (inverse, forward)),
                over_seeds(forward.moved - inverse.moved),
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
        "closer to the base. Moved: KL(model before || after), on fresh answers of the former. "
        "Differences have Student's intervals."
    )
    title = "Change of the model (Table 2)"
    return Table("kl", title, headings, tuple(rows), note, _DIGITS)


def _distance_table(pairs: Sequence[Pair], base_distances: Sequence[tuple[str, Array]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (name, None, over_seeds(distance, _POSITIVE), *(None,) * 4)
        for name, distance in base_distances
    ]
    for training, direction in trainings(pairs):
        distances = (training.start, training.neutral, training.final)
        rows.append(
            (
                training.name,
                direction,
                *(over_seeds(distance, _POSITIVE) for distance in distances),
                over_seeds(training.approach),
                over_seeds(training.beyond_neutral),
            )
        )
    headings = (
        ("model → target", ""),
        ("direction", ""),
        ("start", _NATS),
        ("neutral", _NATS),
        ("final", _NATS),
        ("approach", _NATS),
        ("beyond neutral", _NATS),
    )
    note = (
        "KL(author || model) along the author's answers to prompts that nothing was trained on, "
        "exact over the vocabulary at each position: at the start, after training on neutral "
        "texts, and after training on the target. approach: start - final. beyond neutral: neutral "
        "- final. Both have Student's intervals; below 0, the training led away from its target. "
        "The base is not trained."
    )
    title = "Distance from the author of the target"
    return Table("distance", title, headings, tuple(rows), note, _DIGITS)


def _gap_table(pairs: Sequence[Pair]) -> Table:
    gaps: tuple[Gap, ...] = (
        lambda pair: pair.loss_gap,
        lambda pair: pair.difficulty,
        lambda pair: pair.distance_gap,
        lambda pair: pair.approach_gap,
    )
    values = [(pair.name, [gap(pair) for gap in gaps]) for pair in pairs]
    values.append(("mean", [mean_over_pairs(pairs, gap) for gap in gaps]))
    rows: list[tuple[Cell, ...]] = [(name, *map(over_seeds, row)) for name, row in values]
    headings = (
        ("models", ""),
        ("final training loss", _NATS),
        ("difficulty", _NATS),
        ("distance", _NATS),
        ("approach beyond neutral", _NATS),
    )
    note = (
        "Gaps between the two trainings, above 0 if they favour inverse training, with Student's "
        "intervals. difficulty: the loss of each target's own author on the learned answers, "
        "forward - inverse, by which the first gap differs without any resistance. distance: after "
        "training, forward - inverse. approach beyond neutral: inverse - forward; the primary "
        "claim rests on its mean."
    )
    title = "Gap between forward and inverse training, by loss and by distance"
    return Table("gaps", title, headings, tuple(rows), note, _DIGITS)


def _control_table(pairs: Sequence[Pair]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for training, direction in trainings(pairs):
        losses = training.losses
        values = (losses.base, losses.author, losses.start, losses.final)
        rows.append((training.name, direction, *(over_seeds(value, _POSITIVE) for value in values)))
    headings = (
        ("model → target", ""),
        ("direction", ""),
        ("base", _NATS),
        ("author", _NATS),
        ("start", _NATS),
        ("final", _NATS),
    )
    note = (
        "The loss on the answers that were learned, under the base model, under the target's "
        "author, and under the trained model at the start and after training. A final loss below "
        "the author's is memorization."
    )
    return Table("controls", "Losses on every target", headings, tuple(rows), note, _DIGITS)


def figure(pairs: Sequence[Pair]) -> Figure:
    """The gaps by loss and by distance, and the distance of each training from its target."""
    of_trainings = [training for training, _ in trainings(pairs)]
    gaps: tuple[tuple[str, Gap], ...] = (
        ("final training loss", lambda pair: pair.loss_gap),
        ("distance from the author", lambda pair: pair.distance_gap),
        ("approach beyond neutral", lambda pair: pair.approach_gap),
    )
    distances = (
        ("start", [training.start for training in of_trainings]),
        ("after neutral texts", [training.neutral for training in of_trainings]),
        ("after the target", [training.final for training in of_trainings]),
    )
    return Figure(
        "resistance",
        "Left: gaps between forward and inverse training, above 0 if they favour inverse training. "
        "Right: KL(author || model) on fresh answers of each target's author, before training, "
        "after neutral texts and after the target's answers. Bars are means, lines 95% intervals "
        "over seeds.",
        (
            _bars(
                "Gap",
                "models (k, l)",
                "nats per token in favour of inverse",
                [(name, [gap(pair) for pair in pairs]) for name, gap in gaps],
                [pair.name for pair in pairs],
            ),
            _bars(
                "Distance from the target's author",
                "model → target",
                "KL(author || model), nats per token",
                distances,
                [training.name for training in of_trainings],
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
    lines = tuple(
        Series(name, positions, tuple(map(over_seeds, values))) for name, values in series
    )
    return Panel(title, x_label, y_label, lines, is_bars=True, ticks=tuple(ticks))
