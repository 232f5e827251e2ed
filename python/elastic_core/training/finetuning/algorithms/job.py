"""What every algorithm's trainer is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from elastic_core.training.finetuning.recipe import Recipe

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftConfig
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        TrainerCallback,
        TrainingArguments,
    )

Config = TypeVar("Config", bound="TrainingArguments")


@dataclass(frozen=True, slots=True)
class Job:
    """A training, ready for the trainer of an algorithm.

    Attributes:
        recipe: How to train.
        model: The model, which was loaded from a path: TRL loads the reference from it again.
        tokenizer: Its tokenizer, with a token to pad with.
        rows: The rows.
        max_length: Most tokens of a row.
        arguments: Those of transformers' `TrainingArguments`.
        callbacks: Those of transformers' `Trainer`.
        adapter: The adapter to train alone, if any.
        reference: The model to hold the new one to; None: the model as it was.
        rewards: What scores prompts and completions, as TRL calls it.
    """

    recipe: Recipe
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    rows: "Dataset"
    max_length: int
    arguments: dict[str, Any]
    callbacks: "list[TrainerCallback]"
    adapter: "PeftConfig | None"
    reference: "PreTrainedModel | None"
    rewards: list[Callable[..., list[float | None]]]

    @property
    def parts(self) -> dict[str, Any]:
        """The arguments that every trainer of TRL's takes."""
        return {
            "model": self.model,
            "train_dataset": self.rows,
            "processing_class": self.tokenizer,
            "callbacks": self.callbacks,
            "peft_config": self.adapter,
        }

    def configure(self, config: "Callable[..., Config]", **own: Any) -> "Config":
        """The configuration of an algorithm: the arguments of all, and its own.

        Args:
            config: The class of the configuration.
            **own: What this algorithm has besides.
        """
        made = config(**self.arguments, **own)
        made._n_gpu = min(1, made.n_gpu)  # Else the batch would grow with every GPU.
        return made

    def beta(self, default: float) -> float:
        """The recipe's beta, or the algorithm's own."""
        return default if self.recipe.beta is None else self.recipe.beta
