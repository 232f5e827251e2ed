"""What trainings on each other's answers come to, in words: naively, and with a control."""

from collections.abc import Sequence

import numpy as np

from elastic_core.experiments.analysis import judged
from elastic_core.experiments.studies.targets import Array, Gap, Pair, mean
from elastic_core.report.document import Finding, shown
from elastic_core.statistics.intervals import compare_paired, interval

_DIGITS = 4


def findings(pairs: Sequence[Pair]) -> tuple[Finding, ...]:
    """What is claimed of going back, and what is found: naively, and with difficulty taken out."""
    difficulty = interval(mean(pairs, lambda pair: pair.difficulty))
    return (
        _judged(
            pairs,
            "Inverse training ends at a lower loss than forward training.",
            lambda pair: pair.printed_gap,
            "The final training loss forward less inverse, as the paper compares them, is",
        ),
        _judged(
            pairs,
            "Inverse training comes nearer to its target than forward training.",
            lambda pair: pair.adjusted_gap,
            "With what each target costs its own author taken off, the loss on answers that were "
            "not learned is, forward less inverse,",
        ),
        _agreement(pairs, shown(difficulty, _DIGITS)),
        _judged(
            pairs,
            "Inverse training goes a larger share of the way to its target.",
            lambda pair: pair.inverse.fresh.closed - pair.forward.fresh.closed,
            "The share of the way from start to author that is gone, inverse less forward, is",
        ),
        _judged(
            pairs,
            "Forward training changes the KL divergence to the base by more.",
            lambda pair: np.abs(pair.forward.kl_change) - np.abs(pair.inverse.kl_change),
            "The size of the change of KL(model || base), forward less inverse, is",
        ),
        _judged(
            pairs,
            "Forward training moves the model farther.",
            lambda pair: pair.forward.moved - pair.inverse.moved,
            "KL(model before || after), forward less inverse, is",
        ),
    )


def _judged(pairs: Sequence[Pair], claim: str, gap: Gap, words: str) -> Finding:
    """A finding about a gap that is said to be above 0."""
    test = compare_paired(mean(pairs, gap), 0.0)
    wins = sum(_verdict(gap(pair)) == "holds" for pair in pairs)
    p = "" if test.p is None else f" (sign-flip test p = {test.p:.3f})"
    return judged(
        claim,
        1,
        test.difference,
        f"{words} {shown(test.difference, _DIGITS)} in the mean over pairs{p}; it is above 0 with "
        f"its whole interval in {wins} of {len(pairs)} pairs.",
    )


def _verdict(gap: Array) -> str:
    return judged("", 1, interval(gap), "").verdict


def _agreement(pairs: Sequence[Pair], difficulty: str) -> Finding:
    """Whether the printed comparison says the same as the adjusted one."""
    verdicts = [
        (pair.name, _verdict(pair.printed_gap), _verdict(pair.adjusted_gap)) for pair in pairs
    ]
    printed = mean(pairs, lambda pair: pair.printed_gap)
    adjusted = mean(pairs, lambda pair: pair.adjusted_gap)
    verdicts.append(("the mean over pairs", _verdict(printed), _verdict(adjusted)))
    differ = [
        f"for {name} the one says {_quoted(naive)}, the other {_quoted(adjusted)}"
        for name, naive, adjusted in verdicts
        if naive != adjusted
    ]
    if differ:
        verdict, said = "does not hold", f"They disagree: {'; '.join(differ)}."
    elif {naive for _, naive, _ in verdicts} == {"open"}:
        verdict, said = "open", "Neither decides anything."
    else:
        verdict, said = "holds", "They agree, for every pair and in the mean."
    return Finding(
        "The printed comparison says the same as the one without the targets' difficulty.",
        verdict,
        f"{said} Between the targets' own authors there already is a gap of {difficulty} in the "
        "mean over pairs: above 0 the targets of forward training are the harder ones.",
    )


def _quoted(verdict: str) -> str:
    return f"“{verdict}”"
