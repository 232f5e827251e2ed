"""The search for the least number of rows, against trying them all."""

from hypothesis import given
from hypothesis import strategies as st

from elastic_core.experiments.bisection import found, least


@given(st.integers(1, 16), st.integers(1, 500), st.integers(0, 600))
def test_where_more_is_never_worse_it_is_what_trying_all_finds(
    step: int, most: int, needed: int
) -> None:
    tried: list[int] = []

    def is_enough(number: int) -> bool:
        tried.append(number)
        return number >= needed

    most = max(most, step)
    result = found(least(step, most), is_enough)
    every = [number for number in (*range(step, most + 1, step), most) if number >= needed]
    if not every:
        assert result is None
    else:
        assert result is not None
        assert result - step < max(every[0], step) <= result or result == every[0]
        assert result >= needed
    assert len(tried) == len(set(tried))
    assert len(tried) <= 2 * (most // step).bit_length() + 2
    assert max(tried) <= most


@given(st.integers(1, 8), st.lists(st.booleans(), min_size=8, max_size=300))
def test_what_is_found_is_enough_and_a_step_less_is_not(step: int, enough: list[bool]) -> None:
    most = len(enough)
    tried: dict[int, bool] = {}

    def is_enough(number: int) -> bool:
        return tried.setdefault(number, enough[number - 1])

    result = found(least(step, most), is_enough)
    if result is None:
        assert not any(tried.values())
        return
    assert tried[result]
    below = [number for number in tried if number < result]
    if below:
        assert result - max(below) <= step
        assert not tried[max(below)]


def test_the_first_step_may_be_enough_and_none_may_be() -> None:
    assert found(least(8, 100), lambda _: True) == 8
    assert found(least(8, 100), lambda _: False) is None
    assert found(least(8, 100), lambda number: number == 100) == 100
