"""Sizes that fit the data: rows to hold out, for the scorer, to align with and to train on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elastic_core._core import InvalidArgumentError

STEP = 8
"""Rows of an optimizer step."""

_FEWEST_HELD_OUT, _MOST_HELD_OUT = 8, 100
_FEWEST_SCORER, _MOST_SCORER = 8, 500
_FEWEST_TRAINED, _MOST_TRAINED = 4 * STEP, 48 * STEP
_SPARE = 0.05
_SLICES = 3
_ANSWERS = 1.5
"""Prompts that `resistance` has answered, for each that models are measured on."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The rows of each side by their use.

    Attributes:
        held_out: Prompts to hold out and measure on.
        scorer: Rows for a linear scorer.
        trained: Rows to train on, at most; a multiple of `STEP`.
        answers: Further prompts to hold out, which models answer.
    """

    held_out: int
    scorer: int
    trained: int
    answers: int = 0

    @property
    def volumes(self) -> list[int]:
        """Two alignments, the second one four times as large."""
        return [_steps(self.trained / 4), self.trained]

    @property
    def stops(self) -> list[int]:
        """Numbers of rows after which an alignment may stop."""
        return sorted({_steps(self.trained * share) for share in (1 / 6, 1 / 3, 1 / 2, 3 / 4, 1)})

    @property
    def doses(self) -> list[int]:
        """Doses of further training, from two steps on."""
        return sorted({2 * STEP, _steps(self.trained / 2), self.trained})


def choose_sizes(study: str, rows: int, lost: Callable[[int], int], scorers: int) -> Sizes:
    """Divides the rows of a side.

    Args:
        study: The name of the study.
        rows: Rows of the smaller side, without duplicates.
        lost: The rows that are lost if a number of prompts is held out.
        scorers: How many linear scorers are trained.

    Raises:
        InvalidArgumentError: There are too few rows.
    """
    answers = _ANSWERS if study == "resistance" else 0.0
    left = rows
    for held_out, scorer in (
        (
            _within(rows / (5 + answers), _FEWEST_HELD_OUT, _MOST_HELD_OUT),
            _within(rows / 4 / max(1, scorers), _FEWEST_SCORER, _MOST_SCORER),
        ),
        (_FEWEST_HELD_OUT, _FEWEST_SCORER),
    ):
        asked = 2 * round(answers * held_out)
        set_aside = held_out + asked // 2
        left = rows - set_aside - scorers * scorer - lost(set_aside)
        trained = min(_MOST_TRAINED, int(left * (1 - _SPARE)) // (2 * STEP) * 2 * STEP)
        if trained >= _FEWEST_TRAINED:
            return Sizes(held_out, scorer, trained, asked)
    fewest = round(_FEWEST_HELD_OUT * (1 + answers)) + scorers * _FEWEST_SCORER
    fewest += math.ceil(_FEWEST_TRAINED / (1 - _SPARE))
    raise InvalidArgumentError(
        f"{study} needs {fewest} rows on each side with prompts that differ, but the smaller one "
        f"has {rows:,}, of which {max(0, left):,} would be left to train on; name more data"
    )


def study_keys(study: str, sizes: Sizes) -> dict[str, Any]:
    """The keys of a study that depend on the number of rows."""
    if study == "resistance":
        slices = max(1, sizes.trained // (_SLICES * STEP)) * _SLICES * STEP
        return {"rows": slices, "slices": _SLICES, "answers": sizes.answers}
    if study == "springs":
        return {"align": sizes.trained, "reverse": sizes.doses}
    is_matched = study in ("scaling", "algorithms", "mitigation")
    return {"align": sizes.stops if is_matched else sizes.volumes, "dose": sizes.doses}


def _steps(rows: float) -> int:
    """Whole steps near a number of rows, at least one."""
    return max(1, round(rows / STEP)) * STEP


def _within(value: float, fewest: int, most: int) -> int:
    return max(fewest, min(most, int(value)))
