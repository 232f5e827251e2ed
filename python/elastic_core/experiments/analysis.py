"""What a study has found: findings, tables and figures, ready for any report."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from elastic_core.report.document import Figure, Finding, Table
from elastic_core.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that a study's rows come to.

    Attributes:
        study: Its name.
        question: What was asked, in plain words.
        protocol: What was done, in plain words.
        findings: What came out.
        tables: The tables, that in the paper's layout first.
        figures: The figures.
        notes: What to keep in mind, such as cells that diverged.
    """

    study: str
    question: str
    protocol: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        found = asdict(self)
        for table in found["tables"]:
            del table["text_columns"]
        for figure in found["figures"]:
            del figure["draw"]
        return found


def judged(claim: str, expected: int, found: Interval, words: str) -> Finding:
    """A finding about a sign: it holds where the interval excludes zero on the expected side.

    Args:
        claim: What is said to be so.
        expected: 1 where the number is said to be above 0, -1 where below.
        found: The number with its interval.
        words: What was measured.
    """
    if not found.excludes_zero:
        verdict = "open"
    else:
        verdict = "holds" if found.mean * expected > 0 else "does not hold"
    return Finding(claim, verdict, words)


def column(rows: Sequence[dict[str, Any]], metric: str) -> list[float]:
    """A metric of rows, NaN where one lacks it."""
    return [value if (value := row.get(metric)) is not None else float("nan") for row in rows]
