"""The test as CSV: a row for each corpus, depth and part, and in it every law and ratio."""

import csv
import io
from typing import Any

from elastic_core.mass_law.result import CorpusMass, DepthMass, MassResult, TailFit

_CORPUS = ("name", "documents", "bytes", "symbols", "bad_rows", "segments")
_DEPTH = ("depth", "leaves", "singletons", "unseen_mass", "verdict")
_PART = ("x_min", "leaves", "leaf_share", "mass_share", "p", "favoured")
_PARAMETERS = {
    "pareto": ("alpha",),
    "lognormal": ("mu", "sigma"),
    "exponential": ("rate",),
    "zipf-mandelbrot": ("alpha", "shift"),
}
_RATIO = ("ratio", "normalized", "p")
COLUMNS = (
    *_CORPUS,
    *_DEPTH,
    "part",
    *(f"part_{key}" for key in (*_PART, "verdict")),
    *(
        f"{law}_{key}"
        for law, parameters in _PARAMETERS.items()
        for key in (*parameters, "log_likelihood", "distance")
    ),
    *(f"{law}_{key}" for law in _PARAMETERS if law != "pareto" for key in _RATIO),
)
"""The columns: the JSON's keys, after the part or law they belong to."""


def csv_text(result: MassResult) -> str:
    """The test as CSV with a line of column names.

    Each depth has a row for the part `whole` and, if a tail could be fitted, one for `tail`.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for corpus in result.corpora:
        for depth in corpus.depths:
            for part, fit in (("whole", depth.whole), ("tail", depth.tail)):
                if fit:
                    writer.writerow(_row(corpus, depth, part, fit))
    return out.getvalue()


def _row(corpus: CorpusMass, depth: DepthMass, part: str, fit: TailFit) -> dict[str, Any]:
    row = {key: getattr(corpus, key) for key in _CORPUS}
    row |= {key: getattr(depth, key) for key in _DEPTH}
    row |= {"part": part} | {f"part_{key}": getattr(fit, key) for key in (*_PART, "verdict")}
    for law in fit.laws:
        values = {**law.law.parameters, "log_likelihood": law.log_likelihood}
        values["distance"] = law.distance
        row |= {f"{law.name}_{key}": value for key, value in values.items()}
    for ratio in fit.ratios:
        row |= {f"{ratio.law}_{key}": getattr(ratio, key) for key in _RATIO}
    return row
