"""A file, a folder or a data set of the Hugging Face hub becomes examples."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elastic_core._core import Corpus, CorpusError, InvalidArgumentError
from elastic_core.corpora.sources import SPLIT
from elastic_core.data.columns import rename
from elastic_core.data.examples import Examples
from elastic_core.data.files import has_rows, read_rows
from elastic_core.data.formats import Row, in_format
from elastic_core.data.hub import HUB, read_hub


def load_examples(
    source: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    split: str = SPLIT,
) -> Examples:
    r"""Reads a data set into memory, in the format that its columns make.

    Args:
        source: A file, a folder or a glob; files with rows are those that
            `elastic_core.data.files.read_rows` reads, all others are plain text, and
            empty ones do not count. A folder with sub-folders of text and nothing beside them
            gives each text the name of its sub-folder as `label`. Or
            `hf:OWNER/NAME[/CONFIG][:SPLIT]` for a data set of the hub, by default its split
            `train`; `datasets` reads it and keeps it.
        columns: Where the columns of the format are, if under other names: `completion` may be
            `output`, and `prompt` may be the template `{instruction}\n{input}\n`; see
            `elastic_core.data.columns.rename`. A row then has these columns and no others.
        name: What the data set is called in results; None: the source.
        split: What is a row in plain text: `document` (the file), `line` or `paragraph`.

    Raises:
        InvalidArgumentError: Text lies beside sub-folders or rows, `split` is for no file here,
            or a library is not installed.
        CorpusError: There is no row, a file is damaged, the columns make no format, a row lacks a
            column, or the hub does not give the data set.
        OSError: A path does not exist or cannot be read.
    """
    source = os.fspath(source)
    rows: Sequence[Row]
    if source.startswith(HUB):
        _check_split(source, split)
        rows = read_hub(source)
    else:
        rows = _local(source, split)
    if not rows:
        raise CorpusError(f"{source}: no rows in it")
    if columns:
        rows = rename(rows, columns, source)
    found, rows = in_format(rows, source)
    return Examples(name or source, found, rows, source)


def _local(source: str, split: str) -> list[dict[str, Any]]:
    """The rows of files, one after another, or the texts of plain ones."""
    corpus = Corpus(source, split=split)
    files = [Path(file) for file in corpus.files]
    plain = [file for file in files if not has_rows(file)]
    if len(plain) == len(files):
        return _texts(corpus, Path(source))
    if plain:
        raise InvalidArgumentError(
            f"{source}: {plain[0].name} is plain text, but other files have rows; name a file, or "
            "a glob such as *.jsonl"
        )
    _check_split(source, split)
    return [row for file in files for row in read_rows(file)]


def _check_split(source: str, split: str) -> None:
    """Refuses a split of what has rows."""
    if split != SPLIT:
        raise InvalidArgumentError(
            f"{source}: a split is for plain text, but here are rows; leave it out"
        )


def _texts(corpus: Corpus, folder: Path) -> list[dict[str, Any]]:
    """The texts of plain files, with a label where each lies in a sub-folder of the folder."""
    inside = folder.is_dir()
    below = {
        file: Path(file).relative_to(folder).parts[:-1] if inside else () for file in corpus.files
    }
    beside = [file for file, parts in below.items() if not parts]
    if beside and len(beside) < len(below):
        raise InvalidArgumentError(
            f"{folder}: {Path(beside[0]).name} lies beside sub-folders, which would be labels; "
            "name a sub-folder, or leave only sub-folders there"
        )
    rows = []
    for batch in corpus.batches():
        for file, text in zip(batch.sources, batch.texts, strict=True):
            if text.strip():
                label = {"label": below[file][0]} if below[file] else {}
                rows.append({"text": _decoded(text, file), **label})
    return rows


def _decoded(text: bytes, file: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{file}: not UTF-8 ({error.reason}); save it as UTF-8") from error
