"""What pre-training is asked and what it gives: plain frozen records."""

from dataclasses import asdict, dataclass
from typing import Any

from elastic_core.common import schemas


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """Everything that decides what a run gives.

    Attributes:
        corpus: The corpus's paths as they were given.
        corpus_bytes: Its size on disk, by which another corpus of the same name is told.
        model: The new model, such as `scratch:3M`.
        tokens: Tokens to train on, whole steps of `batch`.
        checkpoints: Tokens after which the model is kept, whole steps too.
        batch: Tokens in an optimizer step.
        context: Tokens in a block.
        learning_rate: The highest learning rate.
        seed: Seed of the weights and of the order of the blocks.
        repeat: Whether a corpus with fewer tokens is gone over again.
        dtype: `float32`, or `bfloat16` for mixed precision.
        device: `cpu`, `cuda` or `mps`.
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model that was kept on the way.

    Attributes:
        tokens: Tokens it was trained on.
        path: Its folder.
    """

    tokens: int
    path: str


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """A new model, trained.

    Attributes:
        config: What it was asked.
        path: The model's folder.
        parameters: Numbers that were learned, embeddings among them.
        vocabulary: Token ids of the model.
        corpus_tokens: Tokens in the corpus, an end of text after each document among them.
        epochs: `tokens` / `corpus_tokens`; above 1 the corpus was gone over again.
        steps: Optimizer steps.
        loss: Cross-entropy at the end, in nats per token: the last row of the curve.
        tokens_per_second: Speed of the part that was trained last.
        checkpoints: The models that were kept on the way.
        versions: Versions of what the result may depend on.
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
        """The result as it stands in `result.json`."""
        return {"schema": schemas.PRETRAIN, **asdict(self)}

    @classmethod
    def from_dict(cls, result: dict[str, Any]) -> "PretrainResult":
        """The result of what `to_dict` gave."""
        config = PretrainConfig(
            **{**result["config"], "checkpoints": tuple(result["config"]["checkpoints"])}
        )
        checkpoints = tuple(Checkpoint(**each) for each in result["checkpoints"])
        rest = {
            name: value
            for name, value in result.items()
            if name not in ("schema", "config", "checkpoints")
        }
        return cls(config=config, checkpoints=checkpoints, **rest)
