"""Where the Pareto tail of a spectrum begins, and its exponent."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from elastic_core.mass_law.laws import Pareto, distance
from elastic_core.mass_law.likelihood import LARGEST_EXPONENT, exponent, fit_pareto
from elastic_core.mass_law.spectrum import Spectrum

LEAST_LEAVES = 10
"""Leaves that a tail must have; fewer fit any law."""

MOST_CANDIDATES = 256
"""Counts that are tried as x_min; of more, those that are evenly spaced in their log."""

_ROUGH = 16


@dataclass(frozen=True, slots=True)
class ParetoFit:
    """A Pareto law and its Kolmogorov-Smirnov distance from the leaves it was fitted to."""

    law: Pareto
    distance: float


Fitting = Callable[[Spectrum], ParetoFit | None]
"""A way to fit Pareto's law to a spectrum: `fit_whole` or `fit_tail`."""


def can_fit(tail: Spectrum) -> bool:
    """Whether a law can be fitted at all: enough leaves, and not all of one count."""
    return len(tail.counts) > 1 and tail.size >= LEAST_LEAVES


def fit_whole(spectrum: Spectrum) -> ParetoFit | None:
    """The most likely Pareto law of all leaves: x_min is the least count.

    Returns:
        The fit; None if the leaves are too few, all alike, or fall faster than any Pareto law.
    """
    law = fit_pareto(spectrum) if can_fit(spectrum) else None
    return ParetoFit(law, distance(law, spectrum)) if law else None


def fit_tail(spectrum: Spectrum) -> ParetoFit | None:
    """The Pareto law of the leaves from that x_min on at which it is nearest to them.

    Each candidate x_min gets its most likely exponent, and the one with the least distance is
    taken, the first of equals (Clauset, Shalizi and Newman 2009, section 3.3). Candidates are the
    counts that occur, at most `MOST_CANDIDATES`, whose tails can be fitted.

    Returns:
        The fit; None if no tail can be fitted.
    """
    size = np.cumsum(spectrum.leaves[::-1])[::-1]
    logs = np.cumsum((spectrum.leaves * np.log(spectrum.counts))[::-1])[::-1]
    best: ParetoFit | None = None
    for place in spectrum.spaced(MOST_CANDIDATES):
        tail = Spectrum(spectrum.counts[place:], spectrum.leaves[place:])
        if not can_fit(tail):
            break
        x_min = float(tail.counts[0])
        alpha = exponent(logs[place] / size[place], x_min)
        if alpha == LARGEST_EXPONENT:
            continue
        law = Pareto(x_min, alpha)
        # A few counts show of most candidates that they are worse, which saves most of the time.
        rough = law.survival(tail.counts[::_ROUGH]) - size[place::_ROUGH] / size[place]
        if best and np.abs(rough).max() >= best.distance:
            continue
        found = ParetoFit(law, distance(law, tail))
        if best is None or found.distance < best.distance:
            best = found
    return best
