"""Rows of studies with arms whose outcome is known: gains, and the share left after each dose."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.arms.protocol import ArmsConfig, Lineage
from elastic_core.experiments.cells import Metrics

NAMED: dict[str, Any] = {
    "model": "tree:4",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}
"""A configuration that names data without reading them, for the analysis of planted rows."""

Gain = Callable[[Lineage, int], float]
"""The gain of an alignment with a number of rows."""

Left = Callable[[Lineage, int, str, int], float]
"""The share of it left: of a lineage and volume, after a dose of an arm."""


def planted(
    config: ArmsConfig,
    lineages: Sequence[Lineage],
    gain: Gain,
    left: Left,
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> list[Metrics]:
    """The rows of all volumes of all lineages, on top of a placebo that drifts.

    Args:
        config: The configuration.
        lineages: Its lineages.
        gain: The gain of each alignment; what lowers the margin is negative there, too.
        left: The share left of it.
        noise: Standard deviation of the margin, relative to a gain of 1.
        seed: Seed of the noise.
    """
    random = np.random.default_rng(seed)
    rows: dict[tuple[Any, ...], Metrics] = {}

    def add(size: float, drift: float, labels: dict[str, Any], sign: float) -> None:
        if (place := tuple(labels.items())) in rows:
            return
        margin = sign * (size + random.normal(0, noise)) + drift
        kl = abs(size) + drift
        values = {"margin": margin, "kl_base": kl, "kl": kl}
        rows[place] = {**labels, **values, "name": str(labels)}

    for number in config.seed_range:
        for lineage in lineages:
            sign = 1.0 if lineage.first == "positive" else -1.0
            base = {"stage": "base", "seed": number, **lineage.base_labels}
            rows[tuple(base.items())] = {**base, "margin": 0.0, "kl": 0.0, "kl_base": 0.0}
            for draw in range(config.draws):
                for volume in (0, *lineage.volumes):
                    common = {"seed": number, "draw": draw, "align": volume}
                    size = gain(lineage, volume) if volume else 0.0
                    if volume:
                        aligned = {"stage": "align", **common, **lineage.labels_of_aligned}
                        add(size, 0.0, aligned, sign)
                    own = lineage.labels if volume else lineage.placebo_labels
                    for arm in config.arms:
                        for dose in config.doses:
                            labels = {"stage": "arm", **common, **own, "arm": arm, "dose": dose}
                            share = left(lineage, volume, arm, dose) if volume else 0.0
                            add(size * share, 1e-5 * dose, labels, sign)
    return list(rows.values())


def verdicts(analysis: Analysis) -> dict[str, str]:
    """The verdicts by the names of claims."""
    table = analysis.tables[0]
    assert table.name == "claims"
    return {str(row[0]): str(row[1]) for row in table.rows}
