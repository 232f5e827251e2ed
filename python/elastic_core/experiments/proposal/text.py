"""The text of a proposed configuration."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elastic_core.common.printable import printable
from elastic_core.common.yaml import yaml_text

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Section:
    """Keys of a configuration with a comment above them.

    Attributes:
        values: The keys and their values.
        comment: The comment, of one or several paragraphs; empty: there is none.
    """

    values: dict[str, Any]
    comment: str


def config_text(sections: Sequence[Section]) -> str:
    """The sections as YAML, one after another."""
    texts = []
    for section in sections:
        keys = (_key_text(key, value) for key, value in section.values.items())
        texts.append(f"{_comment(section.comment)}{''.join(keys)}")
    return "\n".join(texts)


def _key_text(key: str, value: Any) -> str:
    """A key and its value, of which lists and mappings without nested ones are on one line."""
    if not isinstance(value, list | dict):
        return yaml_text({key: value})
    text = yaml_text(value, is_compact=True)
    if text[0] in "[{":
        return f"{key}: {textwrap.indent(text, '  ').lstrip()}"
    return f"{key}:\n{textwrap.indent(text, '  ')}"


def _comment(text: str) -> str:
    """A text as lines of comment."""
    paragraphs = (
        textwrap.fill(
            printable(line), _WIDTH, initial_indent="# ", subsequent_indent="#   ",
            break_long_words=False, break_on_hyphens=False,
        )
        for line in text.splitlines()
    )  # fmt: skip
    return "".join(f"{paragraph}\n" for paragraph in paragraphs)
