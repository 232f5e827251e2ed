"""Conversions of preferences, labels and texts between formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.data.examples import (
    Examples,
    as_format,
    beginning,
    split_prompts,
    with_swapped_sides,
)
from elastic_core.data.formats import Format, Row

PAIR = {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}
PREFERENCE = Examples("sky", "preference", (PAIR,), "sky")
WORDS = st.lists(st.text("aAb \n", min_size=1, max_size=3), min_size=1, max_size=30)


def texts(*contents: str) -> Examples:
    return Examples("texts", "text", tuple({"text": text} for text in contents), "texts")


def test_a_preference_converts_to_every_format() -> None:
    good = {"prompt": "The sky is", "completion": " blue."}
    bad = {"prompt": "The sky is", "completion": " green."}
    assert as_format(PREFERENCE, "preference") is PREFERENCE
    assert as_format(PREFERENCE, "prompt-completion").rows == (good,)
    unpaired = as_format(PREFERENCE, "unpaired-preference")
    assert unpaired.rows == ({**good, "label": True}, {**bad, "label": False})
    assert as_format(unpaired, "prompt-completion").rows == (good,)
    for examples in (PREFERENCE, as_format(PREFERENCE, "prompt-completion")):
        assert as_format(examples, "prompt").rows == ({"prompt": "The sky is"},)


def test_swapping_the_sides_of_a_preference() -> None:
    assert with_swapped_sides(PREFERENCE).completions() == [" green."]
    assert with_swapped_sides(with_swapped_sides(PREFERENCE)) == PREFERENCE
    unpaired = as_format(PREFERENCE, "unpaired-preference")
    reverse = as_format(with_swapped_sides(PREFERENCE), "unpaired-preference")
    assert sorted(with_swapped_sides(unpaired).keys()) == sorted(reverse.keys())
    with pytest.raises(InvalidArgumentError, match="texts: text has no sides to swap"):
        with_swapped_sides(texts("a"))


@pytest.mark.parametrize("to", ["preference", "messages"])
def test_text_cannot_become_a_preference_or_messages(to: Format) -> None:
    with pytest.raises(InvalidArgumentError, match=f"texts: text cannot be converted to {to}"):
        as_format(texts("a"), to)


def test_rows_without_a_true_label_are_rejected() -> None:
    row: Row = {"prompt": "a", "completion": "b", "label": False}
    with pytest.raises(InvalidArgumentError, match="bad: no row is labelled true"):
        as_format(Examples("bad", "unpaired-preference", (row,), "bad"), "prompt-completion")


def test_the_first_words_become_the_prompt() -> None:
    cut = split_prompts(texts(" To be,  or not", "to be ", "to be"), 2)
    assert cut.rows == ({"prompt": " To be,", "completion": "  or not"},)
    labelled = Examples("x", "text", ({"text": "a b", "label": "pos"},), "x")
    assert split_prompts(labelled, 1).rows == ({"prompt": "a", "completion": " b", "label": "pos"},)


@given(WORDS, st.integers(1, 4))
def test_prompt_and_completion_add_up_to_the_text(words: list[str], count: int) -> None:
    whole = texts(*words, "a b c d e")
    cut = split_prompts(whole, count)
    assert set(cut.texts()) == {text for text in whole.texts() if len(text.split()) > count}
    assert all(len(prompt.split()) == count for prompt in cut.prompts())


def test_invalid_splits_are_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="texts: no text is longer than 2 words"):
        split_prompts(texts("to be"), 2)
    with pytest.raises(InvalidArgumentError, match="0 words: a prompt needs at least 1"):
        split_prompts(texts("to be"), 0)
    with pytest.raises(InvalidArgumentError, match="sky: only texts can be split, not preference"):
        split_prompts(PREFERENCE, 2)


@given(st.text(), st.integers(1, 9))
def test_a_beginning_has_the_first_words_of_a_text(text: str, words: int) -> None:
    start = beginning(text, words)
    assert text.startswith(start)
    assert start.split() == text.split()[:words]
