"""The analysis of a study: its rows by label, findings judged by intervals, tables and figures."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.units import counted
from elastic_core.experiments.cells import Label, Metrics
from elastic_core.report.document import Figure, Finding, Samples, Table
from elastic_core.statistics.effects import over_seeds
from elastic_core.statistics.intervals import (
    FEWEST,
    LEVEL,
    Interval,
)

Array: TypeAlias = NDArray[np.float64]


NULL = "null"
"""The label of the cells of a null model, which are found only by it."""


@dataclass(frozen=True, slots=True)
class Story:
    """The beginning of a report.

    Attributes:
        headline: The main result, without a full stop; empty: the first claim and its verdict.
        changes: What changed, with values before and after, as sentences.
        measures: What is measured, and in which range it lies: terms and their meanings.
        examples: What models wrote.
    """

    headline: str = ""
    changes: tuple[str, ...] = ()
    measures: tuple[tuple[str, str], ...] = ()
    examples: tuple[Samples, ...] = ()


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
        claims_sha256: The hash of the registered claims that the findings judge.
        story: The beginning of the report.
    """

    study: str
    question: str
    protocol: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    claims_sha256: str
    notes: tuple[str, ...] = ()
    story: Story = Story()

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

    def find(self, seed: int, **labels: Label) -> Metrics | None:
        """The row of a seed with these labels; None if it is missing or its training diverged."""
        for row in self._of_seed.get(seed, ()):
            if row.get(NULL) == labels.get(NULL) and all(
                row.get(key) == value for key, value in labels.items()
            ):
                return None if row.get("diverged") else row
        return None

    def value(self, metric: str, seed: int, **labels: Label) -> float:
        """A metric of the row of a seed with these labels; NaN if it is missing."""
        row = self.find(seed, **labels)
        return math.nan if row is None or row.get(metric) is None else float(row[metric])

    def values(self, metric: str, **labels: Label) -> Array:
        """A metric of the rows with these labels, shape (seeds,); NaN where it is missing."""
        return np.array([self.value(metric, seed, **labels) for seed in self.seeds], np.float64)

    def rows_with(self, metric: str) -> list[Metrics]:
        """The rows of the first seed that have a metric."""
        first = self._of_seed[self.seeds[0]]
        return [row for row in first if row.get(metric) is not None]

    def has(self, metric: str) -> bool:
        """Whether any row has a metric."""
        return any(row.get(metric) is not None for row in self._rows)

    def first(self, metric: str) -> float | None:
        """A metric of the first row that has it; None if no row does."""
        return next((row[metric] for row in self._rows if row.get(metric) is not None), None)

    def rank_correlations(self, one: str, other: str) -> Array:
        """Spearman's correlation of two metrics over the rows of each seed that have both.

        Rows of null models are left out.

        Returns:
            Shape (seeds,), NaN for a seed with fewer than three such rows, or without variation.
        """
        from scipy.stats import rankdata

        found = []
        for seed in self.seeds:
            rows = [row for row in self._of_seed[seed] if NULL not in row]
            pairs = [(row.get(one), row.get(other)) for row in rows if not row.get("diverged")]
            ranks = rankdata([pair for pair in pairs if None not in pair], axis=0)
            is_defined = len(ranks) > 2 and ranks.std(axis=0).all()
            found.append(np.corrcoef(ranks.T)[0, 1] if is_defined else math.nan)
        return np.array(found, np.float64)

    def diverged(self) -> list[str]:
        """Names of the cells that diverged, or whose parent did."""
        return [row["name"] for row in self._rows if row.get("diverged")]

    def notes(self) -> tuple[str, ...]:
        """The scorer's accuracy, where it was measured, and the caveats."""
        notes = []
        accuracy, low, high = (self.first(f"scorer_{end}") for end in ("accuracy", "low", "high"))
        if accuracy is not None:
            notes.append(
                f"The linear scorer classifies {accuracy:.1%} ({LEVEL:.0%} CI {low:.1%} to "
                f"{high:.1%}) of held-out labelled texts correctly. Model completions are shorter "
                "than these texts, so its accuracy on them may be lower."
            )
        return (*notes, *self.caveats())

    def caveats(self) -> tuple[str, ...]:
        """What limits any study: diverged cells, and too few seeds."""
        notes = []
        if diverged := self.diverged():
            notes.append(
                f"{counted(len(diverged), 'cell is', 'cells are')} left out because their "
                f"training, or that of a model they start from, diverged: {'; '.join(diverged)}."
            )
        if len(self.seeds) < FEWEST:
            notes.append(
                f"No claim has a verdict because there are fewer than {FEWEST} seeds; add some."
            )
        return tuple(notes)


def change(cause: str, what: str, before: Array, after: Array, unit: str = "") -> str:
    """A sentence such as `Aligning raised it by 0.236 (95% CI ...), from 0.512 to 0.748`.

    Args:
        cause: What changed it, to begin the sentence.
        what: What changed.
        before: The values before, shape (seeds, draws); NaN where missing.
        after: The values after, likewise.
        unit: The unit, after a space.

    Returns:
        The sentence; empty where a value is missing in all seeds.
    """
    difference = over_seeds(after - before)
    if not difference.count:
        return ""
    verb, size = directed(difference)
    is_known = np.isfinite(before + after)
    first, last = (
        over_seeds(np.where(is_known, values, math.nan)).mean for values in (before, after)
    )
    digits = enough_digits(difference.mean)
    return (
        f"{cause} {verb} {what} by {with_ci(size, digits)}{unit}, from {first:z.{digits}f} to "
        f"{last:z.{digits}f}."
    )


def directed(difference: Interval) -> tuple[str, Interval]:
    """A change as `raised` or `lowered`, and its size."""
    if not difference.mean < 0:
        return "raised", difference
    low = None if difference.high is None else -difference.high
    high = None if difference.low is None else -difference.low
    return "lowered", Interval(-difference.mean, low, high, difference.count)


def enough_digits(value: float) -> int:
    """Digits after the decimal point, 3 to 6, that show a value to two figures or more."""
    if not value or not math.isfinite(value):
        return 3
    return min(6, max(3, 1 - math.floor(math.log10(abs(value)))))


def in_percent(share: Interval) -> str:
    """A share with its interval, such as `67% (95% CI 61% to 72%)`."""
    if share.low is None or share.high is None:
        return f"{share.mean:z.0%}"
    return f"{share.mean:z.0%} ({LEVEL:.0%} CI {share.low:z.0%} to {share.high:z.0%})"


def with_ci(estimate: Interval, digits: int = 3) -> str:
    """A mean with its interval, such as `0.236 (95% CI 0.168 to 0.305)`; `-` without any value."""
    if estimate.count == 0:
        return "-"
    mean = f"{estimate.mean:z.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} ({LEVEL:.0%} CI {estimate.low:z.{digits}f} to {estimate.high:z.{digits}f})"
