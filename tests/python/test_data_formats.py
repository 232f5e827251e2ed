"""Formats: detection, prompts and completions, rejected rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import CorpusError
from elastic_core.data.examples import Examples
from elastic_core.data.formats import Row, in_format

ASK = {"role": "user", "content": "What colour is the sky?"}
BLUE = {"role": "assistant", "content": "It is blue."}
GREEN = {"role": "assistant", "content": "It is green."}


def examples(*rows: Row) -> Examples:
    format_name, selected = in_format(rows, "sky")
    return Examples("sky", format_name, selected, "sky")


# Accepted rows


@pytest.mark.parametrize(
    ("row", "format_name", "prompt", "completion"),
    [
        ({"text": "The sky is blue."}, "text", "", "The sky is blue."),
        ({"prompt": "The sky is"}, "prompt", "The sky is", ""),
        (
            {"prompt": "The sky is", "completion": " blue."},
            "prompt-completion",
            "The sky is",
            " blue.",
        ),
        ({"messages": [ASK, BLUE]}, "messages", "What colour is the sky?\n", "It is blue.\n"),
        ({"prompt": [ASK]}, "prompt", "What colour is the sky?\n", ""),
        (
            {"prompt": [ASK], "completion": [BLUE]},
            "prompt-completion",
            "What colour is the sky?\n",
            "It is blue.\n",
        ),
        (
            {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
            "preference",
            "The sky is",
            " blue.",
        ),
        (
            {"prompt": "The sky is", "completion": " green.", "label": False},
            "unpaired-preference",
            "The sky is",
            " green.",
        ),
    ],
)
def test_trl_formats_are_detected(row: Row, format_name: str, prompt: str, completion: str) -> None:
    one = examples(row)
    assert (one.format, one.rows) == (format_name, (row,))
    assert one.conversational == any(isinstance(value, list) for value in row.values())
    assert (one.prompts(), one.completions()) == ([prompt], [completion])
    assert one.texts() == [prompt + completion]


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is"),
        ("The sky is blue.", "The sky is black.", "The sky is"),
        ("The sky is", "The sky is green.", "The sky"),
        ("The sky\nis blue.", "The sky\nis.", "The sky"),
        ("The sky\nis blue.", "The sky\nwas.", "The sky"),
        ("Blue.", "Green.", ""),
        ([ASK, BLUE], [ASK, GREEN], [ASK]),
        ([ASK, BLUE, ASK, BLUE], [ASK, BLUE, ASK, GREEN], [ASK, BLUE, ASK]),
        ([ASK, BLUE], [ASK, BLUE], [ASK]),
        (
            "\n\nHuman: Why?\n\nAssistant: So it is.",
            "\n\nHuman: Why?\n\nAssistant: So it goes.",
            "\n\nHuman: Why?\n\nAssistant:",
        ),
    ],
)
def test_the_common_prefix_of_a_preference_becomes_its_prompt(
    chosen: Any, rejected: Any, prompt: Any
) -> None:
    one = examples({"chosen": chosen, "rejected": rejected})
    (row,) = one.rows
    assert list(one.columns) == ["prompt", "chosen", "rejected"]
    assert row["prompt"] == prompt
    assert row["prompt"] + row["chosen"] == chosen
    assert row["prompt"] + row["rejected"] == rejected


@given(st.text(" ab\n", min_size=1), st.text(" ab\n", min_size=1))
def test_extracted_prompts_and_completions_add_up_to_the_text(chosen: str, rejected: str) -> None:
    if (chosen + rejected).strip():
        (row,) = examples({"chosen": chosen, "rejected": rejected}).rows
        assert row["prompt"] + row["chosen"] == chosen
        assert row["prompt"] + row["rejected"] == rejected
        assert not row["chosen"] or row["chosen"][0].isspace() or not row["prompt"]


@pytest.mark.parametrize(
    ("label", "truth"), [(1, True), ("0", False), ("True", True), (False, False)]
)
def test_labels_of_unpaired_preferences_become_booleans(label: object, truth: bool) -> None:
    one = examples({"prompt": "a", "completion": "b", "label": label})
    assert one.format == "unpaired-preference"
    assert one.rows[0]["label"] is truth


def test_other_labels_are_kept_as_classes() -> None:
    unlabelled = {"prompt": "a", "completion": "b"}
    one = examples({**unlabelled, "label": 0}, {**unlabelled, "label": 2})
    assert one.format == "prompt-completion"
    assert [row["label"] for row in one.rows] == [0, 2]
    assert examples({"text": "a", "label": 1}).rows == ({"text": "a", "label": 1},)


def test_other_columns_are_dropped() -> None:
    assert examples({"text": "a", "url": "b", "prompt": None}).columns == ("text",)
    assert examples({"messages": [ASK], "text": "a"}).columns == ("messages",)


def test_the_identity_depends_on_rows_and_format_only() -> None:
    one, other = examples({"text": "a"}), examples({"text": "b"})
    assert len(one) == 1
    assert one.identity == Examples("x", "text", ({"text": "a"},), "y").identity
    assert one.identity != other.identity != examples({"prompt": "b"}).identity


# Rejected rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"question": "Why?", "answer": "x" * 99}],
            r"sky: the columns question, answer do not form .* 'answer': 'x{36}\.\.\.\}",
        ),
        (
            [{"text": "a"}, {"test": "b"}],
            r"sky, row 2: no text, which row 1 has; the row is \{'test': 'b'\}",
        ),
        (
            [{"prompt": "a", "chosen": "b", "rejected": "c"}, {"chosen": "ab", "rejected": "ac"}],
            "row 2: no prompt, which row 1 has",
        ),
        ([{"text": 5}], "row 1: text is not a text: 5"),
        ([{"text": [ASK]}], r"row 1: text is not a text: \["),
        ([{"messages": "a"}], "row 1: messages is not a list of messages with role and content"),
        ([{"messages": []}], "row 1: messages is not a list of messages"),
        ([{"messages": [{"role": "user"}]}], "row 1: messages is not a list of messages"),
        ([{"prompt": [ASK], "completion": "b"}], "row 1: completion is not a list of messages"),
        ([{"prompt": "a"}, {"prompt": [ASK]}], "row 2: prompt is not a text"),
        ([{"text": "a"}, {"text": " \n"}], "row 2: no text in text; remove the row"),
        (
            [{"text": "a"}, {"text": "b\ud800"}],
            r"sky, row 2: text has a lone surrogate, U.D800, .*; remove it, or leave",
        ),
        (
            [{"messages": [{"role": "user", "content": "\ud800"}]}],
            "row 1: messages has a lone surrogate",
        ),
        ([{"chosen": [ASK], "rejected": [ASK]}], "have no common first message"),
    ],
)
def test_invalid_rows_are_reported(rows: list[Row], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        examples(*rows)


# Other forms of conversations


@pytest.mark.parametrize(
    ("row", "contents"),
    [
        (
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]},
            [("user", "hi"), ("assistant", "yes")],
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                    },
                    {"role": "assistant", "content": "yes"},
                ]
            },
            [("user", "a\nb"), ("assistant", "yes")],
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "add"},
                    {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]},
                    {"role": "tool", "content": "3"},
                    {"role": "assistant", "content": "three"},
                ]
            },
            [("user", "add"), ("assistant", ""), ("tool", "3"), ("assistant", "three")],
        ),
    ],
)
def test_other_forms_of_messages_are_converted(row: Row, contents: list[tuple[str, str]]) -> None:
    data = examples(row)
    assert data.format == "messages"
    messages = data.rows[0]["messages"]
    assert [(message["role"], message["content"]) for message in messages] == contents
    assert data.texts() == ["".join(f"{content}\n" for _, content in contents if content)]


def test_tool_calls_are_kept_for_chat_templates() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}
    kept = examples({"messages": [ASK, call]}).rows[0]["messages"][1]
    assert kept == {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]}


def test_a_picture_is_no_text() -> None:
    picture = {"role": "user", "content": [{"type": "image", "url": "x"}]}
    with pytest.raises(CorpusError, match="row 1: messages is not a list of messages"):
        examples({"messages": [picture]})
