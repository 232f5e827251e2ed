"""The evidence on the claims of springs."""

from collections.abc import Mapping, Sequence

import numpy as np

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.claims import Evidence
from elastic_core.experiments.spring_law import RATIO_MARGIN, Array, SpringPair
from elastic_core.experiments.studies.springs.result import ORDERS, SpringResult, skill
from elastic_core.experiments.studies.springs.study import SpringsConfig
from elastic_core.statistics.effects import over_seeds

IN_WORDS = {
    "joint": "Learned in one mixture",
    "sequential": "Learned one after the other",
}
"""The orders of learning, to begin a sentence."""

_SERIES = f"is -k within a factor of {RATIO_MARGIN}"
_IMBALANCE = (
    "Sum of both forces over the mean of their sizes (0: equal and opposite, 1 or -1: the same "
    "direction)"
)
_EXACT = (
    "A tree model has no gradients; the slopes are those of its token trees, which the law "
    "describes exactly."
)


def evidence(
    config: SpringsConfig, grid: Grid, results: Mapping[str, Sequence[SpringResult]]
) -> dict[str, Evidence]:
    """What was measured about each claim.

    Args:
        config: The configuration.
        grid: The rows of the run.
        results: The results of each order, by increasing volume.
    """
    found = {}
    for order in ORDERS:
        unmet, most = _unmoved(grid, order), results[order][-1]
        slopes = first_order(grid, order)
        words = IN_WORDS[order]
        found[f"slopes_{order}"] = Evidence(
            f"{words}, the ratio of the slopes of both rates {_SERIES}.",
            f"First order, {_IMBALANCE[0].lower()}{_IMBALANCE[1:]}",
            slopes.relative_net_force,
            unmet=_EXACT if config.spec.is_tree else unmet,
        )
        found[f"changes_{order}"] = Evidence(
            f"{words}, the ratio of the changes of both rates {_SERIES}.",
            f"{_IMBALANCE} after {most.count:,} reverse rows",
            most.springs().relative_net_force,
            unmet=unmet,
        )
        found[f"trees_{order}"] = Evidence(
            f"{words}, token trees predict the changes better than a constant does.",
            "Share of the squared error of a constant, the same change for both data sets, that "
            "the trees save, mean over depths",
            np.mean([skill(results[order], depth) for depth in sorted(config.depths)], axis=0),
            unmet=unmet,
        )
    last = results["sequential"][-1]
    for claim, verb, kind, name in (
        ("alignment_rises", "raise", "alignment", "align"),
        ("pretraining_falls", "lower", "pre-training", "pretrain"),
    ):
        found[claim] = Evidence(
            f"Reverse data {verb} the rate of the {kind} text.",
            f"Change of gamma of the {kind} after {last.count:,} reverse rows",
            last.measured[name],
            unit="bits per byte",
            unmet=_unmoved(grid, "sequential"),
        )
    return {name: found[name] for name in config.claims}


def first_order(grid: Grid, order: str) -> SpringPair:
    """The springs of pre-training and alignment for one small step on the reverse rows."""

    def values(metric: str) -> Array:
        return grid.values(f"first_order_{metric}", stage="align", order=order)

    pretrain, align = (values(f"predicted_{name}_perturb") for name in ("pretrain", "align"))
    return SpringPair(values("k"), pretrain, align)


def _unmoved(grid: Grid, order: str) -> str:
    """Why there is no verdict: the alignment did not lower the rate of its own text."""
    after = grid.values("rate_align", stage="align", order=order)
    if over_seeds(grid.values("rate_align", stage="base") - after).is_positive:
        return ""
    return (
        "The alignment did not lower the rate of its own text; raise recipe.learning_rate, or "
        "align with more."
    )
