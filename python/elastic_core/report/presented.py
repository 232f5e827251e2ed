"""Results that show themselves: as text, in notebooks, as findings and as tables.

A result is in `SUBJECT/result.py` and its report in `SUBJECT/report.py`, which is imported only
when it is needed: `document(result)` is the `Document`, `findings(result)` its main sentences.
"""

import io
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from elastic_core._core import InvalidArgumentError
from elastic_core.report.document import Document
from elastic_core.report.fragment import fragment_text
from elastic_core.report.terminal import print_document

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Presented:
    """A result with a report."""

    __slots__ = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, in sentences."""
        findings: tuple[str, ...] = tuple(self._report.findings(self))
        return findings

    def to_pandas(self) -> "pd.DataFrame":
        """The values as a DataFrame of pandas, with the columns of `--format csv`.

        Raises:
            InvalidArgumentError: pandas is not installed.
        """
        _require("pandas")
        import pandas as pd

        data = self._document().data
        return pd.DataFrame(list(data.rows), columns=list(data.columns))

    def to_polars(self) -> "pl.DataFrame":
        """The values as a DataFrame of polars, with the columns of `--format csv`.

        Raises:
            InvalidArgumentError: polars is not installed.
        """
        _require("polars")
        import polars as pl

        data = self._document().data
        columns = list(data.columns)
        return pl.DataFrame(list(data.rows), columns, orient="row", infer_schema_length=None)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The values as an Arrow stream, for any library that reads one.

        Raises:
            InvalidArgumentError: Neither polars nor pandas with pyarrow is installed.
        """
        is_polars = find_spec("polars") is not None or find_spec("pyarrow") is None
        frame: Any = self.to_polars() if is_polars else self.to_pandas()
        stream: object = frame.__arrow_c_stream__(requested_schema)
        return stream

    def __str__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        console = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
        print_document(self._document(), console)
        return out.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        return fragment_text(self._document())

    @property
    def _report(self) -> Any:
        """The module with the report of this kind of result."""
        return import_module(f"{type(self).__module__.rpartition('.')[0]}.report")

    def _document(self) -> Document:
        document: Document = self._report.document(self)
        return document


def named(groups: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """Sentences on several subjects, each with the name of its own if there are several.

    Args:
        groups: The name of each subject, and the sentences on it.
    """
    several = len(groups) > 1
    return tuple(
        f"{name}: {sentence}" if several else sentence
        for name, sentences in groups
        for sentence in sentences
    )


def _require(library: str) -> None:
    if find_spec(library) is None:
        raise InvalidArgumentError(
            f"to_{library}: {library} is not installed; pip install {library}"
        )
