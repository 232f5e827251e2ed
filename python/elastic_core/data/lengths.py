"""Length matching: two sides of equal size whose rows are equally long, pair by pair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from elastic_core._core import InvalidArgumentError
from elastic_core.data.draws import drawn
from elastic_core.data.examples import Examples

Measure: TypeAlias = Callable[[list[str]], Sequence[int]]
"""Gives each text its length, such as its tokens."""

TOLERANCE = 0.01
"""How much longer one row of a pair may be than the other, as a share of the shorter.

Of 10,000 positive and 10,000 negative IMDb reviews 9,569 of each stay, and their means differ by
0.2%; at 0.05 it is 9,754 and 2.3%, at 0 it is 6,794 and none.
"""


def characters(texts: list[str]) -> list[int]:
    """The length of each text in Unicode code points."""
    return [len(text) for text in texts]


@dataclass(frozen=True, slots=True)
class LengthMatch:
    """Two sides of equal size with the same distribution of lengths, up to the tolerance.

    Attributes:
        one: The rows kept of the first side, in their own order.
        other: As many rows of the other.
        means: The mean length of each; the larger exceeds the other by no more than the
            tolerance, as a share of the smaller.
    """

    one: Examples
    other: Examples
    means: tuple[float, float]


def match_length(
    one: Examples,
    other: Examples,
    *,
    seed: int,
    measure: Measure = characters,
    tolerance: float = TOLERANCE,
) -> LengthMatch:
    """Leaves rows of either side out until both are equally long.

    Rows are paired without replacement, one of each side, so that the longer completion of a pair
    is at most `tolerance` longer than the other. Going through both sides from the shortest and
    pairing whatever can be paired makes the most pairs there can be. Rows without a partner are
    left out. Which of equally long rows those are, the seed decides.

    Args:
        one: The one side.
        other: The other side.
        seed: Seed of the choice among equally long rows.
        measure: The lengths of completions (`Examples.completions`); by default in characters.
        tolerance: How much longer one of a pair may be, as a share of the shorter; at least 0.

    Raises:
        InvalidArgumentError: The tolerance is below 0, or no two rows are equally long.
    """
    if not tolerance >= 0:
        raise InvalidArgumentError(f"tolerance {tolerance}: must be at least 0")
    ones, others = _by_length(one, measure, seed), _by_length(other, measure, seed)
    pairs = []
    here = there = 0
    while here < len(ones) and there < len(others):
        (length, row), (length_there, row_there) = ones[here], others[there]
        if length > length_there * (1 + tolerance):
            there += 1
        elif length_there > length * (1 + tolerance):
            here += 1
        else:
            pairs.append((row, row_there, length, length_there))
            here, there = here + 1, there + 1
    if not pairs:
        raise InvalidArgumentError(
            f"{one.name} and {other.name}: no two rows are equally long: those of the one have "
            f"{ones[0][0]:,} to {ones[-1][0]:,}, those of the other {others[0][0]:,} to "
            f"{others[-1][0]:,}; leave lengths as they are, or name other data"
        )
    rows, rows_there, lengths, lengths_there = zip(*pairs, strict=True)
    means = sum(lengths) / len(pairs), sum(lengths_there) / len(pairs)
    return LengthMatch(one.take(sorted(rows)), other.take(sorted(rows_there)), means)


def _by_length(examples: Examples, measure: Measure, seed: int) -> list[tuple[int, int]]:
    """The length and number of each row, the shortest first, equally long ones in random order."""
    lengths = measure(examples.completions())
    order = drawn(examples.keys(), seed)
    return sorted(((int(lengths[row]), row) for row in order), key=lambda each: each[0])
