"""What models write: completions of a few held-out prompts, kept for people to read.

The folder of a run has them in `completions.jsonl`, with a line for each cell that keeps them. The
file belongs to no row or hash: a run without it is complete.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import append_json_line, read_json_lines
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.context import RunContext
from elastic_core.models.protocol import DrawingModel, decoded
from elastic_core.scoring.scorers import score_completions

COMPLETIONS = "completions"
"""The name of completions among the metrics of a cell, and in its line of the file."""

_PROMPTS = 6
_TEXTS = ("prompt", "text")


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote.

    Attributes:
        prompt: The held-out prompt.
        text: Its continuation, sampled at temperature 1.
        score: The score of both together; None without a scorer.
    """

    prompt: str
    text: str
    score: float | None


def complete(context: RunContext, cell: Cell, model: DrawingModel) -> list[Completion]:
    """Lets a model complete the first held-out prompts, which alternate between the sides.

    All models of a seed complete the same prompts with the same random numbers.

    Args:
        context: The data and the scorer.
        cell: The cell of the model.
        model: The model.
    """
    prompts = context.seed_context(cell.seed).prompts()[:_PROMPTS]
    written = model.generate(prompts, tokens=context.config.held_out.tokens, seed=cell.seed)
    texts = decoded(written)
    scores: Sequence[float | None] = [None] * len(texts)
    if context.judge is not None:
        scores = score_completions(context.judge, prompts, texts).tolist()
    return [Completion(*each) for each in zip(prompts, texts, scores, strict=True)]


def append_completions(file: Path, key: str, cell: Cell, completions: Sequence[Completion]) -> None:
    """Appends the completions of a cell to a file.

    Args:
        file: The file.
        key: The hash of the cell's row.
        cell: The cell.
        completions: What its model wrote.

    Raises:
        OSError: The file cannot be written.
    """
    row = {
        "key": key,
        "name": cell.name,
        "labels": dict(cell.labels),
        COMPLETIONS: [asdict(completion) for completion in completions],
    }
    append_json_line(file, row)


def read_completions(file: Path) -> dict[str, list[Completion]]:
    """Reads the completions of all cells, by the hash of their rows; empty without the file.

    Raises:
        InvalidArgumentError: A line is damaged.
        OSError: The file cannot be read.
    """
    found: dict[str, list[Completion]] = {}
    for number, row in enumerate(read_json_lines(file), 1):
        if not _is_of_cell(row):
            raise InvalidArgumentError(
                f"{file}: row {number} is not that of a cell; remove that line"
            )
        found[row["key"]] = [Completion(**each) for each in row[COMPLETIONS]]
    return found


def _is_of_cell(row: dict[str, Any]) -> bool:
    """Whether an object has a key and completions of the right kind."""
    completions = row.get(COMPLETIONS)
    return (
        isinstance(row.get("key"), str)
        and isinstance(completions, list)
        and all(isinstance(each, dict) and _is_completion(each) for each in completions)
    )


def _is_completion(value: dict[str, Any]) -> bool:
    score = value.get("score")
    return (
        value.keys() == {*_TEXTS, "score"}
        and all(isinstance(value[key], str) for key in _TEXTS)
        and (score is None or isinstance(score, float))
    )
