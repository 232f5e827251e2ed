"""Examples from a file, a folder or the Hugging Face hub, with columns renamed if needed."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from elastic_core._core import Corpus, CorpusError, InvalidArgumentError
from elastic_core.corpora.sources import SPLIT, check_regular
from elastic_core.data.examples import Examples
from elastic_core.data.files import HUB, has_rows, read_hub, read_rows
from elastic_core.data.formats import Row, abbreviated, in_format

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
        source: A file, a folder or a glob. Files that `elastic_core.data.files.read_rows` reads
            hold rows, all others are plain text; empty texts are skipped. If a folder consists of
            sub-folders of text, the name of the sub-folder is the `label` of each text. Or
            `hf:OWNER/NAME[/CONFIG][:SPLIT]` for a data set on the hub, which `datasets` caches.
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
    rows: Sequence[Row]
    if source.startswith(HUB):
        _check_split(source, split)
        rows = read_hub(source)
        files = {source: len(rows)}
    else:
        rows, files = _local(source, split)
    if not rows:
        raise CorpusError(f"{source}: no rows in it; name a file that has some")
    if columns:
        rows = rename(rows, columns, source, partial(_place, files))
    kind, rows = in_format(rows, source, partial(_place, files))
    return Examples(name or source, kind, rows, source)


def _place(files: Mapping[str, int], number: int) -> str:
    """The file of a row, counted from 1 over all files, and its number in it."""
    for file, count in files.items():
        if number <= count:
            return f"{file}, row {number}"
        number -= count
    raise InvalidArgumentError(f"there is no row {number}")


def _local(source: str, split: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of all files, or the texts of plain text files, and how many each file has."""
    corpus = Corpus(source, split=split)
    check_regular(corpus)
    files = [Path(file) for file in corpus.files]
    plain = [file for file in files if not has_rows(file)]
    if len(plain) == len(files):
        texts = _texts(corpus, Path(source))
        return texts, {source: len(texts)}
    if plain:
        raise InvalidArgumentError(
            f"{source}: {plain[0].name} is plain text, but other files have rows; name one "
            "file, or a glob such as *.jsonl"
        )
    _check_split(source, split)
    rows = {str(file): read_rows(file) for file in files}
    return [row for file in files for row in rows[str(file)]], {
        file: len(read) for file, read in rows.items()
    }


def _check_split(source: str, split: str) -> None:
    """Refuses a split for files with rows."""
    if split != SPLIT:
        raise InvalidArgumentError(
            f"{source}: a split applies to plain text, but these are rows; leave it out"
        )


def _texts(corpus: Corpus, folder: Path) -> list[dict[str, Any]]:
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
    rows = []
    for batch in corpus.batches():
        for file, text in zip(batch.sources, batch.texts, strict=True):
            if text.strip():
                label = {"label": folders[file][0]} if folders[file] else {}
                rows.append({"text": _decoded(text, file), **label})
    return rows


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
