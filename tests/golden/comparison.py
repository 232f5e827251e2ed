"""Whether two golden runs came to the same: exit codes, printed results, files.

Numbers, keys, columns and names have to be the same to the last digit. Prose may have other words
with the same numbers. Models, trees and coded files have to be the same bytes. A drawing has to
have the same lines; of a PNG nothing is read, for there is an SVG beside it. What changes from one
run to the next is in `VARYING`, what may change from one version to the next in `ALLOWED`.
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
        "time",  # when a cell was done
        "last",  # when the last one was
        "seconds",  # how long it took
        "tokens_per_second",
        "versions",  # of Python and libraries, which are not what is compared
        "platform",
        "elastic_core",
    }
)
"""Keys whose values are those of one run; they have to be there, whatever they say."""

UNORDERED = frozenset({"target_modules"})
"""Keys of lists in any order: that of an adapter is a set of PEFT's."""

VARYING_TEXT = (
    (r"time left: about .*", "dry runs estimate by how long cells took"),
    (r"\d+%\s+CI\s+", "findings name the level of their intervals"),
    (r"(?s)<dt>(time in cells|last cell done)</dt>\s*<dd>.*?</dd>", "the same on a report's page"),
)
"""Patterns in text that are taken out, and why."""


_PROGRESS = re.compile(
    r"(?m)^(?:read|sort|merge|join|open|measure|rate|codebook|write|compress|decompress|learn|score"
    r"|tokenize|train|bootstrap|resample|compare|run)\b.*: [\d.,]+.*\n?"
)
"""Lines of progress on standard error, of which a slow run has more."""


@dataclass(frozen=True)
class Allowance:
    """What may be different in one case.

    Attributes:
        case: The case.
        where: What is wholly matched by a file, or by the place of a value in JSON or CSV: keys
            with dots, `[]` for a place in a list.
        text: What is taken out of printed text.
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
        reason="intervals over seeds of trained tree models, and what is concluded from them: the "
        "ends, the band of the figure, and all that is said below the table",
    ),
)
"""What a change may alter on purpose."""

_NUMBER = re.compile(r"--[a-z][a-z-]*|[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
"""A number as it is printed; the name of an option counts as one."""

_MINUS_ZERO = re.compile(r"^-(0(?:\.0+)?)$")

_SAME_BYTES = (".ec", ".ectm", ".safetensors", ".bin", ".txt")
_MOST = 20
"""Differences reported for one file or one output."""


@dataclass
class Comparison:
    """Two runs, and what was found.

    Attributes:
        counts: How many things were compared, by case.
        differences: A line for each difference, which begins with its case.
    """

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def of_case(self, case: str) -> int:
        """How many differences a case has."""
        return sum(line.partition(" ")[0] == case for line in self.differences)


def compare(before: Path, after: Path) -> Comparison:
    """Compares all cases of two folders that `run` made."""
    found = Comparison()
    cases = [{file.parent.name for file in run.glob("*/done.json")} for run in (before, after)]
    for case in sorted(cases[0] | cases[1]):
        pair = _Pair(case, found)
        if pair.same("case", case in cases[0], case in cases[1]):
            _compare_case(pair, before / case, after / case)
    pair = _Pair("inputs", found)
    _compare_names(pair, before / "inputs", after / "inputs", Path.read_bytes)
    return found


class _Pair:
    """The same case of both runs: compares values and notes what is not the same."""

    def __init__(self, case: str, found: Comparison) -> None:
        self.case = case
        self.found = found
        self.allowed = [each for each in ALLOWED if each.case == case]
        self.place = ""
        self.told = 0

    def within(self, place: str) -> None:
        """Goes on with another file or output."""
        self.place, self.told = place, 0

    def same(self, where: str, before: Any, after: Any) -> bool:
        """Compares two plain values; `repr` tells 1 from 1.0 and has NaN equal to itself."""
        self.found.counts[self.case] += 1
        if repr(before) == repr(after):
            return True
        self.told += 1
        if self.told <= _MOST:
            what = f"{_short(before)} is now {_short(after)}"
            self._note(f"{where}: {what}" if where else what)
        elif self.told == _MOST + 1:
            self._note("there is more")
        return False

    def values(self, where: str, before: Any, after: Any, key: str = "") -> None:
        """Compares two trees of plain values; `key` is the nearest key above them."""
        if self.may_differ(where):
            return
        if isinstance(before, dict) and isinstance(after, dict):
            self.same(f"{where} keys", list(before), list(after))
            for name in (each for each in before if each in after and each not in VARYING):
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
        """Compares the numbers of two texts, in their order."""
        one, other = (numbers(self._without_allowed(text)) for text in (before, after))
        self.found.counts[self.case] += len(one)
        if one != other:
            at = next(
                (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            self.same(f"{where} from number {at + 1} on", one[at : at + 9], other[at : at + 9])

    def may_differ(self, where: str) -> bool:
        """Whether a place is in `ALLOWED`."""
        return any(re.fullmatch(each.where, where) for each in self.allowed)

    def _without_allowed(self, text: str) -> str:
        for each in self.allowed:
            text = re.sub(each.text, "", text)
        return text

    def _note(self, line: str) -> None:
        self.found.differences.append(f"{self.case} {self.place}: {line}")


def numbers(text: str) -> list[str]:
    """The numbers in a text, as they are printed, without those of this run alone."""
    for pattern, _ in VARYING_TEXT:
        text = re.sub(pattern, "", text)
    return [_MINUS_ZERO.sub(r"\1", number) for number in _NUMBER.findall(text)]


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 200 else f"{told[:200]}..."


def _compare_case(pair: _Pair, before: Path, after: Path) -> None:
    runs = [json.loads((folder / "done.json").read_text()) for folder in (before, after)]
    roots = [run["folder"] for run in runs]
    commands = [[each["command"] for each in run["commands"]] for run in runs]
    pair.same("commands", *commands)
    for one, other in zip(*(run["commands"] for run in runs), strict=False):
        pair.within(f"`{one['command'] or 'elastic-core'}`")
        pair.same("exit code", one["code"], other["code"])
        for stream in ("out", "err"):
            texts = [
                each[stream].replace(root, "DIR")
                for each, root in zip((one, other), roots, strict=True)
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
    """The ending of a file of the form that a command prints."""
    found = re.search(r"--format (json|csv)\b", command)
    return f".{found[1]}" if found and stream == "out" and "--dry-run" not in command else ".txt"


def _compare_names(pair: _Pair, before: Path, after: Path, read: Callable[[Path], bytes]) -> None:
    """Compares two folders: the names in them, then what the files hold."""
    pair.within("files")
    names = [
        {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_symlink()}
        for folder in (before, after)
    ]
    for name in sorted(names[0] ^ names[1]):
        pair.same(name, name in names[0], name in names[1])
    for name in sorted(each for each in names[0] & names[1] if not pair.may_differ(each)):
        pair.within(name)
        one, other = before / name, after / name
        pair.same("is a file", one.is_file(), other.is_file())
        if one.is_file() and other.is_file():
            _compare_files(pair, one, other, read)


def _compare_files(pair: _Pair, before: Path, after: Path, read: Callable[[Path], bytes]) -> None:
    one, other, ending = read(before), read(after), before.suffix
    if one == other or ending == ".png":
        pair.found.counts[pair.case] += 1
    elif ending == ".parquet":
        _compare_parquet(pair, before, after)
    elif ending in _SAME_BYTES or b"\0" in one:
        pair.same("bytes", f"{len(one)} bytes", f"{len(other)} bytes, or others of them")
    else:
        _compare_text(pair, one.decode(), other.decode(), ending)


def _compare_text(pair: _Pair, before: str, after: str, form: str) -> None:
    """Compares two texts by their form, which is the ending of such a file."""
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
    """The rows of JSON lines, those of cells by their key, for processes end in any order."""
    rows = [json.loads(line) for line in text.splitlines()]
    if rows and all(isinstance(row, dict) and "key" in row for row in rows):
        rows.sort(key=lambda row: str(row["key"]))
    return rows


def _yaml(text: str) -> Any:
    import yaml

    return yaml.safe_load(text)


def _lines(text: str) -> list[str]:
    """What an SVG draws, without its texts."""
    return re.findall(r"\bd=\"[^\"]*\"|<use [^>]*>", text)


def _compare_parquet(pair: _Pair, before: Path, after: Path) -> None:
    """Compares the columns and rows of Parquet files; of a tree the bytes too."""
    from pyarrow import parquet

    tables = [parquet.read_table(file) for file in (before, after)]
    is_same = pair.same("schema", *(str(table.schema) for table in tables))
    pair.same("rows", *(table.num_rows for table in tables))
    for name in tables[0].column_names if is_same else ():
        columns = [table[name].to_pylist() for table in tables]
        pair.values(name, *columns)
    if not before.name.startswith("scores"):
        pair.same("bytes", "as they were", "others")
