"""Verdicts on claims about a mean over seeds.

A claim says that an effect is positive, or negative, or that there is none, and how large an effect
has to be to be of interest. `judge` decides one claim, `correct` a family of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import counted
from elastic_core.statistics.effects import (
    ALPHA,
    beyond_p,
    detectable_effect,
    equivalence_p,
    holm,
    is_constant,
    seed_means,
    student_interval,
    student_p,
)
from elastic_core.statistics.intervals import FEWEST, Interval

Kind: TypeAlias = Literal["holds", "does not hold", "no difference", "cannot tell", "no verdict"]
"""A kind of verdict."""

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds of verdicts."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the seeds say about a claim.

    For a claim with a sign, the first of these that applies:

    1. `no verdict`: a precondition is not met, fewer than `FEWEST` seeds have an estimate, or all
       estimates are the same, so that their variance is unknown.
    2. `no difference beyond ±smallest`: two one-sided tests reject any effect of `smallest` or
       more. This comes before significance: an effect in either direction that is certain, but
       certainly too small to matter, supports neither the claim nor its opposite.
    3. `cannot tell`: the effect does not differ significantly from 0.
    4. `holds` if the estimate has the sign of the claim, otherwise `does not hold`.

    A claim without a sign says that there is no effect of `smallest` or more. It `holds` if two
    one-sided tests reject any such effect, does not hold if Student's interval lies entirely beyond
    `smallest` on one side, and otherwise the verdict is `cannot tell`.

    Attributes:
        kind: The kind of verdict.
        sign: The sign of the effect by the claim: 1, -1, or 0 for no effect.
        smallest: The smallest effect of interest, in the unit of the estimates.
        estimate: The mean over seeds, with Student's interval. Draws of a seed are averaged first.
        missing: Number of seeds without an estimate.
        p: The p-value of the claim: of the two-sided t-test of an effect of 0; for a claim without
            a sign, that of the equivalence test, or of an effect beyond `smallest` where the
            estimate is beyond it. None for `no verdict`.
        p_adjusted: `p` after Holm's correction, which then decides in its place; None without it.
        p_equivalence: The p-value of two one-sided tests of effects of `smallest` or more; None for
            `no verdict`.
        detectable: The smallest effect that as many seeds with the same deviation would show with a
            power of 80%, in a two-sided test at 5%; None for `no verdict`.
        reason: Why there is no verdict; empty if there is one.
    """

    kind: Kind
    sign: int
    smallest: float
    estimate: Interval
    missing: int
    p: float | None = None
    p_adjusted: float | None = None
    p_equivalence: float | None = None
    detectable: float | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The verdict in words, such as `no difference beyond ±0.05`."""
        beyond = f" beyond ±{self.smallest:g}" if self.kind == "no difference" else ""
        return f"{self.kind}{beyond}"


def judge(values: ArrayLike, sign: int, smallest: float, unmet: str = "") -> Verdict:
    """Judges a claim about a mean over seeds; see `Verdict` for the rules.

    Args:
        values: An estimate per seed, shape (seeds,), or several draws of it, shape (seeds, draws).
            NaN and infinite values are missing.
        sign: The sign of the effect by the claim: 1, -1, or 0 for no effect.
        smallest: The smallest effect of interest, in the unit of the values.
        unmet: The precondition that is not met, as a sentence; empty if all are.

    Raises:
        InvalidArgumentError: The values have another shape, or there are none; the sign is another;
            `smallest` is not a positive number.
    """
    if sign not in (-1, 0, 1):
        raise InvalidArgumentError(f"sign {sign}: choose 1, -1, or 0 for a claim of no effect")
    if not (smallest > 0 and math.isfinite(smallest)):
        raise InvalidArgumentError(
            f"smallest effect of interest {smallest}: provide a number above 0"
        )
    means = seed_means(values)
    sample = means[np.isfinite(means)]
    verdict = Verdict(
        "no verdict", sign, smallest, student_interval(sample), len(means) - len(sample)
    )
    if reason := unmet or _undecidable(verdict.estimate.count, len(means)):
        return replace(verdict, reason=reason)
    if is_constant(sample):
        return replace(
            verdict,
            reason="All seeds have the same estimate, so the variation between seeds is unknown.",
        )
    equivalence = equivalence_p(sample, smallest)
    if sign:
        p = student_p(sample)
    elif abs(verdict.estimate.mean) < smallest:
        p = equivalence
    else:
        p = beyond_p(sample, smallest)
    return _decided(
        replace(verdict, p=p, p_equivalence=equivalence, detectable=detectable_effect(sample))
    )


def correct(family: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Decides a family of claims anew, by p-values with Holm's correction.

    The probability that an effect of 0 is taken for one in either direction, in any claim of the
    family, is at most `ALPHA`. A claim without a verdict counts towards the size of the family, so
    that the correction is fixed before the run. The equivalence tests behind `no difference` are
    not corrected.

    Args:
        family: The verdicts of `judge`.
    """
    adjusted = holm([1.0 if verdict.p is None else verdict.p for verdict in family])
    return tuple(
        verdict if verdict.p is None else _decided(replace(verdict, p_adjusted=p))
        for verdict, p in zip(family, adjusted.tolist(), strict=True)
    )


def _undecidable(seeds: int, asked: int) -> str:
    """Why so many seeds with an estimate do not support a verdict; empty if they do."""
    if seeds >= FEWEST:
        return ""
    if not seeds:
        return "No seed has an estimate."
    among = "" if seeds == asked else f" of {asked}"
    verb = "has" if seeds == 1 else "have"
    return (
        f"Only {seeds}{among} {'seed' if asked == 1 else 'seeds'} {verb} an estimate; a verdict "
        f"needs {counted(FEWEST, 'seed', 'seeds')}."
    )


def _decided(verdict: Verdict) -> Verdict:
    """A verdict with the kind that follows from its p-values."""
    p = verdict.p if verdict.p_adjusted is None else verdict.p_adjusted
    is_significant = p is not None and p <= ALPHA
    is_small = verdict.p_equivalence is not None and verdict.p_equivalence <= ALPHA
    mean = verdict.estimate.mean
    kind: Kind
    if verdict.sign and is_small:
        kind = "no difference"
    elif not is_significant:
        kind = "cannot tell"
    else:
        agrees = mean * verdict.sign > 0 if verdict.sign else abs(mean) < verdict.smallest
        kind = "holds" if agrees else "does not hold"
    return replace(verdict, kind=kind)
