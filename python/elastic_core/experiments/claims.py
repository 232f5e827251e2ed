"""Claims of a study: registered in its configuration, judged by estimates over seeds.

A study derives its configuration from `ClaimsConfig`, lists its claims in `registered`, and passes
`judge_claims` the evidence on each. The findings and the table go into its analysis.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.common.hashing import rows_sha256
from elastic_core.common.units import counted
from elastic_core.experiments.analysis import with_ci
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.sections import Section
from elastic_core.report.document import Finding, Table
from elastic_core.statistics.effects import ALPHA, POWER, mixed_interval
from elastic_core.statistics.intervals import Interval
from elastic_core.statistics.verdicts import Verdict, correct, judge

CLAIMS = "claims"
"""The name of the table of claims."""

_SIGNS = {"positive": 1, "negative": -1, None: 0}


class Claim(Section):
    """A claim about an effect, registered before the run.

    Attributes:
        sign: The sign of the effect by the claim, `positive` or `negative`; None for a claim of
            `equivalence`.
        smallest: The smallest effect of interest, in the unit of the estimate.
        test: `student` for a claim that there is an effect with this sign; `equivalence` for a
            claim that there is no effect of `smallest` or more.
        primary: Whether the claim is among those that Holm's correction covers.
    """

    sign: Literal["positive", "negative"] | None = None
    smallest: float = Field(gt=0, allow_inf_nan=False)
    test: Literal["student", "equivalence"] = "student"
    primary: bool = True

    @field_validator("smallest", mode="before")
    @classmethod
    def _check_smallest(cls, value: Any) -> Any:
        if value is None:
            raise InvalidArgumentError(
                "a claim needs a smallest effect of interest; provide a number above 0"
            )
        return value

    @model_validator(mode="after")
    def _check_sign(self) -> Self:
        if self.test == "student" and self.sign is None:
            raise InvalidArgumentError("test student needs a sign; choose positive or negative")
        if self.test == "equivalence" and self.sign is not None:
            raise InvalidArgumentError(
                "test equivalence is for a claim of no effect; set its sign to null"
            )
        return self


class ClaimsConfig(ExperimentConfig):
    """The configuration of a study with registered claims.

    Attributes:
        claims: The claims by name. A configuration names only those, and only the keys, that
            differ from the study's own.
    """

    registered: ClassVar[Mapping[str, Claim]] = {}
    """The claims of the study, by names that are valid as keys."""

    claims: dict[str, Claim] = Field({}, validate_default=True)

    @field_validator("claims", mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        """The study's claims, with changes to their keys."""
        if not isinstance(value, Mapping):
            return value
        for name in value:
            if name not in cls.registered:
                raise InvalidArgumentError(
                    f"unknown claim {name}; choose one of {', '.join(cls.registered)}"
                )
        claims: dict[str, Any] = {}
        for name, claim in cls.registered.items():
            changes = value.get(name, {})
            is_section = isinstance(changes, Mapping)
            claims[name] = {**claim.model_dump(), **changes} if is_section else changes
        return claims


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run measured about a claim.

    Attributes:
        claim: The claim, as a sentence.
        measured: What the values are, to begin a sentence, such as `Slope of log2 half-dose`.
        values: An estimate per seed, shape (seeds,), or several draws of it, shape (seeds, draws);
            NaN where it is missing.
        unit: The unit of the values; empty for a plain number.
        unmet: The precondition that is not met, as a sentence; empty if all are.
        sentence: What was measured, with values before and after; empty: `measured` and the mean.
    """

    claim: str
    measured: str
    values: NDArray[np.float64]
    unit: str = ""
    unmet: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class JudgedClaims:
    """The verdicts on the claims of a study.

    Attributes:
        verdicts: The verdict on each claim, by name.
        findings: The same as findings, in the order of the claims.
        table: The same as a table.
        sha256: The hash of the claims.
    """

    verdicts: dict[str, Verdict]
    findings: tuple[Finding, ...]
    table: Table
    sha256: str


def judge_claims(claims: Mapping[str, Claim], evidence: Mapping[str, Evidence]) -> JudgedClaims:
    """Judges the claims of a study, with Holm's correction over the primary ones.

    The rules are those of `elastic_core.statistics.verdicts.Verdict`. Where seeds have several
    draws, a mixed model is reported beside Student's interval; it decides nothing.

    Args:
        claims: The claims by name.
        evidence: What was measured about each.

    Raises:
        InvalidArgumentError: Values have an invalid shape.
        ModelError: There are several draws, and statsmodels is not installed.
        ValueError: A claim has no evidence, or evidence belongs to no claim.
    """
    if unmatched := claims.keys() ^ evidence.keys():
        raise ValueError(f"without a claim or without evidence: {', '.join(sorted(unmatched))}")
    verdicts = {
        name: judge(evidence[name].values, _SIGNS[claim.sign], claim.smallest, evidence[name].unmet)
        for name, claim in claims.items()
    }
    primary = [name for name, claim in claims.items() if claim.primary]
    corrected = correct([verdicts[name] for name in primary])
    verdicts |= dict(zip(primary, corrected, strict=True))
    sha256 = claims_sha256(claims)
    findings = tuple(
        Finding(
            evidence[name].claim,
            verdict.verdict,
            _words(verdict, evidence[name]),
            _details(verdict, evidence[name]),
        )
        for name, verdict in verdicts.items()
    )
    return JudgedClaims(verdicts, findings, _table(verdicts, evidence, primary, sha256), sha256)


def claims_sha256(claims: Mapping[str, Claim]) -> str:
    """SHA-256, in hexadecimal, of claims; their order does not matter."""
    return rows_sha256({"name": name, **claims[name].model_dump()} for name in sorted(claims))


def _words(verdict: Verdict, evidence: Evidence) -> str:
    """What was measured and what follows from it, in plain sentences."""
    sentences = [verdict.reason] if verdict.reason else []
    if verdict.estimate.count:
        measured = f"{evidence.measured}: {_interval(verdict.estimate, verdict, evidence)}."
        sentences.append(evidence.sentence or measured)
    return " ".join([*sentences, *_consequences(verdict, evidence)])


def _details(verdict: Verdict, evidence: Evidence) -> str:
    """The estimate, its seeds and tests, in sentences; empty without an estimate."""
    if not verdict.estimate.count:
        return ""
    asked = verdict.estimate.count + verdict.missing
    among = f" of {asked}" if verdict.missing else ""
    seeds = f"{verdict.estimate.count}{among} {'seed' if asked == 1 else 'seeds'}{_test(verdict)}."
    estimate = f"{evidence.measured}: {_interval(verdict.estimate, verdict, evidence)}, "
    sentences = [f"{estimate if evidence.sentence else ''}{seeds}", *_power(verdict, evidence)]
    if verdict.kind != "no verdict" and (mixed := mixed_interval(evidence.values)):
        sentences.append(f"Mixed model of the draws: {_interval(mixed, verdict, evidence)}.")
    return " ".join(sentences)


def _interval(estimate: Interval, verdict: Verdict, evidence: Evidence) -> str:
    return f"{with_ci(estimate, _digits(verdict.smallest))}{_unit(evidence)}"


def _test(verdict: Verdict) -> str:
    """The test of a claim and its p-value, to end a sentence; empty without a test."""
    if verdict.p is None:
        return ""
    holm = verdict.p_adjusted
    correction = "not corrected" if holm is None else f"by Holm's correction p {_p(holm)}"
    if verdict.sign:
        test = "t-test"
    elif abs(verdict.estimate.mean) < verdict.smallest:
        test = "equivalence test"
    else:
        test = f"test of an effect beyond ±{verdict.smallest:g}"
    return f"; {test}: p {_p(verdict.p)} ({correction})"


def _consequences(verdict: Verdict, evidence: Evidence) -> Iterator[str]:
    """What the verdict leaves open, in sentences."""
    p = verdict.p if verdict.p_adjusted is None else verdict.p_adjusted
    match verdict.kind:
        case "no difference" if p is not None and p <= ALPHA:
            yield "The effect differs from zero, but is too small to be of interest."
        case "holds" | "does not hold" if verdict.sign and _may_be_small(verdict):
            smallest = f"{verdict.smallest:g}{_unit(evidence)}"
            yield f"It may be smaller than {smallest}, the smallest effect of interest."


def _power(verdict: Verdict, evidence: Evidence) -> Iterator[str]:
    """What else was tested, and which effect the run could have seen, in sentences."""
    smallest = f"{verdict.smallest:g}{_unit(evidence)}"
    match verdict.kind:
        case "no difference" if verdict.p_equivalence is not None:
            yield f"Equivalence test of ±{smallest}: p {_p(verdict.p_equivalence)}."
        case "cannot tell" if verdict.detectable is not None:
            yield (
                f"This run would have seen an effect of "
                f"{verdict.detectable:.{_digits(verdict.smallest)}f}{_unit(evidence)} with a power "
                f"of {POWER:.0%}; the smallest of interest is {smallest}."
            )


def _may_be_small(verdict: Verdict) -> bool:
    """Whether the interval reaches below the smallest effect of interest."""
    ends = verdict.estimate.low, verdict.estimate.high
    return any(end is not None and abs(end) < verdict.smallest for end in ends)


def _table(
    verdicts: Mapping[str, Verdict],
    evidence: Mapping[str, Evidence],
    primary: list[str],
    sha256: str,
) -> Table:
    """A row for each claim."""
    smallest = min((verdict.smallest for verdict in verdicts.values()), default=1.0)
    corrected = ", ".join(primary) or "none"
    return Table(
        name=CLAIMS,
        title="Claims and verdicts",
        headings=(
            ("claim", ""),
            ("verdict", ""),
            ("estimate", ""),
            ("smallest", ""),
            ("detectable", ""),
            ("unit", ""),
        ),
        rows=tuple(
            (
                name,
                verdict.verdict,
                verdict.estimate,
                f"{verdict.smallest:g}",
                verdict.detectable,
                evidence[name].unit,
            )
            for name, verdict in verdicts.items()
        ),
        note=(
            "Estimates are means over seeds with Student's interval. smallest: the smallest effect "
            "of interest. detectable: the effect that as many seeds would show with a power of "
            f"{POWER:.0%} in a two-sided t-test at {ALPHA:.0%}, not corrected. Holm's correction "
            f"covers {counted(len(primary), 'primary claim', 'primary claims')}: {corrected}. "
            f"SHA-256 of the registered claims: {sha256}."
        ),
        digits=_digits(smallest),
        text_columns=("claim", "verdict", "unit"),
    )


def _unit(evidence: Evidence) -> str:
    return f" {evidence.unit}" if evidence.unit else ""


def _digits(smallest: float) -> int:
    """Digits after the decimal point that show a tenth of the smallest effect of interest."""
    return max(0, 1 - math.floor(math.log10(smallest)))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
