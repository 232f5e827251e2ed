"""Examples from a file, a folder or the Hugging Face hub, with columns renamed if needed."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from elastic_core._core import Corpus, CorpusError, InvalidArgumentError
from elastic_core.corpora.sources import SPLIT, check_regular
from elastic_core.data.examples import Examples
from elastic_core.data.files import HUB, FileRows, places_of, read_hub, read_rows
from elastic_core.data.formats import COLUMNS, Row, abbreviated, in_format

_SLOT = re.compile(r"\{([^{}\n]+)\}")
_MISSING = object()


def load_examples(
    source: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    split: str = SPLIT,
) -> Examples:
    r"""Reads a data set into memory, in the format determined by its columns.

    Args:
        source: A file, a folder or a glob, read as a `Corpus` is: `.jsonl`, `.json`, `.csv`, `.tsv`
            and `.parquet` files have rows, all others are plain text; empty texts are skipped. If a
            folder consists of sub-folders of text, the name of the sub-folder is the `label` of
            each text. Or `hf:OWNER/NAME[/CONFIG][:SPLIT]` for a data set on the hub, which
            `datasets` caches.
        columns: The columns of the format, if under other names: `completion` may be `output`, and
            `prompt` may be the template `{instruction}\n{input}\n`; see `rename`. All other
            columns are dropped.
        name: Name in results; None: the source.
        split: What counts as a row in plain text: `document` (the file), `line` or `paragraph`.

    Raises:
        InvalidArgumentError: Text lies beside sub-folders or rows, `split` applies to no file, or
            a library is not installed.
        CorpusError: There are no rows, a file is damaged, the columns form no known format, a row
            lacks a column, or the hub data set cannot be loaded.
        OSError: A path does not exist or cannot be read.
    """
    source = os.fspath(source)
    read = _read(source, _wanted(columns), split)
    try:
        return _examples(read, columns, name or source, source)
    except CorpusError:
        # The message lists the columns of a row, so it needs all of them.
        return _examples(_read(source, None, split), columns, name or source, source)


def _wanted(columns: Mapping[str, str] | None) -> list[str]:
    """The columns that make up the new columns, or any format."""
    if not columns:
        return sorted({"conversations", *(name for names in COLUMNS.values() for name in names)})
    names = [name for old in columns.values() for name in _SLOT.findall(old) or [old]]
    return sorted({part for name in names for part in (name, name.partition(".")[0])})


def _read(source: str, columns: Sequence[str] | None, split: str) -> FileRows:
    """The rows of all files or of a data set on the hub, or the texts of plain text files."""
    if source.startswith(HUB):
        _check_split(source, split)
        rows = read_hub(source, columns)
        return FileRows(rows, [(source, "row", number + 1) for number in range(len(rows))])
    corpus = Corpus(source, split=split)
    check_regular(corpus)
    if not corpus.reads_rows:
        return _texts(corpus, Path(source))
    if corpus.reads_text:
        raise InvalidArgumentError(
            f"{source}: some files are plain text, but others have rows; name one file, or a glob "
            "such as *.jsonl"
        )
    _check_split(source, split)
    return read_rows(corpus, columns)


def _examples(
    read: FileRows, columns: Mapping[str, str] | None, name: str, source: str
) -> Examples:
    """Rows with their columns renamed, in the format that these form."""
    if not read.rows:
        raise CorpusError(f"{source}: no rows in it; name a file that has some")
    rows: Sequence[Row] = read.rows
    if columns:
        rows = rename(rows, columns, source, read.place)
    kind, rows = in_format(rows, source, read.place)
    return Examples(name, kind, rows, source)


def _check_split(source: str, split: str) -> None:
    """Refuses a split for files with rows."""
    if split != SPLIT:
        raise InvalidArgumentError(
            f"{source}: a split applies to plain text, but these are rows; leave it out"
        )


def _texts(corpus: Corpus, folder: Path) -> FileRows:
    """The texts of plain text files, labelled by sub-folder if they all lie in one."""
    is_folder = folder.is_dir()
    folders = {
        file: Path(file).relative_to(folder).parts[:-1] if is_folder else ()
        for file in corpus.files
    }
    beside = [file for file, parents in folders.items() if not parents]
    if beside and len(beside) < len(folders):
        raise InvalidArgumentError(
            f"{folder}: {Path(beside[0]).name} lies beside sub-folders, which are labels; "
            "name a sub-folder, or move the file"
        )
    read = FileRows([], [])
    for batch in corpus.batches():
        for place, text in zip(places_of(batch), batch.texts, strict=True):
            if text.strip():
                file = place[0]
                label = {"label": folders[file][0]} if folders[file] else {}
                read.rows.append({"text": _decoded(text, file), **label})
                read.places.append(place)
    return read


def _decoded(text: bytes, file: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{file}: not UTF-8 ({error.reason}); save it as UTF-8") from error


def rename(
    rows: Sequence[Row],
    columns: Mapping[str, str],
    source: str,
    place: Callable[[int], str] | None = None,
) -> list[Row]:
    r"""Builds new columns from existing ones and drops all others.

    Args:
        rows: The rows as read.
        columns: For each new column an existing one, `completion=output`; or a template with names
            in braces, such as `prompt={instruction}\n{input}\n`. A line of a template is dropped
            if all columns that it names are empty. A dotted name accesses nested values:
            `answer.text`.
        source: Source of the rows, for error messages.
        place: The place of a row, counted from 1, for error messages; None: that in the source.

    Raises:
        CorpusError: A row lacks a column, or a template uses a value that is not a text or number.
    """
    place = place or (lambda number: f"{source}, row {number}")
    return [
        {new: _column(row, old, place(number)) for new, old in columns.items()}
        for number, row in enumerate(rows, 1)
    ]


def _column(row: Row, old: str, place: str) -> Any:
    """The value of a new column in a row."""
    if not _SLOT.search(old):
        return _value(row, old, place)
    lines = []
    for line in old.splitlines(keepends=True):
        texts = [_text(row, name, place) for name in _SLOT.findall(line)]
        if any(texts) or not texts:
            parts = iter(texts)
            lines.append(_SLOT.sub(lambda _, parts=parts: next(parts), line))  # type: ignore[misc]
    return "".join(lines)


def _text(row: Row, name: str, place: str) -> str:
    """The text that a template inserts for a name."""
    value = _value(row, name, place)
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise CorpusError(
        f"{place}: {name} is neither a text nor a number; the row is {abbreviated(row)}"
    )


def _value(row: Row, name: str, place: str) -> Any:
    """The value under a name, or nested under a dotted name."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
    if value is _MISSING:
        raise CorpusError(
            f"{place}: no column {name}; the columns are {', '.join(row)}; the row is "
            f"{abbreviated(row)}"
        )
    return value
