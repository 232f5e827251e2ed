"""YAML 1.2: what texts mean, what is refused, and writing what is read back."""

import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.common.yaml import parse_yaml, parse_yaml_file, yaml_text

LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("[yes, on, Off, y]", ["yes", "on", "Off", "y"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("010", 10),
        ("[0o10, 0x1F, -3, +4]", [8, 31, -3, 4]),
        ("[1:30]", ["1:30"]),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        ("[1e-5, .5, 1., -1.5E3]", [1e-5, 0.5, 1.0, -1500.0]),
        ("[.inf, -.Inf]", [math.inf, -math.inf]),
        ("[null, ~, '', 'null']", [None, None, "", "null"]),
        ("['5', \"010\", !!str 5, ! 5]", ["5", "010", "5", "5"]),
        ("a:\n  b: |\n    x\n    y\n", {"a": {"b": "x\ny\n"}}),
        ("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}}),
        ("", None),
        ("%YAML 1.1\n---\n[no, 010]", ["no", 10]),
        ("9" * 301, "9" * 301),
    ],
)
def test_a_text_means_what_the_core_schema_says(text: str, value: Any) -> None:
    result = parse_yaml(text, "x")
    assert result == value
    assert repr(result) == repr(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_yaml(".nan", "x"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "seeds: 3\nmodel: x\nseeds: 9",
            "x: line 3: the key seeds is there twice, first in line 1",
        ),
        ("{a: {b: 1, b: 2}}", "x: line 1: the key b is there twice"),
        ("10: a\n010: b", "the key 10 is there twice"),
        ("a: [", "x: line 1: not YAML"),
        ("a: *b", "*b stands for nothing before it"),
        ("a: &a [*a]", "*a stands for nothing before it"),
        ("a: !!float x", "the tag !!float is not supported; leave it out"),
        ("a: !!python/object:os.system {}", "is not supported"),
        ("? [1]\n: 2", "[1] cannot be a key"),
        ("a: 1\n---\nb: 2", "a second document begins"),
        ("<<: 5", "the key << needs a mapping"),
        ("a: \x00", "not YAML (special characters are not allowed)"),
        (r'"\UFFFFFFFF"', "not YAML"),
        (r'"\xZZ"', "not YAML"),
        (r'"\ud800"', "half of a surrogate pair"),
        ("[" * 10_000, "more than 32 levels of nesting"),
        ("- " * 10_000, "more than 32 levels of nesting"),
        ("{a: " * 10_000, "more than 32 levels of nesting"),
        (LAUGHS, "more than 100,000 values, with those that aliases repeat"),
    ],
)
def test_other_texts_are_refused_in_one_short_sentence(text: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidArgumentError) as error:
        parse_yaml(text, "x")
    assert time.process_time() - start < 3
    assert message in str(error.value)
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


def test_a_file_is_bounded_and_utf8(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    for content, message in ((b"a: \xff", "not UTF-8 at byte 3"), (b"#" * 300_000, "256 KiB")):
        file.write_bytes(content)
        with pytest.raises(InvalidArgumentError, match=message):
            parse_yaml_file(file)
    file.write_bytes("\ufeffa: é".encode())
    assert parse_yaml_file(file) == {"a": "é"}


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.sampled_from(
    ["no", "010", "1:30", "1e5", "0o7", "~", "<<", "", "=", "2026-01-02", "1_0", ".inf", "08", "\n"]
)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**40), 10**40)
        | st.floats(allow_nan=False)
        | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert repr(parse_yaml(yaml_text(value), "x")) == repr(value)
