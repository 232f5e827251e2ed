"""Row selection: order, nested subsets, held-out prompts, duplicates, labels, equal lengths."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from elastic_core import InvalidArgumentError
from elastic_core.data.examples import Examples
from elastic_core.data.select import (
    deduplicate,
    hold_out,
    match_length,
    normalized,
    random_order,
    subsets,
    with_label,
    without_prompts,
)

SEEDS = st.integers(0, 2**64)
WORDS = st.lists(st.text("aAb \n", min_size=1, max_size=3), min_size=1, max_size=30)


def texts(*contents: str, name: str = "texts") -> Examples:
    return Examples(name, "text", tuple({"text": text} for text in contents), name)


def questions(prompts: Sequence[str]) -> Examples:
    rows = [{"prompt": prompt, "completion": str(n)} for n, prompt in enumerate(prompts)]
    return Examples("asked", "prompt-completion", tuple(rows), "asked")


def shuffled(examples: Examples, order: int) -> Examples:
    return examples.take(np.random.default_rng(order).permutation(len(examples)).tolist())


# Random order


@given(WORDS, SEEDS, st.integers(0, 99))
def test_random_order_does_not_depend_on_the_input_order(
    words: list[str], seed: int, order: int
) -> None:
    shuffled_words = np.random.default_rng(order).permutation(words).tolist()
    expected = [words[index] for index in random_order(words, seed)]
    assert expected == [shuffled_words[index] for index in random_order(shuffled_words, seed)]
    assert sorted(expected) == sorted(words)


def test_random_order_is_uniform() -> None:
    words = [str(number) for number in range(10)]
    firsts = np.bincount([random_order(words, seed)[0] for seed in range(2000)], minlength=10)
    assert firsts.min() > 140
    assert firsts.max() < 260


def test_text_is_normalized() -> None:
    assert normalized("  The\u00a0SKY\n is ﬁne ") == "the sky is fine"
    assert normalized("Stra\u00dfe") == normalized("STRASSE")


# Subsets


@given(WORDS, SEEDS, st.integers(0, 99), st.data())
def test_subsets_are_nested(words: list[str], seed: int, order: int, data: st.DataObject) -> None:
    whole = texts(*words)
    sizes = data.draw(st.lists(st.integers(1, len(words)), min_size=1))
    nested = subsets(whole, sizes, seed=seed)
    assert [len(subset) for subset in nested] == sizes
    (complete,) = subsets(whole, [len(whole)], seed=seed)
    for subset, size in zip(nested, sizes, strict=True):
        assert subset.rows == complete.rows[:size]
    assert nested == subsets(shuffled(whole, order), sizes, seed=seed)


def test_another_seed_gives_another_subset() -> None:
    whole = texts(*map(str, range(100)))
    (one,), (other,) = (subsets(whole, [50], seed=seed) for seed in (0, 1))
    assert 15 < len(set(one.texts()) & set(other.texts())) < 35


@pytest.mark.parametrize("size", [0, 4])
def test_subset_sizes_out_of_range_are_rejected(size: int) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"texts: a subset of {size} rows, but there are 3"
    ):
        subsets(texts("a", "b", "c"), [1, size], seed=0)


# Held-out prompts


@given(WORDS, SEEDS, st.integers(0, 99), st.data())
def test_held_out_prompts_do_not_occur_in_the_rest(
    words: list[str], seed: int, order: int, data: st.DataObject
) -> None:
    whole = questions(words)
    prompts = [normalized(row["prompt"]) or row["completion"] for row in whole.rows]
    distinct = len(set(prompts))
    if distinct < 2:
        return
    count = data.draw(st.integers(1, distinct - 1))
    held_out, rest = hold_out(whole, count, seed=seed)
    prompt_of = dict(zip((row["completion"] for row in whole.rows), prompts, strict=True))
    unseen = {prompt_of[row["completion"]] for row in held_out.rows}
    assert len(held_out) == len(unseen) == count
    assert [row for row in whole.rows if prompt_of[row["completion"]] not in unseen] == list(
        rest.rows
    )
    assert held_out == hold_out(shuffled(whole, order), count, seed=seed)[0]
    more = hold_out(whole, distinct - 1, seed=seed)[0]
    assert more.rows[:count] == held_out.rows


def test_texts_without_prompts_are_held_out_whole() -> None:
    held_out, rest = hold_out(texts("To be", "to  BE", "or not"), 1, seed=0)
    assert len(held_out) == 1
    assert {normalized(text) for text in rest.texts()} == {"to be", "or not"} - {
        normalized(text) for text in held_out.texts()
    }


@pytest.mark.parametrize("count", [0, 2])
def test_at_least_one_prompt_remains_for_training(count: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"asked: cannot hold out {count} of 2 distinct"):
        hold_out(questions(["a", "b", "A "]), count, seed=0)


def test_held_out_prompts_are_removed_from_the_other_side() -> None:
    held_out, _ = hold_out(questions(["a", "b", "c"]), 2, seed=0)
    (left,) = {"a", "b", "c"} - set(held_out.prompts())
    assert without_prompts(questions(["A", "b ", "c", "d"]), held_out).prompts() == [
        prompt for prompt in ("A", "b ", "c", "d") if normalized(prompt) in (left, "d")
    ]
    with pytest.raises(InvalidArgumentError, match="asked: all 2 rows have prompts held out"):
        without_prompts(held_out, held_out)


# Duplicates


def test_duplicates_are_removed_from_later_splits() -> None:
    test, train = texts("To be", "or not"), texts("to  be", "that is", "THAT is", "the question")
    deduplicated = deduplicate(test, train)
    assert [split.texts() for split in deduplicated.splits] == [
        ["To be", "or not"],
        ["that is", "the question"],
    ]
    assert deduplicated.removed == (0, 2)


@given(WORDS, WORDS)
def test_deduplication_is_idempotent(one: list[str], other: list[str]) -> None:
    first = {normalized(text) for text in one}
    if {normalized(text) for text in other} <= first:
        with pytest.raises(InvalidArgumentError, match=r"b: all .* rows also occur"):
            deduplicate(texts(*one, name="a"), texts(*other, name="b"))
        return
    deduplicated = deduplicate(texts(*one), texts(*other))
    remaining = [normalized(text) for split in deduplicated.splits for text in split.texts()]
    assert len(remaining) == len(set(remaining))
    assert set(remaining) == first | {normalized(text) for text in other}
    assert sum(deduplicated.removed) + len(remaining) == len(one) + len(other)
    again = deduplicate(*deduplicated.splits)
    assert (again.splits, again.removed) == (deduplicated.splits, (0, 0))


# Labels


def test_rows_are_selected_by_label() -> None:
    rows = ({"text": "a", "label": 1}, {"text": "b", "label": "1"}, {"text": "c", "label": 0})
    whole = Examples("sst2", "text", rows, "sst2")
    assert with_label(whole, 1).texts() == ["a", "b"]
    with pytest.raises(
        InvalidArgumentError, match="sst2: no row has the label pos; the labels are 0, 1"
    ):
        with_label(whole, "pos")
    with pytest.raises(InvalidArgumentError, match="label 1; the labels are missing"):
        with_label(texts("a"), 1)


@pytest.mark.parametrize(("label", "kept"), [(1, ["b"]), ("true", ["b"]), (False, ["a"])])
def test_labels_that_became_truths_are_selected_as_they_were_written(
    label: object, kept: list[str]
) -> None:
    rows = tuple(
        {"prompt": "", "completion": text, "label": truth}
        for text, truth in (("a", False), ("b", True))
    )
    assert with_label(Examples("good", "unpaired-preference", rows, "g"), label).texts() == kept


# Length matching


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=25)


def of_lengths(lengths: Sequence[int], name: str) -> Examples:
    return texts(
        *(f"{number:06}"[:length].ljust(length, "x") for number, length in enumerate(lengths)),
        name=name,
    )


@given(LENGTHS, LENGTHS, SEEDS, st.sampled_from([0.0, 0.05, 0.3]), st.integers(0, 99))
def test_the_matching_is_balanced_and_maximum(
    ones: list[int], others: list[int], seed: int, tolerance: float, order: int
) -> None:
    one, other = of_lengths(ones, "one"), of_lengths(others, "other")
    a, b = np.array(ones, float)[:, None], np.array(others, float)[None]
    fit = (a <= b * (1 + tolerance)) & (b <= a * (1 + tolerance))
    largest = int((maximum_bipartite_matching(csr_array(fit)) >= 0).sum())
    if largest == 0:
        with pytest.raises(
            InvalidArgumentError, match="one and other: no two rows match in length"
        ):
            match_length(one, other, seed=seed, tolerance=tolerance)
        return
    matched = match_length(one, other, seed=seed, tolerance=tolerance)
    assert len(matched.one) == len(matched.other) == largest
    pairs = zip(
        *(sorted(map(len, side.texts())) for side in (matched.one, matched.other)), strict=True
    )
    for low, high in map(sorted, pairs):
        assert high <= low * (1 + tolerance)
    assert max(matched.means) <= min(matched.means) * (1 + tolerance) * (1 + 1e-12)
    means = [
        float(np.mean([len(text) for text in side.texts()]))
        for side in (matched.one, matched.other)
    ]
    assert matched.means == pytest.approx(means)
    shuffled = match_length(
        one.take(np.random.default_rng(order).permutation(len(one)).tolist()),
        other,
        seed=seed,
        tolerance=tolerance,
    )
    assert sorted(shuffled.one.texts()) == sorted(matched.one.texts())
    assert shuffled.other == matched.other


def test_the_seed_chooses_among_equal_lengths() -> None:
    one, other = of_lengths([6] * 50, "one"), of_lengths([6], "other")
    assert len({match_length(one, other, seed=seed).one.rows[0]["text"] for seed in range(9)}) > 4


def test_lengths_may_be_measured_in_words() -> None:
    one, other = texts("a b c", "aaaaa"), texts("aaaaaaaaaa bb c")
    matched = match_length(
        one, other, seed=0, length_of=lambda sides: [len(text.split()) for text in sides]
    )
    assert matched.one.texts() == ["a b c"]
    assert matched.means == (3, 3)


def test_completions_are_matched_without_prompts() -> None:
    one = Examples("one", "prompt-completion", ({"prompt": "a" * 99, "completion": "b"},), "one")
    assert match_length(one, texts("c"), seed=0).means == (1, 1)


def test_a_negative_tolerance_is_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="tolerance -1: must be at least 0"):
        match_length(texts("a"), texts("b"), seed=0, tolerance=-1)
