"""Conversations in the forms that data sets use, turned into messages with role and content.

| form | becomes |
|---|---|
| `{"role": "user", "content": "..."}` | the same |
| `{"from": "human", "value": "..."}` (ShareGPT) | role `user`; `gpt` becomes `assistant` |
| `content` is a list of parts, `{"type": "text", "text": "..."}` | the texts, a line each |
| `content` is null beside `tool_calls` | content is empty; the calls are kept for chat templates |
"""

from collections.abc import Mapping
from typing import Any

_ROLES = {"human": "user", "gpt": "assistant"}


def as_messages(value: Any) -> list[dict[str, Any]] | None:
    """A conversation of at least one message, each with a `role` and a `content` that are texts.

    Returns:
        The messages, the same objects where they have that form already; None if the value is no
        conversation.
    """
    if not isinstance(value, list) or not value:
        return None
    messages = [_message(item) for item in value]
    return None if None in messages else [message for message in messages if message is not None]


def plain_messages(messages: list[dict[str, Any]]) -> str:
    """The contents of messages, each followed by a line feed; tool calls are left out."""
    return "".join(
        f"{message['content']}\n"
        for message in messages
        if message["content"] or not message.get("tool_calls")
    )


def _message(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, Mapping):
        return None
    role, content = item.get("role"), item.get("content")
    if isinstance(role, str) and isinstance(content, str) and isinstance(item, dict):
        return item
    rest = dict(item)
    if role is None and content is None and "value" in item:
        role, content = rest.pop("from", None), rest.pop("value")
        role = _ROLES.get(role, role) if isinstance(role, str) else None
    if content is None and item.get("tool_calls"):
        content = ""
    if isinstance(content, list):
        content = _joined(content)
    if not isinstance(role, str) or not isinstance(content, str):
        return None
    return {**rest, "role": role, "content": content}


def _joined(parts: list[Any]) -> str | None:
    """The texts of parts; None if one is something else, such as an image."""
    values = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    texts = [value for value in values if isinstance(value, str)]
    return "\n".join(texts) if len(texts) == len(parts) else None
