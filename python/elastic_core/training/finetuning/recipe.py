"""How a model is trained further: the recipe, which every algorithm reads the same way."""

import math
from dataclasses import dataclass

from elastic_core._core import InvalidArgumentError

ALGORITHMS = ("sft", "dpo", "kto", "simpo", "rloo", "grpo")
"""What a recipe's algorithm may be."""

ONLINE = ("rloo", "grpo")
"""Those that learn from texts of the model's own, by a reward."""

REFERENCED = ("dpo", "kto", "sft")
"""Those that may be held to a reference model; `sft` where it has a beta."""

_SCHEDULES = ("constant", "linear", "cosine")
_DTYPES = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training besides the model, the rows and the seed.

    The defaults are the arguments that Ji et al. publish for SFT. A tree model reads `epochs` and
    `weight` alone.

    Attributes:
        algorithm: `sft` (supervised fine-tuning), `dpo` (Rafailov et al. 2023), `kto` (Ethayarajh
            et al. 2024), `simpo` (Meng et al. 2024), or with a reward `rloo` (Ahmadian et al.
            2024) and `grpo` (Shao et al. 2024).
        learning_rate: The highest learning rate of AdamW.
        epochs: Passes over the rows.
        steps: Optimizer steps, however many passes they make; None: as `epochs` says.
        batch: Rows in a forward pass on each device. Where they do not fit into a GPU's memory the
            batch is cut and `accumulation` grows, so that a step sees as many rows as before.
        accumulation: Forward passes in a step; a step sees batch x accumulation x devices rows.
        max_length: Most tokens of a row, the positions of the model at most; the end is cut.
        schedule: Of the learning rate: `constant`, `linear` or `cosine`, both to 0.
        warm_up: Share of the steps over which the learning rate rises from 0.
        weight_decay: That of AdamW.
        beta: Weight of what holds a model to its reference (for `sft`, of the KL to it per trained
            token, in nats), and in `simpo` scale of the reward; None: 0 for `sft` and `grpo`, 0.1
            for `dpo` and `kto`, 2 for `simpo`, 0.05 for `rloo`.
        generations: Texts per prompt that `rloo` and `grpo` compare; a step's rows are these
            texts, so they have to be a multiple of it.
        completion_length: Most tokens of each such text.
        lora_rank: Rank of a LoRA adapter on all linear layers (Hu et al. 2021), which is trained
            alone and merged at the end; None: all weights are trained.
        dtype: `float32`, `bfloat16` (mixed precision; under an adapter the weights too), or
            `auto`: bfloat16 where the device has instructions for it.
        device: `cpu`, `cuda`, `mps`, or `auto`: the first GPU, else the CPU.
        gradient_checkpointing: Whether activations are computed twice to save memory.
        weight: How many times the rows count for a tree model; see `TreeModel.update`.
        report_to: Where transformers reports its logs: `none`, `tensorboard`, `wandb`, `mlflow`.

    Raises:
        InvalidArgumentError: A value is not what it should be.
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
        ):
            if getattr(self, name) not in choices:
                raise InvalidArgumentError(
                    f"unknown {name} {getattr(self, name)!r}: choose {', '.join(choices)}"
                )
        for name in ("learning_rate", "epochs", "weight"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InvalidArgumentError(f"{name} {value}: must be more than 0")
        for name in ("steps", "batch", "accumulation", "completion_length", "lora_rank"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidArgumentError(f"{name} {value}: must be at least 1")
        for name in ("weight_decay", "beta"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise InvalidArgumentError(f"{name} {value}: must be 0 or more")
        for name in ("max_length", "generations"):
            if getattr(self, name) < 2:
                raise InvalidArgumentError(f"{name} {getattr(self, name)}: must be at least 2")
        if not 0 <= self.warm_up < 1:
            raise InvalidArgumentError(f"warm_up {self.warm_up}: must be from 0 to below 1")
        if self.algorithm == "kto" and self.batch < 2:
            raise InvalidArgumentError(
                "batch 1: kto compares the rows of a batch with each other; choose 2 or more"
            )
        if self.algorithm in ONLINE and self.batch * self.accumulation % self.generations:
            raise InvalidArgumentError(
                f"generations {self.generations}: the {self.batch * self.accumulation} texts of a "
                "step, batch x accumulation, must be a multiple of it"
            )
