"""What stretched springs come to, in words: what the theorem says, and what the trees foretell."""

from collections.abc import Sequence

import numpy as np

from elastic_core.experiments.analysis import judged
from elastic_core.experiments.studies.stretches import COMPARED, WORDS, SpringResult, agree, ranks
from elastic_core.report.document import Finding, shown
from elastic_core.statistics.intervals import interval

BALANCED = 0.1
"""The imbalance up to which forces count as equal and opposite."""

_DIGITS = 4


def findings(stretches: Sequence[SpringResult], depths: Sequence[int]) -> tuple[Finding, ...]:
    """What the theorem and the trees say, and what is found."""
    most = stretches[-1]
    raised, lowered = (interval(most.measured[name]) for name in ("align", "pretrain"))
    return (
        judged(
            "Reverse data raise the rate of the alignment.",
            1,
            raised,
            f"{most.count:,} reverse rows change gamma of the alignment by "
            f"{shown(raised, _DIGITS)} bits per byte.",
        ),
        judged(
            "Reverse data lower the rate of the pre-training.",
            -1,
            lowered,
            f"{most.count:,} reverse rows change gamma of the pre-training by "
            f"{shown(lowered, _DIGITS)} bits per byte.",
        ),
        _balance(most),
        *(_foretelling(stretches, depth) for depth in depths),
    )


def _balance(stretch: SpringResult) -> Finding:
    """Whether two springs in series would stretch like this."""
    found = interval(stretch.imbalance(), (-1, 1))
    if found.low is not None and found.high is not None:
        is_balanced = found.low >= -BALANCED and found.high <= BALANCED
        verdict = "holds" if is_balanced else "does not hold" if found.excludes_zero else "open"
    else:
        verdict = "open"
    ratio, law = interval(stretch.ratio()), interval(-stretch.stiffness["pretrain"])
    return Finding(
        "|D_i| times the change of KL is equal and opposite for pre-training and alignment.",
        verdict,
        f"After {stretch.count:,} reverse rows their sum is {shown(found)} of the sum of their "
        f"sizes: 0 would be equal and opposite (up to {BALANCED} counts as that), 1 or -1 is the "
        f"same direction. The change of the alignment over that of the pre-training is "
        f"{shown(ratio)}, where the law of covered data says -k = {shown(law, 1)}.",
    )


def _foretelling(stretches: Sequence[SpringResult], depth: int) -> Finding:
    share = np.mean([agree(each, depth, COMPARED) for each in stretches], axis=0)
    found = interval(share, (0, 1))
    correlations = "; ".join(
        f"{WORDS[name]} {shown(interval(ranks(stretches, depth, name), (-1, 1)), 2)}"
        for name in COMPARED
    )
    return judged(
        f"Token trees of depth {depth} foretell which way the rates move.",
        1,
        interval(share - 0.5, (-0.5, 0.5)),
        f"In {shown(found, 2)} of the cases the rates of pre-training and alignment move as "
        f"foretold, where guessing gives a half. Rank correlation over the volumes: "
        f"{correlations}.",
    )
