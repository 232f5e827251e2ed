"""Recipes of fine-tuning, with the same fields for every algorithm, and rewards."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from elastic_core._core import InvalidArgumentError
from elastic_core.common.hashing import ADDED_LATER
from elastic_core.common.messages import abridged

ALGORITHMS = ("sft", "dpo", "kto", "simpo", "ppo", "rloo", "grpo")
"""The algorithms of a recipe."""

ONLINE = ("ppo", "rloo", "grpo")
"""The algorithms that learn from the model's own completions and a reward."""

REFERENCED = ("dpo", "kto", "sft")
"""The algorithms that can penalize divergence from a reference model; `sft` only with a beta."""

IN_ORDER = ("sft", "dpo", "simpo")
"""The algorithms that can read the rows in their order."""

_MOST = 1_000_000
_MOST_ROWS = 1_000_000_000
_SCHEDULES = ("constant", "linear", "cosine")
_DTYPES = ("auto", "float32", "bfloat16")
_OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward for `ppo`, `rloo` and `grpo`.

    Attributes:
        name: Identifies the reward: a run resumes only under the same name.
        score: Called with prompts and the model's completion of each; returns a number for each,
            higher is better. In conversations, the contents of messages are joined by newlines.
    """

    name: str
    score: Callable[[list[str], list[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines a fine-tuning besides the model, the rows and the seed.

    The defaults are the SFT hyperparameters that Ji et al. publish. A tree model uses only
    `epochs` and `weight`.

    Attributes:
        algorithm: `sft` (supervised fine-tuning), `dpo` (Rafailov et al. 2023), `kto` (Ethayarajh
            et al. 2024), `simpo` (Meng et al. 2024), or, with a reward, `ppo` (Schulman et al.
            2017), `rloo` (Ahmadian et al. 2024) or `grpo` (Shao et al. 2024).
        learning_rate: Peak learning rate.
        epochs: Passes over the rows. `ppo` learns the completions of each in four passes, with four
            steps where `rloo` and `grpo` take one.
        steps: Optimizer steps, overriding `epochs`; None: as many as `epochs` takes.
        batch: Rows in a forward pass on each device. If they do not fit into GPU memory, the batch
            is reduced and `accumulation` increased, so that a step sees as many rows as before.
        accumulation: Forward passes per step; a step sees batch x accumulation x devices rows.
        max_length: Maximum tokens of a row, at most the positions of the model; longer rows are
            truncated at the end.
        schedule: Learning rate schedule: `constant`, or `linear` or `cosine` decay to 0.
        warm_up: Steps over which the learning rate rises linearly from 0, if 1 or more; below 1, a
            fraction of all steps.
        weight_decay: Weight decay: decoupled for `adamw`, added to the gradient for `sgd`.
        optimizer: `adamw` (Loshchilov and Hutter 2019), or `sgd`: a step is the learning rate times
            the gradient, without momentum. Both clip gradients to a norm of 1.
        beta: Weight of the penalty for diverging from the reference (for `sft`, of the KL per
            trained token, in nats), or, for `simpo`, scale of the reward. None: 0 for `sft` and
            `grpo`, 0.1 for `dpo` and `kto`, 2 for `simpo`, 0.05 for `ppo` and `rloo`.
        generations: Completions per prompt of `rloo` and `grpo`, which compare them, and of `ppo`,
            which does not and takes 1, too. The rows of a step are completions, so their number
            must be a multiple of it.
        completion_length: Maximum tokens of such a completion.
        lora_rank: Rank of a LoRA adapter on all linear layers (Hu et al. 2021); only the adapter is
            trained, and it is merged at the end. None: all weights are trained.
        dtype: `float32`, `bfloat16` (mixed precision; with an adapter, the weights too), or
            `auto`: bfloat16 where the device has instructions for it.
        device: `cpu`, `cuda`, `mps`, or `auto`: the first GPU, else the CPU.
        gradient_checkpointing: Whether to recompute activations to save memory.
        weight: How many times a tree model counts each row; see `TreeModel.update`.
        report_to: Where transformers sends its logs: `none`, `tensorboard`, `wandb` or `mlflow`.

    Raises:
        InvalidArgumentError: A value is out of range or unknown.
    """

    algorithm: str = "sft"
    learning_rate: float = 1e-5
    epochs: float = 1.0
    steps: int | None = None
    batch: int = 1
    accumulation: int = 8
    max_length: int = 512
    schedule: str = "constant"
    warm_up: float = 0.0
    weight_decay: float = 0.0
    optimizer: str = field(default="adamw", metadata=ADDED_LATER)
    beta: float | None = None
    generations: int = 8
    completion_length: int = 64
    lora_rank: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    gradient_checkpointing: bool = False
    weight: float = 1.0
    report_to: str = "none"

    def __post_init__(self) -> None:
        for name, choices in (
            ("algorithm", ALGORITHMS),
            ("schedule", _SCHEDULES),
            ("dtype", _DTYPES),
            ("optimizer", _OPTIMIZERS),
        ):
            if getattr(self, name) not in choices:
                raise InvalidArgumentError(
                    f"unknown {name} {abridged(getattr(self, name))}: choose {', '.join(choices)}"
                )
        for name in ("learning_rate", "epochs", "weight"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InvalidArgumentError(f"{name} {value}: must be more than 0")
            if value > _MOST and name != "learning_rate":
                raise InvalidArgumentError(f"{name} {value}: must be at most {_MOST}")
        for name in ("steps", "batch", "accumulation", "completion_length", "lora_rank"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidArgumentError(f"{name} {value}: must be at least 1")
        for name in ("weight_decay", "beta"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise InvalidArgumentError(f"{name} {value}: must be 0 or more")
        least = {"max_length": 2, "generations": 2 if self.algorithm in ("rloo", "grpo") else 1}
        for name in least:
            if getattr(self, name) < least[name]:
                raise InvalidArgumentError(
                    f"{name} {getattr(self, name)}: must be at least {least[name]}"
                )
        for name in ("steps", "batch", "accumulation", "max_length", "generations", "lora_rank"):
            if (getattr(self, name) or 0) > _MOST_ROWS:
                raise InvalidArgumentError(
                    f"{name} {getattr(self, name)}: must be at most {_MOST_ROWS}"
                )
        is_fraction = 0 <= self.warm_up < 1
        if not is_fraction and not (
            self.warm_up <= _MOST and self.warm_up == int(self.warm_up) > 0
        ):
            raise InvalidArgumentError(
                f"warm_up {self.warm_up}: write a whole number of steps, or a fraction from 0 to "
                "below 1"
            )
        if self.algorithm == "kto" and self.batch < 2:
            raise InvalidArgumentError(
                "batch 1: kto compares the rows of a batch with each other; choose 2 or more"
            )
        if self.algorithm in ONLINE and self.batch * self.accumulation % self.generations:
            raise InvalidArgumentError(
                f"generations {self.generations}: the {self.batch * self.accumulation} completions "
                "of a step (batch x accumulation) must be a multiple of it"
            )
