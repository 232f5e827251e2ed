"""Configuration, result and loss curve of a pre-training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import append_json_line, read_json_lines, write_json_lines
from elastic_core.common.schemas import PRETRAIN
from elastic_core.report.plot import tidy
from elastic_core.training.pretraining.schedule import COSINE, Schedule

METRICS = "metrics.jsonl"
"""The file of the loss curve in the folder of a run."""


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """Everything that determines the result of a run.

    Attributes:
        corpus: Paths of the corpus as given.
        corpus_bytes: Its size on disk, to recognize another corpus of the same name.
        model: The new model, such as `scratch:3M`.
        tokens: Tokens to train on, whole steps of `batch`.
        checkpoints: Tokens after which the model is also saved, whole steps.
        batch: Tokens in an optimizer step.
        context: Tokens in a block.
        learning_rate: Peak learning rate.
        seed: Seed of the weights and of the order of the blocks.
        repeat: Whether a corpus with fewer tokens is read several times.
        dtype: `float32`, or `bfloat16` for mixed precision.
        device: `cpu`, `cuda` or `mps`.
        schedule: `cosine`, or `wsd` for warm-up, stable, decay.
        warm_up: Tokens of the warm-up of `wsd`, whole steps; 0 with `cosine`.
        decay: The share of the tokens in the decay phase of `wsd`; 0 with `cosine`.
        branches: Tokens of the annealed branches, whole steps.
    """

    corpus: str
    corpus_bytes: int
    model: str
    tokens: int
    checkpoints: tuple[int, ...]
    batch: int
    context: int
    learning_rate: float
    seed: int
    repeat: bool
    dtype: str
    device: str
    schedule: str = COSINE
    warm_up: int = 0
    decay: float = 0.0
    branches: tuple[int, ...] = ()

    @property
    def plan(self) -> Schedule:
        """The schedule of the run."""
        return Schedule(
            self.batch,
            self.tokens,
            self.schedule,
            self.warm_up,
            self.decay,
            self.checkpoints,
            self.branches,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration in a result or an unfinished run; keys that it lacks have defaults."""
        volumes = {
            name: tuple(values[name]) for name in ("checkpoints", "branches") if name in values
        }
        return cls(**{**values, **volumes})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model saved during training.

    Attributes:
        tokens: Tokens it was trained on.
        path: Its folder.
        annealed: Whether it is a branch, which ends with a decay phase of its own.
    """

    tokens: int
    path: str
    annealed: bool = False


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """A pre-trained model.

    Attributes:
        config: The configuration of the run.
        path: The model's folder.
        parameters: Number of trained parameters, including embeddings.
        vocabulary: Number of token ids of the model.
        corpus_tokens: Tokens in the corpus, including one end of text per document.
        epochs: `tokens` / `corpus_tokens`.
        steps: Optimizer steps.
        loss: Cross-entropy of the last row of the curve, in nats per token.
        tokens_per_second: Speed of the last attempt, branches apart; 0 if it had nothing left.
        checkpoints: Models saved during training, and branches.
        versions: Versions of the libraries that the result may depend on.
    """

    config: PretrainConfig
    path: str
    parameters: int
    vocabulary: int
    corpus_tokens: int
    epochs: float
    steps: int
    loss: float
    tokens_per_second: float
    checkpoints: tuple[Checkpoint, ...]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The content of `result.json`."""
        return {"schema": PRETRAIN, **asdict(self)}

    @classmethod
    def from_dict(cls, result: dict[str, Any]) -> "PretrainResult":
        """The result that `to_dict` wrote, with or without the seal of `result.json`."""
        fields = {name: value for name, value in result.items() if name not in ("schema", "check")}
        fields["config"] = PretrainConfig.from_dict(fields["config"])
        fields["checkpoints"] = tuple(Checkpoint(**saved) for saved in fields["checkpoints"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class LossRow:
    """A row of the loss curve.

    Attributes:
        step: Optimizer steps done.
        tokens: Tokens trained on.
        loss: Mean cross-entropy since the previous row, in nats per token.
        learning_rate: Learning rate of the step.
    """

    step: int
    tokens: int
    loss: float
    learning_rate: float


class LossCurve:
    """The loss curve of a run, appended to `metrics.jsonl`.

    Args:
        folder: The run's folder.
        step: The step that the run resumes after; later rows of an earlier attempt are removed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._file = folder / METRICS
        rows = [asdict(row) for row in read_curve(folder) if row.step <= step]
        write_json_lines(self._file, rows)

    def add(self, row: LossRow) -> None:
        """Appends a row."""
        append_json_line(self._file, asdict(row))


def read_curve(folder: Path) -> list[LossRow]:
    """The rows in a run's folder, without a torn last one.

    Raises:
        InvalidArgumentError: Another row is damaged.
    """
    file = folder / METRICS
    try:
        return [LossRow(**row) for row in read_json_lines(file)]
    except TypeError as error:
        raise InvalidArgumentError(
            f"{file}: a row is not one of a loss curve; delete {folder} and run the command again"
        ) from error


def draw_curve(rows: Sequence[LossRow], file: Path, title: str) -> None:
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
