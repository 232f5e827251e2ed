"""Small trainings by every algorithm, for the tests of fine-tuning."""

import shutil
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from elastic_core import Recipe, Reward, Trained, train
from elastic_core.training.finetuning.recipe import ONLINE

QUICK: dict[str, Any] = {
    "learning_rate": 3e-3,
    "steps": 6,
    "batch": 4,
    "accumulation": 2,
    "max_length": 32,
    "completion_length": 8,
    "dtype": "float32",
    "device": "cpu",
}
PROMPTS = [f"To be {number}:" for number in range(16)]
ROWS: dict[str, list[dict[str, Any]]] = {
    "sft": [{"prompt": prompt, "completion": " or not"} for prompt in PROMPTS],
    "dpo": [{"prompt": prompt, "chosen": " aye aye", "rejected": " nay"} for prompt in PROMPTS],
    "kto": [
        {"prompt": prompt, "completion": text, "label": label}
        for prompt in PROMPTS
        for text, label in ((" aye aye", True), (" nay", False))
    ],
    "grpo": [{"prompt": prompt} for prompt in PROMPTS],
}
ROWS |= {"simpo": ROWS["dpo"], "ppo": ROWS["grpo"], "rloo": ROWS["grpo"]}


def share_of_e(prompts: list[str], completions: list[str]) -> list[float]:
    """The reward: which share of a completion is the letter e."""
    assert all(prompt in PROMPTS for prompt in prompts)
    return [text.count("e") / max(1, len(text)) for text in completions]


def quick(algorithm: str, model: Path, out: Path, progress: Any = None, **more: Any) -> Trained:
    """A training on the rows of the algorithm; `more` are settings of the recipe."""
    recipe = Recipe(algorithm, **{**QUICK, **more})
    reward = Reward("share of e", share_of_e) if algorithm in ONLINE else None
    rows = ROWS[algorithm]
    return train(str(model), rows, recipe, out, seed=1, reward=reward, progress=progress)


def model_path(result: Trained) -> str:
    """The folder of a model whose training did not diverge."""
    assert result.path is not None
    return result.path


def with_template(checkpoint: Path, folder: Path, template: str) -> Path:
    """A copy of the checkpoint with a chat template."""
    shutil.copytree(checkpoint, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


class Interrupted(BaseException):
    """Ends a training in the middle, as a signal to the process would."""
