"""Evidence of studies with arms: shares lost, trends over alignments, and ratios of half-doses."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from elastic_core.experiments.analysis import Grid, directed, enough_digits, in_percent, with_ci
from elastic_core.experiments.arms.matching import VolumesConfig
from elastic_core.experiments.arms.outcome import Alignment, Array, Doses, Outcome
from elastic_core.experiments.arms.protocol import ArmsConfig
from elastic_core.experiments.claims import Evidence
from elastic_core.statistics.effects import over_seeds

RARE = 0.05
"""The share of curves that may not reach a dose: as the largest dose they hardly move a mean."""

_OF_MARGIN = "alignment", "its margin"
"""What is lost, and what is measured of it."""


class ArmEvidence:
    """Evidence on claims about alignments under arms.

    Args:
        config: The configuration.
        grid: The rows of the run.
    """

    def __init__(self, config: ArmsConfig, grid: Grid) -> None:
        self._config = config
        self.margin = Outcome(grid, "margin", config.doses)

    def lost(self, claim: str, alignment: Alignment, arm: str) -> Evidence:
        """The share of an alignment that the last dose of an arm undoes."""
        cause = f"{self._config.doses[-1]:,} rows of {arm} data"
        return self.of(
            claim,
            f"Share of the alignment {alignment.name} lost after {self._config.doses[-1]:,} rows "
            f"of {arm} data",
            self.margin.lost(alignment, arm)[-1],
            alignments=[alignment],
            arms=[arm],
            sentence=self.sentence_on_loss(cause, self.margin, _OF_MARGIN, alignment, arm),
        )

    def sentence_on_loss(
        self, cause: str, outcome: Outcome, names: tuple[str, str], alignment: Alignment, arm: str
    ) -> str:
        """What the last dose of an arm did to a metric, placebo subtracted, and to what share.

        Args:
            cause: The rows, to begin the sentence.
            outcome: The metric.
            names: What is lost, and what is measured of it.
            alignment: The alignment.
            arm: The arm.
        """
        difference = outcome.difference(alignment, arm)
        start, end = (over_seeds(difference[at]).mean for at in (0, -1))
        share = over_seeds(outcome.lost(alignment, arm)[-1])
        if not share.count:
            return ""
        digits = enough_digits(start - end)
        return (
            f"{cause} took back {in_percent(share)} of the {names[0]}: less what they do to the "
            f"base, {names[1]} went from {start:z.{digits}f} to {end:z.{digits}f} nats per token."
        )

    def sentence_on_arms(self, alignment: Alignment, one: str, other: str) -> str:
        """The shares of an alignment left under two arms, on average over the doses."""
        if not {one, other} <= set(self._config.arms):
            return ""
        areas = [self.margin.area(alignment, arm) for arm in (one, other)]
        means = [over_seeds(area).mean for area in areas]
        difference = over_seeds(areas[0] - areas[1])
        if not difference.count:
            return ""
        return (
            f"On average over the doses, {one} data left {means[0]:.0%} of the alignment and "
            f"{other} data {means[1]:.0%}, a difference of {with_ci(difference)}."
        )

    def half_dose_trend(
        self, claim: str, per: str, x: Sequence[float], alignments: Sequence[Alignment], arm: str,
        unmatched: str = "",
    ) -> Evidence:  # fmt: skip
        """The trend of log2 of the half-dose over log2 of x.

        Args:
            claim: The claim.
            per: What x is.
            x: What the alignments differ by.
            alignments: The alignments.
            arm: The arm.
            unmatched: Why they cannot be compared, as a sentence; empty if they can.
        """
        trend = self.dose_trend(
            per,
            f"the {arm} rows that undo half of the alignment",
            x,
            alignments,
            lambda alignment: self.margin.half_doses(alignment, arm),
        )
        return self.of(
            claim,
            f"Change of log2 half-dose under {arm} data per doubling of {per}",
            trend.slopes,
            alignments=alignments,
            arms=[arm],
            unit="doublings",
            unmet=trend.unmet or unmatched,
            sentence=trend.sentence,
        )

    def first_loss_trend(
        self, claim: str, per: str, x: Sequence[float], alignments: Sequence[Alignment], arm: str,
        unmatched: str = "",
    ) -> Evidence:  # fmt: skip
        """The trend of the share lost after the first dose beyond the warm-up.

        Arguments are those of `half_dose_trend`.
        """
        lineage = alignments[0].lineage
        at = lineage.first_dose(self._config.doses, is_tree=self._config.spec.is_tree)
        slopes = self.trend(x, alignments, lambda alignment: self.margin.lost(alignment, arm)[at])
        trend = over_seeds(slopes)
        verb, size = directed(trend)
        first, last = (
            over_seeds(self.margin.lost(each, arm)[at]).mean
            for each in (alignments[0], alignments[-1])
        )
        sentence = (
            f"Each doubling of {per} {verb} the share lost to the first "
            f"{self._config.doses[at]:,} {arm} rows by {with_ci(size)}, from {first:z.2f} "
            f"({self._name(alignments[0])}) to {last:z.2f} ({self._name(alignments[-1])})."
        )
        return self.of(
            claim,
            f"Change, per doubling of {per}, of the share lost after {self._config.doses[at]:,} "
            f"rows of {arm} data",
            slopes,
            alignments=alignments,
            arms=[arm],
            unmet=_few(len(alignments)) or unmatched,
            sentence=sentence if trend.count else "",
        )

    def of(
        self,
        claim: str,
        measured: str,
        values: Array,
        *,
        alignments: Sequence[Alignment],
        arms: Sequence[str],
        unit: str = "",
        unmet: str = "",
        sentence: str = "",
    ) -> Evidence:
        """Evidence that rests on arms and on alignments that raised the margin."""
        if missing := [arm for arm in arms if arm not in self._config.arms]:
            unmet = f"There is no arm {missing[0]}."
            return Evidence(claim, measured, values, unit, unmet, sentence)
        for alignment in alignments:
            if not over_seeds(self.margin.aligned(alignment)).count:
                reason = f"The alignment {alignment.name} has not been measured yet."
                return Evidence(claim, measured, values, unit, reason, sentence)
            if not self.margin.has_moved(alignment):
                side = "raise" if alignment.lineage.first == "positive" else "lower"
                reason = (
                    f"The alignment {alignment.name} did not {side} the margin; raise "
                    "recipe.learning_rate, or align with more."
                )
                return Evidence(claim, measured, values, unit, reason, sentence)
        return Evidence(claim, measured, values, unit, unmet, sentence)

    def trend(
        self, x: Sequence[float], alignments: Sequence[Alignment],
        values: Callable[[Alignment], Array],
    ) -> Array:  # fmt: skip
        """The slope over log2 of x, shape (seeds, draws); NaN with a single alignment.

        Args:
            x: What the alignments differ by, such as their volumes.
            alignments: The alignments.
            values: Gives the values of an alignment, shape (seeds, draws).
        """
        if len(alignments) < 2:
            return np.full((self._config.seeds, self._config.draws), np.nan)
        centred = np.log2(x) - np.mean(np.log2(x))
        table = np.array([values(alignment) for alignment in alignments])
        slopes: Array = np.tensordot(centred, table, axes=1) / np.sum(centred**2)
        return slopes

    def dose_trend(
        self, per: str, what: str, x: Sequence[float], alignments: Sequence[Alignment],
        doses: Callable[[Alignment], Doses],
    ) -> "DoseTrend":  # fmt: skip
        """The trend of log2 of a dose.

        Args:
            per: What x is.
            what: The dose.
            x: What the alignments differ by.
            alignments: The alignments.
            doses: Gives the doses of an alignment.
        """
        found = {alignment.name: doses(alignment) for alignment in alignments}
        logs, unmet, note = self.log_doses(list(found.values()))
        of_name = dict(zip(found, logs, strict=True))
        slopes = self.trend(x, alignments, lambda each: of_name[each.name][:, None]).mean(axis=1)
        trend, ends = over_seeds(slopes), (alignments[0], alignments[-1])
        first, last = (found[alignment.name] for alignment in ends)
        sentence = ""
        if trend.count and _is_reached(first) and _is_reached(last):
            verb, size = directed(trend)
            sentence = (
                f"Each doubling of {per} {verb} {what} by {with_ci(size, 2)} doublings, from "
                f"{first.text} ({self._name(ends[0])}) to {last.text} ({self._name(ends[1])})."
                f"{note}"
            )
        return DoseTrend(slopes, _few(len(alignments)) or unmet, sentence)

    def half_dose_ratio(
        self, claim: str, alignment: Alignment, reference: Alignment, arm: str, unmatched: str
    ) -> Evidence:
        """log2 of the half-dose over that of a reference.

        Args:
            claim: The claim.
            alignment: The alignment.
            reference: The alignment to compare with.
            arm: The arm.
            unmatched: Why the two cannot be compared, as a sentence; empty if they can.
        """
        own, other = (self.margin.half_doses(each, arm) for each in (alignment, reference))
        (own_logs, other_logs), unmet, note = self.log_doses([own, other])
        ratio = over_seeds(own_logs - other_logs)
        sentence = (
            f"{own.text} {arm} rows undo half of {alignment.name}, and {other.text} half of "
            f"{reference.name}: log2 of the ratio is {with_ci(ratio, 2)}.{note}"
        )
        return self.of(
            claim,
            f"log2 of the half-dose under {arm} data over that of {reference.name}",
            own_logs - other_logs,
            alignments=[reference, alignment],
            arms=[arm],
            unit="doublings",
            unmet=unmatched or unmet,
            sentence=sentence if ratio.count and _is_reached(own) and _is_reached(other) else "",
        )

    def _name(self, alignment: Alignment) -> str:
        """What tells an alignment from others, in brackets."""
        is_volume = isinstance(self._config, VolumesConfig)
        return f"align {alignment.name}" if is_volume else alignment.name

    def log_doses(self, doses: Sequence[Doses]) -> tuple[list[Array], str, str]:
        """log2 of doses, where a few that are not reached count as the largest dose.

        Otherwise more seeds would leave more claims without a verdict, as each brings another curve
        that may not fall far enough.

        Args:
            doses: The doses of several alignments.

        Returns:
            The logarithms of each, shape (seeds,), NaN where more than `RARE` of the curves do not
            reach the dose; then why there is no verdict; and otherwise a sentence on those that do
            not reach it, to be appended.
        """
        missing, curves = sum(each.not_reached for each in doses), len(doses) * self._config.seeds
        if not missing:
            return [each.logs() for each in doses], "", ""
        do = "does" if missing == 1 else "do"
        start = f"{missing} of {curves} curves {do} not fall that far"
        if missing > RARE * curves:
            reason = f"{start} by the last dose; add larger doses, or more draws."
            return [each.logs() for each in doses], reason, ""
        counts = "counts" if missing == 1 else "count"
        last = self._config.doses[-1]
        note = f" {start} and {counts} as {last:,} rows, the largest dose."
        return [each.logs(last) for each in doses], "", note


@dataclass(frozen=True, slots=True)
class DoseTrend:
    """The trend of log2 of a dose over log2 of what alignments differ by.

    Attributes:
        slopes: The trend of each seed, shape (seeds,).
        unmet: Why it has no verdict; empty if it may have one.
        sentence: How the dose changes, and what it is for the first and the last alignment.
    """

    slopes: Array
    unmet: str
    sentence: str


def _is_reached(doses: Doses) -> bool:
    return math.isfinite(doses.pooled)


def _few(alignments: int) -> str:
    return "" if alignments > 1 else "A trend takes two alignments; add one."
