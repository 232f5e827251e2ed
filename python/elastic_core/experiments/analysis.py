"""The analysis of a study: its rows by label, findings judged by intervals, tables and figures."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.units import counted
from elastic_core.experiments.cells import Label, Metrics
from elastic_core.report.document import Figure, Finding, Table
from elastic_core.statistics.intervals import (
    FEWEST,
    LEVEL,
    Interval,
    PairedComparison,
    interval,
)

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The results of a study.

    Attributes:
        study: Name of the study.
        question: The question that the study asks.
        protocol: What was trained and measured.
        findings: The claims and their verdicts.
        tables: The tables; the one in the paper's layout comes first.
        figures: The figures.
        notes: Caveats, such as cells that diverged.
        claims_sha256: The hash of the registered claims that the findings judge; None: there are
            none, and findings judge signs by intervals.
    """

    study: str
    question: str
    protocol: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    claims_sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The analysis as plain lists and dictionaries, as `result.json` stores it."""
        record = asdict(self)
        for table in record["tables"]:
            del table["text_columns"]
        for figure in record["figures"]:
            del figure["draw"]
        return record


class Grid:
    """The rows of a study, looked up by their labels.

    Args:
        rows: Rows of metrics, with their labels among the metrics.
        seeds: The seeds, in the order of all returned arrays.
    """

    def __init__(self, rows: Sequence[Metrics], seeds: Sequence[int]) -> None:
        self.seeds = tuple(seeds)
        self._of_seed: dict[int, list[Metrics]] = {seed: [] for seed in self.seeds}
        self._rows = [row for row in rows if row["seed"] in self._of_seed]
        for row in self._rows:
            self._of_seed[row["seed"]].append(row)

    @property
    def main_metric(self) -> str:
        """The metric to judge by: `score`, or `kl` where no row has a score."""
        return "score" if self.has("score") else "kl"

    def find(self, seed: int, **labels: Label) -> Metrics | None:
        """The row of a seed with these labels; None if it is missing or its training diverged."""
        for row in self._of_seed.get(seed, ()):
            if all(row.get(key) == value for key, value in labels.items()):
                return None if row.get("diverged") else row
        return None

    def value(self, metric: str, seed: int, **labels: Label) -> float:
        """A metric of the row of a seed with these labels; NaN if it is missing."""
        row = self.find(seed, **labels)
        return math.nan if row is None or row.get(metric) is None else float(row[metric])

    def values(self, metric: str, **labels: Label) -> Array:
        """A metric of the rows with these labels, shape (seeds,); NaN where it is missing."""
        return np.array([self.value(metric, seed, **labels) for seed in self.seeds], np.float64)

    def interval(self, metric: str, **labels: Label) -> Interval:
        """The mean of a metric over seeds, with its interval, which stays within `bounds`."""
        return interval(self.values(metric, **labels), self.bounds(metric))

    def bounds(self, metric: str) -> tuple[float, float]:
        """The smallest and largest value that a metric can have."""
        if metric == "score" and self.has("scorer_accuracy"):  # A probability: the linear scorer.
            return 0.0, 1.0
        is_positive = metric in ("kl", "kl_base") or metric.startswith(("rate_", "loss_"))
        return (0.0 if is_positive else -math.inf), math.inf

    def has(self, metric: str) -> bool:
        """Whether any row has a metric."""
        return any(row.get(metric) is not None for row in self._rows)

    def first(self, metric: str) -> float | None:
        """A metric of the first row that has it; None if no row does."""
        return next((row[metric] for row in self._rows if row.get(metric) is not None), None)

    def diverged(self) -> list[str]:
        """Names of the cells that diverged, or whose parent did."""
        return [row["name"] for row in self._rows if row.get("diverged")]

    def scorer_notes(self) -> list[str]:
        """How accurate the linear scorer is; empty without one."""
        accuracy, low, high = (self.first(f"scorer_{end}") for end in ("accuracy", "low", "high"))
        if accuracy is None:
            return []
        note = (
            f"The linear scorer classifies {accuracy:.1%} ({LEVEL:.0%} CI {low:.1%} to "
            f"{high:.1%}) of held-out labelled texts correctly. Model completions are shorter "
            "than these texts, so its accuracy on them may be lower."
        )
        return [note]

    def notes(self) -> tuple[str, ...]:
        """Caveats that apply to every study: the scorer's accuracy, missing cells, few seeds."""
        notes = self.scorer_notes()
        if diverged := self.diverged():
            notes.append(
                f"{counted(len(diverged), 'cell is', 'cells are')} left out because their "
                f"training, or that of a model they start from, diverged: {'; '.join(diverged)}."
            )
        if len(self.seeds) < 2:
            notes.append(
                "There is only a single seed, so there are no intervals and no finding is decided."
            )
        elif len(self.seeds) < FEWEST:
            notes.append(
                f"No finding is decided because there are fewer than {FEWEST} seeds; add some with "
                "--seeds."
            )
        elif len(self.seeds) < 6:
            smallest = 2.0 ** (1 - len(self.seeds))
            notes.append(
                f"With {len(self.seeds)} seeds, the sign-flip test cannot give a p-value below "
                f"{smallest:.3g}; the verdicts are based on intervals instead."
            )
        return tuple(notes)


def judged(claim: str, expected_sign: int, estimate: Interval, words: str) -> Finding:
    """A finding about the sign of a number.

    Its verdict is `open` where the interval includes zero or has fewer than `FEWEST` values;
    otherwise it is `holds` or `does not hold`, depending on which side of zero the interval lies.

    Args:
        claim: The claim.
        expected_sign: 1 if the claim says that the number is positive, -1 if negative.
        estimate: The number with its interval.
        words: What was measured, as a sentence.
    """
    if not estimate.excludes_zero:
        verdict = "open"
    else:
        verdict = "holds" if estimate.mean * expected_sign > 0 else "does not hold"
    return Finding(claim, verdict, words)


def with_ci(estimate: Interval, digits: int = 3) -> str:
    """A mean with its interval, such as `0.236 (95% CI 0.168 to 0.305)`; `-` without any value."""
    if estimate.count == 0:
        return "-"
    mean = f"{estimate.mean:z.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} ({LEVEL:.0%} CI {estimate.low:z.{digits}f} to {estimate.high:z.{digits}f})"


def with_test(comparison: PairedComparison, digits: int = 3) -> str:
    """A difference with its interval and p-value.

    Such as `-18 (95% CI -31 to -5); sign-flip test p = 0.062`.
    """
    return f"{with_ci(comparison.difference, digits)}{comparison.p_in_words}"
