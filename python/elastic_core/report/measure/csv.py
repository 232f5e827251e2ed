"""The measurement as CSV: a row for each corpus and depth, and for each corpus and model."""

import csv
import io
from dataclasses import asdict, fields

from elastic_core.measuring.result import DepthRow, MeasureResult, Rate

_DEPTH = tuple(field.name for field in fields(DepthRow))
_RATE = tuple(field.name for field in fields(Rate))
_MODEL = ("model", "tokens", "bits_per_token", "bits_per_character")
_MODEL_ROW = (*_MODEL, "bits_per_byte", "ratio")
COLUMNS = (
    "name",
    "documents",
    "bytes",
    "symbols",
    "bad_rows",
    *_DEPTH,
    *_RATE,
    "normalized_rate",
    *_MODEL,
)
"""The columns: the JSON's keys. Those of the static rate are filled at the last depth alone."""


def csv_text(result: MeasureResult) -> str:
    """The measurement as CSV with a line of column names.

    The static rates and the normalized rate belong to depth d, so only the last row of a
    corpus has them. A row for each model follows, with the model's rates and no depth. The
    reference compressors and the models' settings are left to the JSON.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for corpus in result.corpora:
        head = {
            "name": corpus.name,
            "documents": corpus.documents,
            "bytes": corpus.bytes,
            "symbols": corpus.symbols,
            "bad_rows": corpus.bad_rows,
        }
        rates = asdict(corpus.static_rate) | {"normalized_rate": corpus.normalized_rate}
        for row in corpus.depths:
            last = rates if row is corpus.depths[-1] else {}
            writer.writerow(head | asdict(row) | last)
        for rate in corpus.model_rates:
            writer.writerow(head | {key: getattr(rate, key) for key in _MODEL_ROW})
    return out.getvalue()
