"""Corpora in memory: texts and rows of other libraries, which are read like files.

They are written to a temporary file, as all that reads a corpus reads files, some of it repeatedly.
"""

import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from elastic_core._core import Corpus, ElasticCoreError, InvalidArgumentError
from elastic_core.common.arguments import listed

P = ParamSpec("P")
R = TypeVar("R")


class ArrowStream(Protocol):
    """A table of any library that exports Arrow streams."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with the stream."""


Data: TypeAlias = ArrowStream | Sequence[Mapping[str, Any]]
"""A table, or rows."""

_NAMES: dict[str, str] = {}
"""The name of each temporary file that exists."""


class Texts(os.PathLike[str]):
    """Texts in memory, which can be passed wherever the path of a corpus can.

    The texts are written to a temporary file, which is deleted with this object.

    Args:
        texts: Texts; rows, each a mapping from columns to values; or a table: a `Dataset` of
            `datasets`, a DataFrame or Series of pandas or polars, or anything else with
            `__arrow_c_stream__`, such as a table of pyarrow. Rows are read as those of a JSON file
            are: `text_key` of the function that reads them names the column of the text.
        name: What the corpus is called in tables.
        columns: The columns to keep, dotted if nested; None: all.

    Raises:
        InvalidArgumentError: There are no texts, one of them is neither text nor a row, a value is
            of a type that JSON lacks, or a column does not exist.
        OSError: No temporary file can be written.
    """

    def __init__(
        self,
        texts: Iterable[str | Mapping[str, Any]] | Any,
        *,
        name: str = "texts",
        columns: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        keys = None if columns is None else {key.partition(".")[0] for key in listed(columns)}
        folder = mkdtemp(prefix="elastic-core-")
        self._path = os.path.join(folder, "texts.jsonl")  # noqa: PTH118 - as the core prints it
        _NAMES[self._path] = name
        weakref.finalize(self, _delete, folder, self._path)
        self._count = _write(Path(self._path), _items(_selected(texts, keys)), keys)

    def __fspath__(self) -> str:
        return self._path

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Texts({self.name!r}, {self._count} documents)"


def accepts_data(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function take tables and rows where it takes the path of a corpus; see `Texts`.

    Of a table, the columns are read that its argument `text_key` names.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        columns: Any = kwargs.get("text_key", ("text",))
        named = {name: _as_source(value, columns) for name, value in kwargs.items()}
        try:
            sources = [_as_source(value, columns) for value in args]
            for source in sources:
                _check_source(source)
            return function(*sources, **named)
        except ElasticCoreError as error:
            message = str(error)
            for path, name in _NAMES.items():
                message = message.replace(path, name)
            error.args = (message,)
            raise

    return call


def shown_name(path: str) -> str:
    """A path as it is shown: the name of texts in memory, any other path as it is."""
    return _NAMES.get(path, path)


def _as_source(value: Any, columns: Sequence[str]) -> Any:
    if _is_data(value):
        return Texts(value, columns=columns)
    if isinstance(value, list | tuple) and any(map(_is_data, value)):
        return [_as_source(item, columns) for item in value]
    return value


def _check_source(source: Any) -> None:
    if not isinstance(source, str | os.PathLike | Corpus | Sequence):
        raise InvalidArgumentError(
            f"{type(source).__name__} is no corpus; pass a path, a list of paths, a Corpus, "
            "Texts, a list of rows or a DataFrame"
        )


def _is_data(value: Any) -> bool:
    """Whether a value is a table or rows, rather than a path, a list of paths or something else."""
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "column_names"):
        return True
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)


def _selected(data: Any, keys: set[str] | None) -> Any:
    """A table with only the columns of the keys; rows and texts as they are."""
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if keys is None or names is None:
        return data
    if missing := keys.difference(names):
        raise _no_column(min(missing), names)
    if hasattr(data, "iloc"):
        return data[[name for name in names if name in keys]]
    select = getattr(data, "select_columns", None) or data.select
    return select([name for name in names if name in keys])


def _no_column(name: str, columns: Iterable[Any]) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"there is no column {name!r}; name one of {', '.join(map(str, columns))} as text_key"
    )


def _items(data: Any) -> Iterator[Any]:
    """The texts or rows of what `Texts` takes."""
    if hasattr(data, "iter_rows"):  # a DataFrame of polars
        return iter(data.iter_rows(named=True))
    if hasattr(data, "iloc"):  # a DataFrame or Series of pandas
        return iter(data.to_dict("records") if data.ndim == 2 else data)
    if hasattr(data, "to_pylist"):  # a table or array of pyarrow
        return iter(data.to_pylist())
    if hasattr(data, "__arrow_c_stream__") and not hasattr(data, "to_list"):
        return _stream_rows(data)
    if isinstance(data, str | bytes | Mapping | type) or not isinstance(data, Iterable):
        raise InvalidArgumentError(
            f"texts of type {type(data).__name__}: pass a list of texts or rows, or a table"
        )
    return iter(data)


def _stream_rows(data: Any) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow stream, a batch at a time."""
    if find_spec("pyarrow") is not None:
        from pyarrow import RecordBatchReader

        batches = RecordBatchReader.from_stream(data)
        return chain.from_iterable(batch.to_pylist() for batch in batches)
    if find_spec("polars") is not None:
        from polars import DataFrame

        return DataFrame(data).iter_rows(named=True)
    raise InvalidArgumentError(
        f"{type(data).__name__}: an Arrow stream is read by pyarrow or polars; pip install pyarrow"
    )


def _write(file: Path, items: Iterator[Any], keys: set[str] | None) -> int:
    """Writes texts or rows as JSON lines, and counts them."""
    count = 0
    with file.open("w", encoding="ascii") as lines:
        for item in items:
            if isinstance(item, Mapping):
                row = {key: item[key] for key in item if keys is None or key in keys}
                if not count and keys and not row:
                    raise _no_column(min(keys), item)
            elif isinstance(item, str) or item is None:
                row = {"text": item}
            else:
                raise InvalidArgumentError(
                    f"text {count + 1} is of type {type(item).__name__}; pass texts, or rows that "
                    "map columns to values"
                )
            try:
                lines.write(json.dumps(row) + "\n")
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidArgumentError(f"row {count + 1}: {error}; convert it first") from error
            count += 1
    if not count:
        raise InvalidArgumentError("there are no texts; pass at least one")
    return count


def _delete(folder: str, path: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _NAMES.pop(path, None)
