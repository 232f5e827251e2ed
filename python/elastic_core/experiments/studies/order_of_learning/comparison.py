"""Both orders of learning side by side, as they accompany the law of the token trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from elastic_core.common.units import counted
from elastic_core.experiments.studies.order_of_learning.report import (
    agreement,
    change_table,
    draw,
    findings,
)
from elastic_core.experiments.studies.order_of_learning.result import TreeCurve
from elastic_core.report.document import Block, Figure, Text


@dataclass(frozen=True, slots=True)
class OrderComparison:
    """The same question put to tree models in both orders of learning.

    Attributes:
        joint: Everything is learned in one random order.
        sequential: D_p is learned first, then D_a, then D_t, the last two `rate` times.
    """

    joint: TreeCurve
    sequential: TreeCurve

    def to_dict(self) -> dict[str, Any]:
        """The `trained` of the JSON of an elasticity study."""
        return {"joint": self.joint.to_dict(), "sequential": self.sequential.to_dict()}

    def blocks(self, name: str) -> Sequence[Block]:
        """The part of the report that is about the tree models.

        Args:
            name: File name of the figure, without extension.
        """
        joint, sequential = self.joint, self.sequential
        config = sequential.config
        sentences = [*findings(joint), *findings(sequential), *agreement(joint, sequential)]
        return (
            Text(
                f"A tree model of depth {config.model_depth}, "
                f"{counted(len(config.seeds), 'seed', 'seeds')}, sequential at rate "
                f"{config.rate:g}: change of its rates since l = 0, in bits per kB.",
                is_note=True,
            ),
            change_table((joint, sequential)),
            *map(Text, sentences),
            Figure(
                name,
                "Changes of the rates of tree models since l = 0, in both orders of learning.",
                draw=partial(draw, joint, sequential),
            ),
        )
