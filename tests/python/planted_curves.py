"""Rows of studies whose curves are known: a score for each reverse volume, plus noise per seed."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from elastic_core.experiments.analysis import Analysis

NAMED: dict[str, Any] = {
    "model": "tree:4",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}
"""A configuration that names data without reading them, for the analysis of planted rows."""


def verdicts(analysis: Analysis) -> dict[str, str]:
    """The verdicts of an analysis by claim."""
    return {finding.claim: finding.verdict for finding in analysis.findings}


def base_rows(seeds: Iterable[int], **labels: Any) -> list[dict[str, Any]]:
    """The row of a base model with a score of 0.5 for each seed."""
    row = {"stage": "base", "name": "base", "score": 0.5, "kl": 0.0, "kl_base": 0.0, **labels}
    return [{**row, "seed": seed} for seed in seeds]


def curve_rows(
    seeds: Iterable[int],
    scores: Mapping[int, float],
    noise: float,
    metrics: Mapping[str, float] | None = None,
    **labels: Any,
) -> list[dict[str, Any]]:
    """The rows of a curve.

    Args:
        seeds: The seeds.
        scores: The score by reverse volume; 0 is the aligned model.
        noise: Standard deviation of the score over seeds.
        metrics: Other metrics, the same in all rows.
        **labels: Labels of the curve.
    """
    rows = []
    for seed in seeds:
        random = np.random.default_rng([seed, *map(ord, str(labels))])
        for volume, score in scores.items():
            stage = {"stage": "reverse", "reverse": volume} if volume else {"stage": "align"}
            row = {"seed": seed, "first": "positive", **labels, **stage}
            measured = {"score": score + noise * random.normal(), "kl": 1 - score, "kl_base": 0.1}
            rows.append({**row, "name": str(row), **measured, **(metrics or {})})
    return rows


def exponential(start: float, plateau: float, scale: float) -> dict[int, float]:
    """Scores that fall exponentially from a start to a plateau."""
    volumes = (0, 50, 100, 200, 400, 800)
    return {n: plateau + (start - plateau) * math.exp(-n / scale) for n in volumes}
