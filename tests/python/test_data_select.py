"""Choice of rows: draws, nested subsets, prompts held out, duplicates, labels."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.data.examples import Examples
from elastic_core.data.select import (
    deduplicate,
    hold_out,
    normalized,
    random_order,
    subsets,
    with_label,
    without_prompts,
)

SEEDS = st.integers(0, 2**64)
WORDS = st.lists(st.text("aAb \n", min_size=1, max_size=3), min_size=1, max_size=30)


def texts(*each: str, name: str = "texts") -> Examples:
    return Examples(name, "text", tuple({"text": text} for text in each), name)


def asked(prompts: Sequence[str]) -> Examples:
    rows = [{"prompt": prompt, "completion": str(n)} for n, prompt in enumerate(prompts)]
    return Examples("asked", "prompt-completion", tuple(rows), "asked")


def shuffled(examples: Examples, order: int) -> Examples:
    return examples.take(np.random.default_rng(order).permutation(len(examples)).tolist())


# Draws


@given(WORDS, SEEDS, st.integers(0, 99))
def test_draws_do_not_depend_on_the_order(words: list[str], seed: int, order: int) -> None:
    other = np.random.default_rng(order).permutation(words).tolist()
    mine = [words[index] for index in random_order(words, seed)]
    assert mine == [other[index] for index in random_order(other, seed)]
    assert sorted(mine) == sorted(words)


def test_draws_are_even() -> None:
    words = [str(number) for number in range(10)]
    firsts = np.bincount([random_order(words, seed)[0] for seed in range(2000)], minlength=10)
    assert firsts.min() > 140
    assert firsts.max() < 260


def test_known_normal_forms() -> None:
    assert normalized("  The\u00a0SKY\n is ﬁne ") == "the sky is fine"
    assert normalized("Stra\u00dfe") == normalized("STRASSE")


# Subsets


@given(WORDS, SEEDS, st.integers(0, 99), st.data())
def test_subsets_are_nested(words: list[str], seed: int, order: int, data: st.DataObject) -> None:
    whole = texts(*words)
    sizes = data.draw(st.lists(st.integers(1, len(words)), min_size=1))
    found = subsets(whole, sizes, seed=seed)
    assert [len(subset) for subset in found] == sizes
    (all_of_it,) = subsets(whole, [len(whole)], seed=seed)
    for subset, size in zip(found, sizes, strict=True):
        assert subset.rows == all_of_it.rows[:size]
    assert found == subsets(shuffled(whole, order), sizes, seed=seed)


def test_a_seed_gives_another_subset() -> None:
    whole = texts(*map(str, range(100)))
    (one,), (other,) = (subsets(whole, [50], seed=seed) for seed in (0, 1))
    assert 15 < len(set(one.texts()) & set(other.texts())) < 35


@pytest.mark.parametrize("size", [0, 4])
def test_subsets_of_more_than_there_is(size: int) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"texts: a subset of {size} rows, but there are 3"
    ):
        subsets(texts("a", "b", "c"), [1, size], seed=0)


# Prompts held out


@given(WORDS, SEEDS, st.integers(0, 99), st.data())
def test_no_held_out_prompt_is_trained_on(
    words: list[str], seed: int, order: int, data: st.DataObject
) -> None:
    whole = asked(words)
    prompts = [normalized(row["prompt"]) or row["completion"] for row in whole.rows]
    different = len(set(prompts))
    if different < 2:
        return
    count = data.draw(st.integers(1, different - 1))
    held_out, rest = hold_out(whole, count, seed=seed)
    of = dict(zip((row["completion"] for row in whole.rows), prompts, strict=True))
    unseen = {of[row["completion"]] for row in held_out.rows}
    assert len(held_out) == len(unseen) == count
    assert [row for row in whole.rows if of[row["completion"]] not in unseen] == list(rest.rows)
    assert held_out == hold_out(shuffled(whole, order), count, seed=seed)[0]
    more = hold_out(whole, different - 1, seed=seed)[0]
    assert more.rows[:count] == held_out.rows


def test_whole_texts_are_held_out_where_there_is_no_prompt() -> None:
    held_out, rest = hold_out(texts("To be", "to  BE", "or not"), 1, seed=0)
    assert len(held_out) == 1
    assert {normalized(text) for text in rest.texts()} == {"to be", "or not"} - {
        normalized(text) for text in held_out.texts()
    }


@pytest.mark.parametrize("count", [0, 2])
def test_something_is_left_to_train_on(count: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"asked: cannot hold out {count} of 2 distinct"):
        hold_out(asked(["a", "b", "A "]), count, seed=0)


def test_prompts_held_out_of_one_side_are_held_out_of_the_other() -> None:
    held_out, _ = hold_out(asked(["a", "b", "c"]), 2, seed=0)
    (left,) = {"a", "b", "c"} - set(held_out.prompts())
    assert without_prompts(asked(["A", "b ", "c", "d"]), held_out).prompts() == [
        prompt for prompt in ("A", "b ", "c", "d") if normalized(prompt) in (left, "d")
    ]
    with pytest.raises(InvalidArgumentError, match="asked: all 2 rows have prompts held out"):
        without_prompts(held_out, held_out)


# Duplicates


def test_later_splits_give_way() -> None:
    test, train = texts("To be", "or not"), texts("to  be", "that is", "THAT is", "the question")
    done = deduplicate(test, train)
    assert [split.texts() for split in done.splits] == [
        ["To be", "or not"],
        ["that is", "the question"],
    ]
    assert done.removed == (0, 2)


@given(WORDS, WORDS)
def test_deduplication_is_idempotent(one: list[str], other: list[str]) -> None:
    first = {normalized(text) for text in one}
    if {normalized(text) for text in other} <= first:
        with pytest.raises(InvalidArgumentError, match=r"b: all .* rows also occur"):
            deduplicate(texts(*one, name="a"), texts(*other, name="b"))
        return
    done = deduplicate(texts(*one), texts(*other))
    left = [normalized(text) for split in done.splits for text in split.texts()]
    assert len(left) == len(set(left))
    assert set(left) == first | {normalized(text) for text in other}
    assert sum(done.removed) + len(left) == len(one) + len(other)
    again = deduplicate(*done.splits)
    assert (again.splits, again.removed) == (done.splits, (0, 0))


# Labels


def test_rows_of_a_label() -> None:
    rows = ({"text": "a", "label": 1}, {"text": "b", "label": "1"}, {"text": "c", "label": 0})
    whole = Examples("sst2", "text", rows, "sst2")
    assert with_label(whole, 1).texts() == ["a", "b"]
    with pytest.raises(
        InvalidArgumentError, match="sst2: no row has the label pos; the labels are 0, 1"
    ):
        with_label(whole, "pos")
    with pytest.raises(InvalidArgumentError, match="label 1; the labels are missing"):
        with_label(texts("a"), 1)
