"""Whether the law `d gamma_a / dl = -k d gamma_p / dl` holds."""

from enum import StrEnum

TOLERANCE = 0.1
"""How far, of k, the ratio of the slopes may be from -k."""


class Verdict(StrEnum):
    """What became of the law."""

    HOLDS = "holds"
    """The ratio of the slopes is within `TOLERANCE` of -k."""

    BENDS = "bends"
    """Alignment and pre-training move in opposite directions, but not at a ratio of -k."""

    BREAKS = "breaks"
    """Both move in the same direction, or one of them not at all."""

    UNCOVERED = "uncovered"
    """No segment of the perturbation was seen before, so no elasticity can be seen."""


def verdict(ratio: float | None, k: float, coverage: float) -> Verdict:
    """What becomes of the law at a ratio of slopes; None: the pre-training's slope is 0."""
    if coverage == 0:
        return Verdict.UNCOVERED
    if ratio is None or ratio >= 0:
        return Verdict.BREAKS
    return Verdict.HOLDS if abs(ratio + k) <= TOLERANCE * k else Verdict.BENDS
