"""Rows from files (JSON lines, JSON, CSV, TSV, Parquet) and from the Hugging Face hub."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from elastic_core._core import CorpusError, InvalidArgumentError
from elastic_core.common.extras import requires_extra

HUB = "hf:"
"""Prefix of the name of a data set on the hub."""

_OBJECT_PER_LINE = re.compile(r"\s*\{.*\}[ \t\r]*\n\s*\{")
_LONGEST_CELL = 2**31 - 1
_COMPRESSED = (".gz", ".xz", ".bz2", ".zst")


def has_rows(path: Path) -> bool:
    """Whether a file holds rows, judging by its extension."""
    return _extension(path) in _READERS


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads all rows of a file, in the format given by its extension.

    - `.jsonl`, `.ndjson`: one object per line; empty lines are skipped.
    - `.json`: a list of objects; or an object of columns, each a list with one entry per row, where
      other values and empty lists are ignored; or one object per line.
    - `.csv`: comma-separated, column names in the first line, quoted as in RFC 4180.
    - `.tsv`: tab-separated, column names in the first line, quotes taken literally.
    - `.parquet`, `.pq`: read with pyarrow.

    All but Parquet may be compressed as `.gz`, `.xz`, `.bz2` or `.zst`.

    Raises:
        CorpusError: The file is damaged or not in the format of its extension.
        InvalidArgumentError: pyarrow, which reads Parquet and `.zst`, is not installed.
        OSError: The file cannot be read.
    """
    try:
        return _READERS[_extension(path)](path)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorpusError(f"{path}: damaged ({error}); copy it again") from error


def read_hub(source: str) -> list[dict[str, Any]]:
    """Reads `hf:OWNER/NAME[/CONFIG][:SPLIT]`, by default the split `train`.

    No code that comes with a data set is run.

    Raises:
        InvalidArgumentError: `datasets` is not installed.
        CorpusError: The data set or split does not exist, or there is no network.
    """
    with requires_extra(source, "train", InvalidArgumentError):
        from datasets import load_dataset
    name, _, split = source.removeprefix(HUB).partition(":")
    owner, *rest = name.split("/", 2)
    repository, config = "/".join([owner, *rest[:1]]), rest[1] if len(rest) > 1 else None
    try:
        data = load_dataset(repository, config, split=split or "train")
    except Exception as error:  # of any file system, parser or network library
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CorpusError(f"{source}: `datasets` cannot load it: {reason}") from error
    rows: list[dict[str, Any]] = data.to_list()
    return rows


def _jsonl(path: Path) -> list[dict[str, Any]]:
    with _opened(path) as file:
        return _lines(file, path)


def _lines(lines: Iterable[str], path: Path) -> list[dict[str, Any]]:
    """The objects in the lines of a file; empty lines are skipped."""
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = _parsed(line, f"{path}, line {number}")
            if not isinstance(row, dict):
                raise CorpusError(f"{path}, line {number}: not a JSON object")
            rows.append(row)
    return rows


def _json(path: Path) -> list[dict[str, Any]]:
    with _opened(path) as file:
        text = file.read()
    if _OBJECT_PER_LINE.match(text):
        return _lines(io.StringIO(text), path)
    content = _parsed(text, str(path))
    if isinstance(content, dict):
        lists = [value for value in content.values() if value and isinstance(value, list)]
        if content and all(isinstance(values[0], dict) for values in lists):
            return [content]
        columns = {
            name: column for name, column in content.items() if column and isinstance(column, list)
        }
        if len({len(column) for column in columns.values()}) > 1:
            raise CorpusError(f"{path}: the columns {', '.join(columns)} differ in length")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise CorpusError(f"{path}: neither a list of objects nor an object of columns")
    return content


def _csv(path: Path) -> list[dict[str, Any]]:
    return _cells(path, {"strict": True})


def _tsv(path: Path) -> list[dict[str, Any]]:
    return _cells(path, {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _cells(path: Path, dialect: dict[str, Any]) -> list[dict[str, Any]]:
    with _opened(path) as file:
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.DictReader(file, **dialect)
        try:
            rows = list(reader)
        except csv.Error as error:
            place = f"{path}, line {reader.reader.line_num}"
            raise CorpusError(f"{place}: {error}; fix it, or write the rows as .jsonl") from error
    for number, row in enumerate(rows, 1):
        if None in row:
            raise CorpusError(f"{path}, row {number}: more cells than columns")
    return rows


def _parquet(path: Path) -> list[dict[str, Any]]:
    with requires_extra(str(path), "train", InvalidArgumentError):
        from pyarrow import ArrowInvalid, parquet
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except ArrowInvalid as error:
        raise CorpusError(f"{path}: incomplete Parquet file ({error}); copy it again") from error
    return rows


def _opened(path: Path) -> IO[str]:
    """Opens a file as text, decompressed and without a byte order mark."""
    match path.suffix.lower():
        case ".gz":
            file: Any = gzip.open(path)  # noqa: SIM115
        case ".xz":
            file = lzma.open(path)  # noqa: SIM115
        case ".bz2":
            file = bz2.open(path)  # noqa: SIM115
        case ".zst":
            with requires_extra(str(path), "train", InvalidArgumentError):
                from pyarrow import input_stream
            file = input_stream(path, compression="zstd")
        case _:
            file = path.open("rb")
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{place}: not JSON ({error})") from error
    except RecursionError as error:
        raise CorpusError(f"{place}: nested too deeply; flatten it") from error
    except ValueError:  # An integer with more digits than Python converts; as text it fits.
        return json.loads(text, parse_int=str)


def _extension(path: Path) -> str:
    """The extension of a file name, before that of its compression."""
    name = path.stem if path.suffix.lower() in _COMPRESSED else path.name
    return Path(name).suffix.lower()


_READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".pq": _parquet,
}
