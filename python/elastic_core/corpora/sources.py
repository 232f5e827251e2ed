"""Sources of text become corpora: paths opened, options of reading checked, names told apart."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from elastic_core._core import Corpus, InvalidArgumentError

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A corpus: a file, a folder, a glob or `-` for standard input; or several of them."""

JOINT = "joint"
"""Name of the corpus that all the others make together."""

SPLIT = "document"
"""What is a document in plain text, unless somebody says otherwise."""

TEXT_KEY = ("text",)
"""Where a row has its text, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How documents are cut out of files; `docs/measure.md` says what each option does."""

    split: str = "document"
    text_key: tuple[str, ...] = ("text",)
    limit: int | None = None
    sample: float | None = None
    seed: int = 0
    on_bad_row: str = "error"


def paths_of(source: Source) -> tuple[str, ...]:
    """The paths of a corpus as strings."""
    if isinstance(source, str | os.PathLike):
        return (os.fspath(source),)
    return tuple(os.fspath(path) for path in source)


def open_corpus(paths: Sequence[str], reading: ReadOptions) -> Corpus:
    """Finds the files of a corpus.

    Raises:
        InvalidArgumentError: An option of reading is not what it should be.
        OSError: A path does not exist or cannot be read.
    """
    return Corpus(
        paths,
        split=reading.split,
        text_key=reading.text_key,
        limit=reading.limit,
        sample=reading.sample,
        seed=reading.seed,
        on_bad_row=reading.on_bad_row,
    )


def check_reading(corpora: Sequence[Corpus], split: str, text_key: Sequence[str]) -> None:
    """Refuses options of reading that have nothing to do with any file.

    Raises:
        InvalidArgumentError: A text key where no file has rows, or a split where none is text.
    """
    names = ", ".join(corpus.name for corpus in corpora)
    if tuple(text_key) != TEXT_KEY and not any(each.reads_rows for each in corpora):
        raise InvalidArgumentError(
            f"{names}: a text key is for rows, but no file here is .jsonl or .parquet; write a "
            "JSON array as .jsonl, one row a line, or leave the text key out"
        )
    if split != SPLIT and not any(each.reads_text for each in corpora):
        raise InvalidArgumentError(
            f"{names}: a split is for plain text, but every file here has rows; leave it out"
        )


def check_standard_input(corpora: Sequence[Corpus], again: str | None = None) -> None:
    """Refuses to read standard input more than once.

    Args:
        corpora: Corpora that are read, each as often as it is named.
        again: Who reads all of them once more, such as `language models read`.

    Raises:
        InvalidArgumentError: Standard input would have to be read again.
    """
    readers = sum(corpus.reads_stdin for corpus in corpora)
    if readers > 1:
        raise InvalidArgumentError("standard input can be read only once; name `-` once")
    if readers and again:
        raise InvalidArgumentError(
            f"{again} the corpus again, and standard input can be read only once; save it to a "
            "file first"
        )


def distinct_names(names: Iterable[str], *, joint: bool) -> list[str]:
    """The names, those that are taken followed by a number; `joint` is taken if there is one."""
    taken = {JOINT} if joint else set()
    distinct = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name} ({number})"
        taken.add(candidate)
        distinct.append(candidate)
    return distinct
