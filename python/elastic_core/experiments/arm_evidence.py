"""Evidence of studies with arms: shares lost, trends over alignments, and ratios of half-doses."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.claims import Evidence
from elastic_core.experiments.outcome import Alignment, Array, Doses, Outcome
from elastic_core.experiments.protocol import ArmsConfig


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
        return self.of(
            claim,
            f"Share of the alignment {alignment.name} lost after {self._config.doses[-1]:,} rows "
            f"of {arm} data",
            self.margin.lost(alignment, arm)[-1],
            alignments=[alignment],
            arms=[arm],
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
        slopes, unmet = self.dose_trend(
            x, alignments, lambda alignment: self.margin.half_doses(alignment, arm)
        )
        return self.of(
            claim,
            f"Change of log2 half-dose under {arm} data per doubling of {per}",
            slopes,
            alignments=alignments,
            arms=[arm],
            unit="doublings",
            unmet=unmet or unmatched,
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
        return self.of(
            claim,
            f"Change, per doubling of {per}, of the share lost after {self._config.doses[at]:,} "
            f"rows of {arm} data",
            self.trend(x, alignments, lambda alignment: self.margin.lost(alignment, arm)[at]),
            alignments=alignments,
            arms=[arm],
            unmet=_few(len(alignments)) or unmatched,
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
    ) -> Evidence:
        """Evidence that rests on arms and on alignments that raised the margin."""
        if missing := [arm for arm in arms if arm not in self._config.arms]:
            return Evidence(claim, measured, values, unit, f"There is no arm {missing[0]}.")
        for alignment in alignments:
            if not self.margin.has_moved(alignment):
                side = "raise" if alignment.lineage.first == "positive" else "lower"
                reason = (
                    f"The alignment {alignment.name} did not {side} the margin; raise "
                    "recipe.learning_rate, or align with more."
                )
                return Evidence(claim, measured, values, unit, reason)
        return Evidence(claim, measured, values, unit, unmet)

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
        self, x: Sequence[float], alignments: Sequence[Alignment],
        doses: Callable[[Alignment], Doses],
    ) -> tuple[Array, str]:  # fmt: skip
        """The trend of log2 of a dose, shape (seeds,), and why it has no verdict.

        Arguments are those of `trend`, except that `doses` gives the doses of an alignment.
        """
        found = {alignment.name: doses(alignment) for alignment in alignments}

        def logs(alignment: Alignment) -> Array:
            return _log2(found[alignment.name].rows)[:, None]

        reason = _few(len(alignments)) or self.not_reached(list(found.values()))
        return self.trend(x, alignments, logs).mean(axis=1), reason

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
        return self.of(
            claim,
            f"log2 of the half-dose under {arm} data over that of {reference.name}",
            _log2(own.rows) - _log2(other.rows),
            alignments=[reference, alignment],
            arms=[arm],
            unit="doublings",
            unmet=unmatched or self.not_reached([own, other]),
        )

    def not_reached(self, doses: Sequence[Doses]) -> str:
        """Why curves that do not fall far enough leave a claim without a verdict, if any do."""
        missing = sum(each.not_reached for each in doses)
        if not missing:
            return ""
        return (
            f"{missing} of {len(doses) * self._config.seeds} curves do not fall that far by the "
            "last dose; add larger doses, or more draws."
        )


def _log2(doses: Array) -> Array:
    """log2 of doses, those below 1 as 1; NaN where a dose is not reached."""
    reached: Array = np.log2(np.maximum(np.where(np.isinf(doses), math.nan, doses), 1.0))
    return reached


def _few(alignments: int) -> str:
    return "" if alignments > 1 else "A trend takes two alignments; add one."
