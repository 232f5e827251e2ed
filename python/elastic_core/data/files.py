"""Rows from files (JSON, CSV, TSV, Parquet) and from the Hugging Face hub."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_core._core import Corpus, CorpusError, DocumentBatch, InvalidArgumentError
from elastic_core.common.extras import requires_extra

HUB = "hf:"
"""Prefix of the name of a data set on the hub."""

_SECONDS = 5.0


@dataclass(frozen=True)
class FileRows:
    """Rows, and where each was read.

    Attributes:
        rows: The columns of each row by name.
        places: For each row its file, what counts rows there (`line` or `row`), and its number,
            from 1.
    """

    rows: list[dict[str, Any]]
    places: list[tuple[str, str, int]]

    def place(self, number: int) -> str:
        """The place of row `number`, counted from 1, for messages."""
        file, unit, index = self.places[number - 1]
        return f"{file}, {unit} {index}"


def read_rows(corpus: Corpus, columns: Sequence[str] | None) -> FileRows:
    """Reads the rows of files into memory.

    The formats are those of `Corpus`.

    Args:
        corpus: The files, none of which is plain text.
        columns: The columns to read, where a row has them; None: all.

    Raises:
        CorpusError: There are no rows, or a file is damaged or not in the format of its extension.
        InvalidArgumentError: A file is plain text.
        OSError: A file cannot be read.
    """
    read = FileRows([], [])
    for batch in corpus.rows(columns):
        read.places.extend(places_of(batch))
        for text in batch.texts:
            read.rows.append(_parsed(text, read.place(len(read.rows) + 1)))
    return read


def places_of(batch: DocumentBatch) -> Iterator[tuple[str, str, int]]:
    """The places of the documents of a batch, as in `FileRows.places`."""
    return zip(batch.sources, batch.units, (batch.indices + 1).tolist(), strict=True)


def read_hub(source: str, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Reads `hf:OWNER/NAME[/CONFIG][:SPLIT]`, by default the split `train`.

    No code that comes with a data set is run.

    Args:
        source: The data set.
        columns: The columns to read, where the data set has them; None: all.

    Raises:
        InvalidArgumentError: `datasets` is not installed.
        CorpusError: The data set or split does not exist, or there is no network.
    """
    with requires_extra(source, "train", InvalidArgumentError):
        import datasets
    name, _, split = source.removeprefix(HUB).partition(":")
    owner, *rest = name.split("/", 2)
    repository, config = "/".join([owner, *rest[:1]]), rest[1] if len(rest) > 1 else None
    is_offline = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = is_offline or not _is_reachable(repository)
    try:
        data = datasets.load_dataset(repository, config, split=split or "train")
    except Exception as error:  # of any file system, parser or network library
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CorpusError(f"{source}: `datasets` cannot load it: {reason}") from error
    finally:
        datasets.config.HF_HUB_OFFLINE = is_offline
    if columns is not None:
        data = data.select_columns([name for name in data.column_names if name in columns])
    rows: list[dict[str, Any]] = data.to_list()
    return rows


def _is_reachable(repository: str) -> bool:
    """Whether the hub answers; `datasets` would try for 25 seconds before it reads its cache."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        HfApi().dataset_info(repository, timeout=_SECONDS)
    except (HfHubHTTPError, HFValidationError):
        return True
    except Exception:  # The hub client lets errors of its HTTP library through.
        return False
    return True


def _parsed(row: bytes, place: str) -> Any:
    try:
        return json.loads(row)
    except RecursionError as error:
        raise CorpusError(f"{place}: nested too deeply; flatten it") from error
    except ValueError:  # An integer with more digits than Python converts; as text it fits.
        return json.loads(row, parse_int=str)
