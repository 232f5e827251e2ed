"""The least number of rows that does something, found with few trainings."""

from collections.abc import Callable, Generator

Search = Generator[int, bool, int | None]
"""Yields numbers of rows, is sent whether each was enough, and returns the least; or None."""


def least(step: int, most: int) -> Search:
    """Searches multiples of a step: doubled until one is enough, then by bisection.

    Doubling first, because enough may be too much again: the KL divergence to the base falls while
    an alignment is undone, and rises when the reverse data have gone on to move the model the
    other way. What is found is a number that is enough, while a step less is not; where being
    enough is monotone up to the first number that is, it is the least one.

    Args:
        step: The first number, and how close the search comes.
        most: The largest number, tried last if it is no double.

    Returns:
        The number of rows; None where none that was tried is enough.
    """
    low, high = 0, step
    while not (yield high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > step:
        middle = low + max(1, (high - low) // (2 * step)) * step
        if (yield middle):
            high = middle
        else:
            low = middle
    return high


def found(search: Search, is_enough: Callable[[int], bool]) -> int | None:
    """Runs a search to its end.

    Args:
        search: The search, not begun.
        is_enough: Whether a number of rows is.
    """
    number = next(search)
    while True:
        try:
            number = search.send(is_enough(number))
        except StopIteration as end:
            result: int | None = end.value
            return result
