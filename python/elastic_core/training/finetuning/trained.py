"""What training gives: a plain frozen record."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common import schemas


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model that was trained further.

    Attributes:
        path: The new model, as `load_model` takes it; None where the training diverged.
        steps: Optimizer steps; of a tree model, documents.
        first_loss: The first of the curve's losses.
        final_loss: The last of them.
        curve: An array of shape (log rows,) for `step`, for `loss` (the mean since the row before;
            in nats per token for `sft`) and for whatever else TRL reports of the algorithm, such
            as `rewards/margins`; NaN where a row has none. Of a tree model two rows: the mean code
            length per symbol, EOS included, in nats, before and after it learned.
        tokens: Tokens that went through the model, padding not counted, or a tree model's symbols,
            counted once for each pass; None for `simpo`, whose trainer does not count them.
        seconds: How long the last attempt took.
        diverged: Whether the loss became something else than a number, which ended the training.
        settings: Everything that decides the result, ready for JSON.
    """

    path: str | None
    steps: int
    first_loss: float
    final_loss: float
    curve: dict[str, NDArray[np.float64]]
    tokens: int | None
    seconds: float
    diverged: bool
    settings: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The result as it stands in `trained.json`; what is no number is None."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain["curve"] = {name: _plain(values) for name, values in self.curve.items()}
        plain["first_loss"], plain["final_loss"] = _plain([self.first_loss, self.final_loss])
        return {"schema": schemas.TRAINED, **plain}

    @classmethod
    def from_dict(cls, result: dict[str, Any]) -> "Trained":
        """The result of what `to_dict` gave."""
        rest = {name: value for name, value in result.items() if name != "schema"}
        rest["curve"] = {name: np.array(row, np.float64) for name, row in rest["curve"].items()}
        for name in ("first_loss", "final_loss"):
            rest[name] = math.nan if rest[name] is None else rest[name]
        return cls(**rest)


def _plain(values: Iterable[float]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
