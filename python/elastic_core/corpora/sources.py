"""What a user may call a corpus: paths with reading options, or a `Corpus` that carries its own."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.common.units import counted
from elastic_core.corpora.in_memory import Data, shown_name

_Path: TypeAlias = str | os.PathLike[str]

Source: TypeAlias = _Path | Sequence[_Path] | Corpus | Data
"""A file, folder, glob or `-` for standard input; several of these; a `Corpus`; or data in memory,
which `accepts_data` replaces by `Texts`."""

STDIN = "-"
"""The path that means standard input."""

_SHOWN = 4
COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
"""Extensions of compressed files."""

JOINT = "joint"
"""Name of the corpus that several corpora make together."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How documents are read from files.

    All functions that take corpora have these as keyword arguments. They apply to corpora named by
    their paths; a `Corpus` has options of its own, which are the same.

    Attributes:
        split: What a document is in a plain text file: `document` (the whole file), `line` or
            `paragraph`.
        text_key: Dotted paths of the text in a row of a JSON, CSV or Parquet file; the texts of
            several are joined by a line feed.
        limit: Read only the first `limit` documents of each corpus; None: all.
        sample: Keep each document with this probability, above 0 and up to 1; None: all.
        seed: Seed of the sampling. Functions with other random parts use it for those too.
        on_bad_row: `error`, or `skip` to leave out and count rows without usable text.
        split_on: Split plain text at every occurrence of this text instead, such as
            `<|endoftext|>`; line ends beside it belong to no document.
        include: Globs of the files to read in folders; none: all. A glob without a slash is
            matched with names, others with paths below the folder.
        exclude: Globs of the files not to read in folders.
    """

    split: str = "document"
    text_key: tuple[str, ...] = ("text",)
    limit: int | None = None
    sample: float | None = None
    seed: int = 0
    on_bad_row: str = "error"
    split_on: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def given(
        cls,
        split: str,
        text_key: Iterable[str],
        limit: int | None,
        sample: float | None,
        seed: int,
        on_bad_row: str,
        split_on: str | None,
        include: Iterable[str],
        exclude: Iterable[str],
    ) -> "ReadOptions":
        """The options from arguments in which one name may stand for a list."""
        keys, included, excluded = (tuple(listed(names)) for names in (text_key, include, exclude))
        return cls(split, keys, limit, sample, seed, on_bad_row, split_on, included, excluded)

    @classmethod
    def of(cls, corpus: Corpus) -> "ReadOptions":
        """The options that a corpus carries."""
        return cls.given(**corpus.options)

    def to_dict(self) -> dict[str, Any]:
        """The options as plain JSON values; those that choose or split files only if given."""
        values = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {
            name: value for name, value in values.items() if value or name not in _ONLY_IF_GIVEN
        }


_ONLY_IF_GIVEN = ("split_on", "include", "exclude")

SPLIT, TEXT_KEY = ReadOptions().split, ReadOptions().text_key
"""Defaults of the options that depend on the kind of file."""


def paths_of(source: Source) -> tuple[str, ...]:
    """The paths of a corpus as strings."""
    if isinstance(source, Corpus):
        return tuple(source.paths)
    if isinstance(source, str | os.PathLike):
        return (os.fspath(source),)
    return tuple(os.fspath(path) for path in cast("Sequence[_Path]", source))


def open_corpus(source: Source, reading: ReadOptions) -> Corpus:
    """Finds the files of a corpus; a `Corpus` is returned as it is.

    Args:
        source: The corpus.
        reading: The options for a corpus named by its paths.

    Raises:
        InvalidArgumentError: An option is invalid.
        OSError: A path does not exist or cannot be read.
    """
    if isinstance(source, Corpus):
        return source
    return Corpus(paths_of(source), **reading.to_dict())


def open_corpora(sources: Sequence[Source], reading: ReadOptions) -> list[Corpus]:
    """Finds the files of several corpora, and checks that the options suit them.

    Args:
        sources: The corpora.
        reading: The options for those named by their paths.

    Raises:
        InvalidArgumentError: An option is invalid, or applies to none of the files.
        OSError: A path does not exist or cannot be read.
    """
    corpora = [open_corpus(source, reading) for source in sources]
    named = [
        corpus
        for source, corpus in zip(sources, corpora, strict=True)
        if not isinstance(source, Corpus)
    ]
    if named:
        check_reading(named, reading.split, reading.text_key, reading.split_on)
    elif changed := _changed(reading):
        raise InvalidArgumentError(
            f"{changed} is for corpora named by their paths; pass it to Corpus(...) instead"
        )
    return corpora


def own_reading(sources: Sequence[Source]) -> tuple[ReadOptions | None, ...]:
    """The options that each `Corpus` carries, None for paths; empty if there is no `Corpus`."""
    if not any(isinstance(source, Corpus) for source in sources):
        return ()
    return tuple(
        ReadOptions.of(source) if isinstance(source, Corpus) else None for source in sources
    )


def reading_dict(
    reading: ReadOptions | None, own: Sequence[ReadOptions | None] = ()
) -> dict[str, Any]:
    """The entries of a result's `config` about reading, as plain JSON values.

    Args:
        reading: The options of corpora named by their paths; None: unknown, as of a saved tree.
        own: The result of `own_reading`; `own_reading` is an entry only if there is a `Corpus`.
    """
    unknown = dict.fromkeys(name for name in ReadOptions.__slots__ if name not in _ONLY_IF_GIVEN)
    entries = reading.to_dict() if reading else unknown
    if own:
        entries["own_reading"] = [options and options.to_dict() for options in own]
    return entries


def check_reading(
    corpora: Sequence[Corpus], split: str, text_key: Sequence[str], split_on: str | None = None
) -> None:
    """Refuses reading options that apply to none of the files.

    Raises:
        InvalidArgumentError: A text key although no file has rows, or a split although none is
            plain text.
    """
    names = ", ".join(corpus.name for corpus in corpora)
    if tuple(text_key) != TEXT_KEY and not any(corpus.reads_rows for corpus in corpora):
        raise InvalidArgumentError(
            f"{names}: a text key is for rows, but no file here is .jsonl, .json, .csv, .tsv or "
            ".parquet; leave the text key out"
        )
    if (split != SPLIT or split_on) and not any(corpus.reads_text for corpus in corpora):
        raise InvalidArgumentError(
            f"{names}: a split is for plain text, but every file here has rows; leave it out"
        )


def check_regular(corpus: Corpus) -> None:
    """Refuses a corpus that is read more than once with a device or pipe among its files.

    Raises:
        InvalidArgumentError: A file can be read only once, or has no end.
    """
    for file in corpus.files:
        if not Path(file).is_file():
            raise InvalidArgumentError(
                f"{file}: not a regular file, but it is read more than once; save it to one"
            )


def kept(corpora: Sequence[Corpus], *, again: bool) -> list[Corpus]:
    """The corpora, of which standard input and pipes are read once, however often they are needed.

    Args:
        corpora: The corpora.
        again: Whether something reads them a second time; what comes from standard input or a pipe
            is then kept in a temporary file.

    Raises:
        InvalidArgumentError: Two corpora share standard input or a pipe.
        OSError: No temporary file can be created.
    """
    streams = [corpus for corpus in corpora if corpus.reads_stdin]
    pipes = [file for corpus in streams for file in corpus.files if not Path(file).is_file()]
    for pipe in pipes:
        if pipes.count(pipe) > 1:
            name = "standard input" if pipe == STDIN else pipe
            raise InvalidArgumentError(f"{name} can be read only once; name `{pipe}` once")
    once: dict[int, Corpus] = {id(corpus): corpus.kept() for corpus in streams if again}
    return [once.get(id(corpus), corpus) for corpus in corpora]


def read_summary(corpus: Corpus) -> str | None:
    """What was read of a mixed folder by kind, and what was left out; None if there is no doubt."""
    if len(corpus.kinds) < 2 and not corpus.left_out:
        return None
    kinds = ", ".join(
        f"{number} {kind} {'file' if number == 1 else 'files'}"
        for kind, number in corpus.kinds.items()
    )
    left_out = left_out_of(corpus)
    return f"{corpus.name}: {kinds}" + (f"; left out: {left_out}" if left_out else "")


def left_out_of(corpus: Corpus) -> str:
    """The names of the files of a folder that are not read, the first few; empty if all are."""
    names = ", ".join(Path(file).name for file in corpus.left_out[:_SHOWN])
    more = len(corpus.left_out) - _SHOWN
    return f"{names} and {more} more" if more > 0 else names


def file_kinds(files: Iterable[str]) -> dict[str, int]:
    """How many files have each extension, the most frequent first.

    Args:
        files: Paths of files.

    Returns:
        Numbers of files by extension in lower case, such as `.txt` or `.jsonl.gz`; empty text for
        names without one.
    """
    counts = Counter(_extension(Path(file)) for file in files)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def files_by_kind(kinds: Mapping[str, int]) -> str:
    """A count of files by extension in words, such as `98 files: 90 .txt, 8 .jsonl.gz`.

    Args:
        kinds: As `file_kinds` returns them.
    """
    if len(kinds) == 1:
        ((kind, count),) = kinds.items()
        return f"{counted(count, 'file', 'files')}{f': all {kind}' if kind else ''}"
    named = [f"{count:,} {kind or 'without extension'}" for kind, count in kinds.items()]
    if (more := len(named) - _SHOWN) > 1:
        named[_SHOWN:] = [f"{sum([*kinds.values()][_SHOWN:]):,} of {more} other kinds"]
    return f"{counted(sum(kinds.values()), 'file', 'files')}: {', '.join(named)}"


def _extension(file: Path) -> str:
    kinds = [suffix.lower() for suffix in file.suffixes[-2:]]
    if len(kinds) == 2 and kinds[1] in COMPRESSED:
        return "".join(kinds)
    return kinds[-1] if kinds else ""


def distinct_names(names: Iterable[str], *, joint: bool) -> list[str]:
    """The names, duplicates numbered; with `joint`, the name of the joint corpus is taken too."""
    taken = {JOINT} if joint else set()
    distinct = []
    for name in map(shown_name, names):
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name} ({number})"
        taken.add(candidate)
        distinct.append(candidate)
    return distinct


def _changed(reading: ReadOptions) -> str | None:
    """The first option that is not the default; the seed does not count, as it has other uses."""
    default = asdict(ReadOptions(seed=reading.seed))
    return next((name for name, value in asdict(reading).items() if value != default[name]), None)
