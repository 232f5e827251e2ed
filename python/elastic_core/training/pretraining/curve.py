"""The loss curve: a row of `metrics.jsonl` for every log step, and a figure of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from elastic_core.report.plot import tidy

METRICS = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Row:
    """What is logged at one step.

    Attributes:
        step: Optimizer steps done.
        tokens: Tokens trained on.
        loss: Mean cross-entropy since the row before, in nats per token.
        learning_rate: That of the step.
    """

    step: int
    tokens: int
    loss: float
    learning_rate: float


class Curve:
    """The rows of a run, in a file that only grows.

    Args:
        folder: The run's folder.
        step: The step that the run goes on from; what an earlier attempt logged after it goes.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._file = folder / METRICS
        rows = read_curve(folder)
        kept = [row for row in rows if row.step <= step]
        partial = folder / f".{METRICS}"
        partial.write_text("".join(map(_line, kept)))
        partial.replace(self._file)

    def add(self, row: Row) -> None:
        """Appends a row."""
        with self._file.open("a") as file:
            file.write(_line(row))


def read_curve(folder: Path) -> list[Row]:
    """The rows in a run's folder; a last one that was cut short is left out."""
    file = folder / METRICS
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [Row(**json.loads(line)) for line in lines if line.endswith("\n")]


def draw_curve(rows: list[Row], file: Path, title: str) -> None:
    """Draws the loss against the tokens into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), dpi=160, layout="constrained")
    axes = figure.subplots()
    axes.plot([row.tokens for row in rows], [row.loss for row in rows], color="#0072B2")
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("tokens")
    axes.set_ylabel("loss, nats per token")
    tidy(axes)
    figure.savefig(file)


def _line(row: Row) -> str:
    return json.dumps(asdict(row)) + "\n"
