"""Order of learning: what a tree model's rates do when it learns D_t last, or all in one order.

The elasticity theorem speaks of a model that was trained on the union of all data. Models learn
D_p, then D_a, then D_t. This study trains tree models both ways and measures the springs of each.
"""

from elastic_core.experiments.studies.order_of_learning.report import (
    OrderComparison,
    agreement,
    change_table,
    draw,
    findings,
    level_table,
    setting,
)
from elastic_core.experiments.studies.order_of_learning.result import (
    RateCurve,
    TreeCurve,
    TreeCurveConfig,
)
from elastic_core.experiments.studies.order_of_learning.study import (
    ORDERS,
    check_training,
    learn_in_order,
)

__all__ = [
    "ORDERS",
    "OrderComparison",
    "RateCurve",
    "TreeCurve",
    "TreeCurveConfig",
    "agreement",
    "change_table",
    "check_training",
    "draw",
    "findings",
    "learn_in_order",
    "level_table",
    "setting",
]
