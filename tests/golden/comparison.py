"""Compares two golden runs: exit codes, printed results, files.

Numbers, keys, columns and names must be identical. Prose may be reworded, but must have the same
numbers. Models, trees and compressed files must have the same bytes. Figures must have the same
lines as SVG; their PNG files are ignored. `VARYING` lists what differs from run to run, `ALLOWED`
what may differ between versions.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROSE = frozenset(
    {"question", "protocol", "claim", "words", "note", "notes", "title", "caption", "description"}
)
"""Keys of JSON whose strings are prose."""

VARYING = frozenset(
    {
        "time",  # when a cell finished
        "last",  # when the last cell finished
        "seconds",  # how long a cell took
        "tokens_per_second",
        "versions",  # of Python and libraries
        "platform",
        "elastic_core",
    }
)
"""Keys whose values vary from run to run; only their presence is compared."""

UNORDERED = frozenset({"target_modules"})
"""Keys of lists whose order is ignored; PEFT stores this one as a set."""

VARYING_TEXT = (
    (r"time left: about .*", "dry runs estimate by how long cells took"),
    (r"\d+%\s+CI\s+", "findings name the level of their intervals"),
    (r"(?s)<dt>(time in cells|last cell done)</dt>\s*<dd>.*?</dd>", "the same on a report's page"),
)
"""Patterns that are removed from text, and why."""


_PROGRESS = re.compile(
    r"(?m)^(?:read|sort|merge|join|open|measure|rate|codebook|write|compress|decompress|learn|score"
    r"|tokenize|train|bootstrap|resample|compare|run)\b.*: [\d.,]+.*\n?"
)
"""Progress lines on standard error; their number depends on the speed."""


@dataclass(frozen=True)
class Allowance:
    """An allowed difference in one case.

    Attributes:
        case: The case.
        where: Pattern of a whole file name, or of the path of a value in JSON or CSV: keys
            separated by dots, `[]` for an item of a list.
        text: Pattern that is removed from printed text.
        reason: Why.
    """

    case: str
    where: str
    text: str
    reason: str


ALLOWED = (
    Allowance(
        case="elasticity-sequential",
        where=r".*\.trained\..*\.(low|high|law)|out/trained-.*\.svg",
        text=r"(?ms) *±[^\s),;|]+|\[[^\]]*\]|^(?:joint|sequential), (?:un)?seen text, .*",
        reason="intervals over seeds of trained tree models, and the conclusions from them: the "
        "ends, the band of the figure, and the text below the table",
    ),
)
"""Differences that were intended."""

_NUMBER = re.compile(r"--[a-z][a-z-]*|[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
"""A printed number; names of options count as numbers."""

_MINUS_ZERO = re.compile(r"^-(0(?:\.0+)?)$")

_SAME_BYTES = (".ec", ".ectm", ".safetensors", ".bin", ".txt")
_MOST = 20
"""Maximum number of differences reported per file or output."""


@dataclass
class Comparison:
    """The result of comparing two runs.

    Attributes:
        counts: Number of compared values, by case.
        differences: A line per difference, which begins with the case.
    """

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def of_case(self, case: str) -> int:
        """The number of differences of a case."""
        return sum(line.partition(" ")[0] == case for line in self.differences)


def compare(before: Path, after: Path) -> Comparison:
    """Compares all cases of two golden runs."""
    result = Comparison()
    cases = [{file.parent.name for file in run.glob("*/done.json")} for run in (before, after)]
    for case in sorted(cases[0] | cases[1]):
        pair = _Pair(case, result)
        if pair.same("case", case in cases[0], case in cases[1]):
            _compare_case(pair, before / case, after / case)
    pair = _Pair("inputs", result)
    _compare_names(pair, before / "inputs", after / "inputs", Path.read_bytes)
    return result


class _Pair:
    """Compares the values of one case of two runs and records differences."""

    def __init__(self, case: str, result: Comparison) -> None:
        self.case = case
        self.result = result
        self.allowed = [allowance for allowance in ALLOWED if allowance.case == case]
        self.place = ""
        self.reported = 0

    def within(self, place: str) -> None:
        """Moves on to another file or output."""
        self.place, self.reported = place, 0

    def same(self, where: str, before: Any, after: Any) -> bool:
        """Compares two plain values by `repr`, which distinguishes 1 from 1.0 and equates NaNs."""
        self.result.counts[self.case] += 1
        if repr(before) == repr(after):
            return True
        self.reported += 1
        if self.reported <= _MOST:
            what = f"{_short(before)} is now {_short(after)}"
            self._note(f"{where}: {what}" if where else what)
        elif self.reported == _MOST + 1:
            self._note("there is more")
        return False

    def values(self, where: str, before: Any, after: Any, key: str = "") -> None:
        """Compares two trees of plain values; `key` is their closest parent key."""
        if self.may_differ(where):
            return
        if isinstance(before, dict) and isinstance(after, dict):
            self.same(f"{where} keys", list(before), list(after))
            for name in (name for name in before if name in after and name not in VARYING):
                self.values(f"{where}.{name}" if where else name, before[name], after[name], name)
        elif isinstance(before, list) and isinstance(after, list):
            if key in UNORDERED:
                before, after = sorted(before), sorted(after)
            if self.same(f"{where} length", len(before), len(after)):
                for one, other in zip(before, after, strict=True):
                    self.values(f"{where}[]", one, other, key)
        elif key in PROSE and isinstance(before, str) and isinstance(after, str):
            self.same(where, sorted(numbers(before)), sorted(numbers(after)))
        else:
            self.same(where, before, after)

    def text(self, where: str, before: str, after: str) -> None:
        """Compares the numbers of two texts, in order."""
        one, other = (numbers(self._without_allowed(text)) for text in (before, after))
        self.result.counts[self.case] += len(one)
        if one != other:
            at = next(
                (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            self.same(f"{where} from number {at + 1} on", one[at : at + 9], other[at : at + 9])

    def may_differ(self, where: str) -> bool:
        """Whether `ALLOWED` has the path."""
        return any(re.fullmatch(allowance.where, where) for allowance in self.allowed)

    def _without_allowed(self, text: str) -> str:
        for allowance in self.allowed:
            text = re.sub(allowance.text, "", text)
        return text

    def _note(self, line: str) -> None:
        self.result.differences.append(f"{self.case} {self.place}: {line}")


def numbers(text: str) -> list[str]:
    """The printed numbers in a text, without those that vary from run to run."""
    for pattern, _ in VARYING_TEXT:
        text = re.sub(pattern, "", text)
    return [_MINUS_ZERO.sub(r"\1", number) for number in _NUMBER.findall(text)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _compare_case(pair: _Pair, before: Path, after: Path) -> None:
    runs = [json.loads((folder / "done.json").read_text()) for folder in (before, after)]
    roots = [run["folder"] for run in runs]
    commands = [[record["command"] for record in run["commands"]] for run in runs]
    pair.same("commands", *commands)
    for one, other in zip(*(run["commands"] for run in runs), strict=False):
        pair.within(f"`{one['command'] or 'elastic-core'}`")
        pair.same("exit code", one["code"], other["code"])
        for stream in ("out", "err"):
            texts = [
                record[stream].replace(root, "DIR")
                for record, root in zip((one, other), roots, strict=True)
            ]
            if stream == "err":
                texts = [_PROGRESS.sub("", text) for text in texts]
            pair.same(f"{stream} is empty", *(not text.strip() for text in texts))
            _compare_text(pair, texts[0], texts[1], _form(one["command"], stream))

    def read(file: Path) -> bytes:
        root = roots[0] if file.is_relative_to(before) else roots[1]
        return file.read_bytes().replace(root.encode(), b"DIR")

    _compare_names(pair, before / "files", after / "files", read)


def _form(command: str, stream: str) -> str:
    """The file extension of the format that a command prints."""
    match = re.search(r"--format (json|csv)\b", command)
    return f".{match[1]}" if match and stream == "out" and "--dry-run" not in command else ".txt"


def _compare_names(pair: _Pair, before: Path, after: Path, read: Callable[[Path], bytes]) -> None:
    """Compares two folders: file names, then contents."""
    pair.within("files")
    names = [
        {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_symlink()}
        for folder in (before, after)
    ]
    for name in sorted(names[0] ^ names[1]):
        pair.same(name, name in names[0], name in names[1])
    for name in sorted(name for name in names[0] & names[1] if not pair.may_differ(name)):
        pair.within(name)
        one, other = before / name, after / name
        pair.same("is a file", one.is_file(), other.is_file())
        if one.is_file() and other.is_file():
            _compare_files(pair, one, other, read)


def _compare_files(pair: _Pair, before: Path, after: Path, read: Callable[[Path], bytes]) -> None:
    one, other, ending = read(before), read(after), before.suffix
    if one == other or ending == ".png":
        pair.result.counts[pair.case] += 1
    elif ending == ".parquet":
        _compare_parquet(pair, before, after)
    elif ending in _SAME_BYTES or b"\0" in one:
        pair.same("bytes", f"{len(one)} bytes", f"{len(other)} bytes, or others of them")
    else:
        _compare_text(pair, one.decode(), other.decode(), ending)


def _compare_text(pair: _Pair, before: str, after: str, form: str) -> None:
    """Compares two texts in a format, which is given by its file extension."""
    readers: dict[str, Callable[[str], Any]] = {
        ".json": json.loads,
        ".jsonl": _rows,
        ".csv": lambda text: list(csv.DictReader(io.StringIO(text))),
        ".yaml": _yaml,
        ".svg": _lines,
    }
    if form not in readers or not before or not after:
        pair.text("text", before, after)
        return
    try:
        values = [readers[form](text) for text in (before, after)]
    except ValueError as error:
        pair.same(f"not {form}", before, f"{after} ({error})")
        return
    pair.values("", *values)


def _rows(text: str) -> list[Any]:
    """The rows of JSON lines; cells are sorted by key, because processes finish in any order."""
    rows = [json.loads(line) for line in text.splitlines()]
    if rows and all(isinstance(row, dict) and "key" in row for row in rows):
        rows.sort(key=lambda row: str(row["key"]))
    return rows


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def _lines(text: str) -> list[str]:
    """The shapes of an SVG, without its text."""
    return re.findall(r"\bd=\"[^\"]*\"|<use [^>]*>", text)


def _compare_parquet(pair: _Pair, before: Path, after: Path) -> None:
    """Compares the columns and rows of Parquet files, and the bytes of trees."""
    from pyarrow import parquet

    tables = [parquet.read_table(file) for file in (before, after)]
    is_same = pair.same("schema", *(str(table.schema) for table in tables))
    pair.same("rows", *(table.num_rows for table in tables))
    for name in tables[0].column_names if is_same else ():
        columns = [table[name].to_pylist() for table in tables]
        pair.values(name, *columns)
    if not before.name.startswith("scores"):
        pair.same("bytes", "as they were", "others")
