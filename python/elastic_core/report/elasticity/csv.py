"""An elasticity study as CSV: a row for each perturbation and depth."""

import csv
import io

from elastic_core.elastic_law.result import ROLES, ElasticityResult

_LAW = (
    "depth",
    "coverage",
    "slope_pretrain_bits",
    "slope_align_bits",
    "ratio",
    "predicted",
    "residual_bits",
    "flip_pretrain",
    "flip_align",
    "verdict",
)
_INTERVALS = ("coverage", "slope_pretrain_bits", "slope_align_bits", "ratio")
_RATES = ("gamma_bits", "huffman_bits", "normalized_rate", "kl_bits", "spring_bits")
COLUMNS = (
    "name",
    "k",
    "l",
    *_LAW,
    *(f"{name}_{end}" for name in _INTERVALS for end in ("low", "high")),
    *(f"{name}_{role}" for name in _RATES for role in ROLES),
)
"""The columns: the JSON's keys. The rates are those with all of the perturbation."""


def csv_text(result: ElasticityResult) -> str:
    """The study as CSV with a line of column names; the sweeps are left to the JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for each in result.perturbations:
        for law, rates in zip(each.law, each.after, strict=True):
            row = {"name": each.name, "k": each.k, "l": each.l}
            row |= {name: getattr(law, name) for name in _LAW}
            for name, interval in (law.intervals or {}).items():
                row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
            for name in _RATES:
                values = zip(ROLES, getattr(rates, name), strict=True)
                row |= {f"{name}_{role}": value for role, value in values}
            writer.writerow(row)
    return out.getvalue()
