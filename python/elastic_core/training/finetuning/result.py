"""The result of a fine-tuning."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.files import without_nan
from elastic_core.common.schemas import TRAINED
from elastic_core.training.finetuning.usable import RowCounts


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fine-tuned model.

    Attributes:
        path: The new model, as `load_model` takes it; None if the training diverged.
        steps: Optimizer steps; for a tree model, documents.
        first_loss: First loss of the curve.
        final_loss: Last loss of the curve.
        curve: Arrays of shape (log rows,), float64: `step`, `loss` (mean since the previous row;
            for `sft` in nats per token) and whatever else TRL reports for the algorithm, such as
            `rewards/margins`; NaN where a row lacks a value. For a tree model two rows: the mean
            code length per symbol, EOS included, in nats, before and after training.
        tokens: Tokens seen, without padding, or symbols for a tree model, counted once per pass;
            None for `simpo`, whose trainer does not count them.
        rows: What became of the rows; None in a result of a version that did not count them.
        seconds: Duration of the last attempt.
        diverged: Whether the loss became NaN or infinite, which ended the training; or the weights
            grew more than tenfold, as the root of their sum of squares; or plain `sft` ended more
            than 1 nat per token above both its first loss and ln(vocabulary), a uniform guess.
        settings: Everything that determines the result, ready for JSON.
    """

    path: str | None
    steps: int
    first_loss: float
    final_loss: float
    curve: dict[str, NDArray[np.float64]] = field(repr=False)
    tokens: int | None
    rows: RowCounts | None
    seconds: float
    diverged: bool
    settings: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The content of `trained.json`; NaN and infinity become None."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["rows"] = self.rows and asdict(self.rows)
        plain["curve"] = {name: values.tolist() for name, values in self.curve.items()}
        result: dict[str, Any] = without_nan({"schema": TRAINED, **plain})
        return result

    @classmethod
    def from_dict(cls, result: dict[str, Any]) -> "Trained":
        """The result that `to_dict` wrote, with or without the seal of `trained.json`."""
        rest = {name: value for name, value in result.items() if name not in ("schema", "check")}
        rest["curve"] = {name: np.array(row, np.float64) for name, row in rest["curve"].items()}
        rows = rest.get("rows")
        rest["rows"] = rows and RowCounts(**rows)
        for name in ("first_loss", "final_loss"):
            rest[name] = math.nan if rest[name] is None else rest[name]
        return cls(**rest)
