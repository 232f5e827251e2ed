"""YAML 1.2 with its core schema, in and out: `no` is text, 010 is ten, keys are unique.

Files may come from strangers, so size, nesting and aliases are bounded and tags are refused.
"""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.messages import abridged

_MAX_BYTES = 256 << 10
_MAX_DEPTH = 32
_MAX_VALUES = 100_000
_MAX_DIGITS = 300  # Python converts at most 4,300; no number here needs that many.

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASES = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.nan|\.NaN|\.NAN")
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")


def parse_yaml_file(file: Path) -> Any:
    """The value in a UTF-8 file, whatever the locale.

    Raises:
        InvalidArgumentError: As in `parse_yaml`, or the file is too large or not UTF-8.
        OSError: The file cannot be read.
    """
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InvalidArgumentError(
            f"{file}: more than {_MAX_BYTES >> 10} KiB, which no configuration needs; name another "
            "file"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(
            f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error
    return parse_yaml(text, str(file))


def parse_yaml(text: str, where: str) -> Any:
    """The value of a text: None, a bool, int, float, str, list or dict, nested.

    Args:
        text: One YAML document.
        where: Where the text comes from, for error messages.

    Raises:
        InvalidArgumentError: The text is not YAML, has a key twice, a tag or several documents, or
            is nested too deeply, also through aliases.
    """
    builder = _Builder(where)
    for event in _events(text, where):
        builder.add(event)
    return builder.value


def _events(text: str, where: str) -> Iterator[Any]:
    """The events of ruamel.yaml's parser, whose errors become one sentence."""
    from ruamel.yaml import YAML

    events = YAML(typ="safe", pure=True).parse(text)
    while True:
        try:
            event: Any = next(events, None)
        except Exception as error:  # besides its own, whatever a malformed escape leads to
            mark = getattr(error, "problem_mark", None)
            place = f"line {mark.line + 1}: " if mark else ""
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
            message = f"{where}: {place}not YAML ({' '.join(str(reason).split())}); fix it"
            raise InvalidArgumentError(message) from error
        if event is None:
            return
        yield event


def yaml_text(value: Any, *, is_compact: bool = False) -> str:
    """A value of `parse_yaml` as YAML, keys in their order.

    Args:
        value: The value.
        is_compact: Whether lists and mappings without nested ones are written on one line.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None if is_compact else False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read.

    Attributes:
        value: What it contains so far.
        anchor: Its anchor, if any.
        line: Its line, from 1.
        size: Values in it, with those of aliases.
        lines: The line of each key.
        merged: Mappings under the key `<<`, whose keys it gets unless it has its own.
        key: The key whose value comes next; empty: a key comes next.
    """

    value: list[Any] | dict[Any, Any]
    anchor: str | None
    line: int
    size: int = 1
    lines: dict[Any, int] = field(default_factory=dict)
    merged: list[Any] = field(default_factory=list)
    key: tuple[Any, ...] = ()


class _Builder:
    """Builds a value from the events of a parser, without recursion.

    Args:
        where: Where the text comes from, for error messages.
    """

    def __init__(self, where: str) -> None:
        self.value: Any = None
        self._where = where
        self._documents = 0
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Any, int]] = {}

    def add(self, event: Any) -> None:
        """Takes the next event."""
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise self._error(line, "a second document begins; keep one to a file")
            case "SequenceStartEvent":
                self._begin(event, line, [])
            case "MappingStartEvent":
                self._begin(event, line, {})
            case "SequenceEndEvent" | "MappingEndEvent":
                self._end()
            case "ScalarEvent":
                value = self._scalar(event, line)
                if event.anchor:
                    self._anchored[event.anchor] = (value, 1)
                is_merge = value == "<<" and event.implicit[0]
                self._put(value, 1, line, is_merge=is_merge)
            case "AliasEvent":
                if event.anchor not in self._anchored:
                    raise self._error(line, f"*{event.anchor} stands for nothing before it")
                self._put(*self._anchored[event.anchor], line)

    def _begin(self, event: Any, line: int, value: list[Any] | dict[Any, Any]) -> None:
        if event.tag and not event.implicit:
            raise self._tag_error(line, event.tag)
        if len(self._open) == _MAX_DEPTH:
            raise self._error(line, f"more than {_MAX_DEPTH} levels of nesting; flatten it")
        self._open.append(_Open(value, event.anchor, line))

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.value, dict):
            for mapping in ended.merged:
                for key, value in mapping.items():
                    ended.value.setdefault(key, value)
        if ended.anchor:
            self._anchored[ended.anchor] = (ended.value, ended.size)
        self._put(ended.value, ended.size, ended.line)

    def _put(self, value: Any, size: int, line: int, *, is_merge: bool = False) -> None:
        """Adds a value to the innermost open list or mapping; if there is none, it is the result.

        Args:
            value: The value.
            size: Values in it, with those of aliases.
            line: Its line.
            is_merge: Whether it is the key `<<`.
        """
        if not self._open:
            self.value = value
            return
        outer = self._open[-1]
        outer.size += size
        if outer.size > _MAX_VALUES:
            raise self._error(
                line, f"more than {_MAX_VALUES:,} values, with those that aliases repeat"
            )
        if isinstance(outer.value, list):
            outer.value.append(value)
        elif outer.key:
            (key,), outer.key = outer.key, ()
            if key is _MERGE:
                outer.merged += self._mappings(value, line)
            else:
                outer.value[key] = value
        else:
            outer.key = (_MERGE,) if is_merge else (self._new_key(outer, value, line),)

    def _new_key(self, outer: _Open, key: Any, line: int) -> Any:
        if isinstance(key, list | dict):
            raise self._error(line, f"{abridged(key)} cannot be a key; write KEY: VALUE")
        if key in outer.lines:
            raise self._error(
                line, f"the key {key} is there twice, first in line {outer.lines[key]}; remove one"
            )
        outer.lines[key] = line
        return key

    def _mappings(self, value: Any, line: int) -> Iterator[dict[Any, Any]]:
        for mapping in value if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise self._error(line, "the key << needs a mapping, such as *NAME")
            yield mapping

    def _scalar(self, event: Any, line: int) -> Any:
        """The value of a scalar: text if it is quoted, else as its form says."""
        try:
            event.value.encode()
        except UnicodeEncodeError as error:
            raise self._error(line, "half of a surrogate pair is not text; remove it") from error
        if event.tag and event.tag not in _TEXT_TAGS:
            raise self._tag_error(line, event.tag)
        is_plain = event.implicit[0] and event.style in (None, "")
        return _plain(event.value) if is_plain and not event.tag else event.value

    def _tag_error(self, line: int, tag: str) -> InvalidArgumentError:
        name = str(tag).replace("tag:yaml.org,2002:", "!!")
        return self._error(line, f"the tag {abridged(name)[1:-1]} is not supported; leave it out")

    def _error(self, line: int, reason: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"{self._where}: line {line}: {reason}")


_MERGE = object()


def _plain(text: str) -> Any:
    """The value of an unquoted text by the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else text
    if _BASES.fullmatch(text):
        return int(text, 0) if len(text) <= _MAX_DIGITS else text
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITY.fullmatch(text):
        return math.copysign(math.inf, -1 if match[1] == "-" else 1)
    return math.nan if _NAN.fullmatch(text) else text
