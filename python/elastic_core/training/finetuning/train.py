"""Training of a model on rows: any algorithm, any model, one signature."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.progress import Progress
from elastic_core.training.finetuning.folder import Folder
from elastic_core.training.finetuning.recipe import ONLINE, REFERENCED, Recipe
from elastic_core.training.finetuning.rows import Row, select, sha256
from elastic_core.training.finetuning.trained import Trained

Reward: TypeAlias = Callable[[list[str], list[str]], Sequence[float]]
"""Called with prompts and with what a model wrote after each; gives a number for each, more is
better. Of a conversation the contents of the messages are joined by newlines."""


def train(
    model: str,
    rows: Sequence[Row],
    recipe: Recipe,
    out: str | Path,
    *,
    seed: int,
    reference: str | None = None,
    reward: Reward | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains a model further, and leaves the model as it was: the new one is in `out`.

    The rows are in TRL's standard formats: `text`, or `prompt` and `completion` (whose loss is
    that of the completion alone), or `messages` for `sft`; `prompt`, `chosen` and `rejected` for
    `dpo` and `simpo`; `prompt`, `completion` and `label` for `kto`; `prompt` for `rloo` and
    `grpo`. Other columns are left out. Every text begins with the tokenizer's `bos`, where it has
    one, and ends with its `eos`. A prompt should end where a token does: not in a blank. A tree
    model learns `text`, or `prompt` + `completion`, the prompt too.

    The same arguments give the same model on a CPU. A run that was ended in any way goes on when
    it is called again with the same arguments, and gives the same model as one that was not; one
    that is done is not done again. It also runs in every process of `accelerate launch`, under
    FSDP or DeepSpeed.

    Args:
        model: A folder with a checkpoint, `hf:NAME`, `tree:DEPTH`, or the file of a saved tree
            model.
        rows: What it is trained on.
        recipe: How.
        out: Folder for the model and `trained.json`; it is complete or not there. What an
            unfinished run needs to go on is in the folder `OUT.partial`.
        seed: Seed of the order of the rows, of a new adapter's weights and of sampled texts.
        reference: The model that `dpo`, `kto` and `sft` with a beta hold the new one to, named
            like `model`; None: `model` as it was.
        reward: What `rloo` and `grpo` make more of.
        progress: Called with the phase and its object (`train hf:gpt2`), the steps done and the
            steps in all; for a tree model, symbols.

    Raises:
        InvalidArgumentError: An argument is not what it should be, a row lacks a column, the model
            and the algorithm do not go together, or the folder holds something else.
        ModelError: A model cannot be loaded, a library is not installed, or a single row does not
            fit into memory.
        OSError: The disk is full, or something cannot be written.
    """
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
    chosen = select(rows, recipe.algorithm)
    _check_partners(recipe, reference, reward)
    is_tree = model.startswith("tree:") or Path(model).is_file()
    if is_tree and (recipe.algorithm != "sft" or recipe.beta):
        asked = "with a beta" if recipe.algorithm == "sft" else f"by {recipe.algorithm}"
        raise InvalidArgumentError(
            f"{model}: a tree model learns by plain sft alone, not {asked}; name a checkpoint of "
            "transformers"
        )
    settings: dict[str, Any] = {
        "model": model,
        "rows": len(chosen),
        "rows_sha256": sha256(chosen),
        "seed": seed,
        "reference": reference,
        "reward": None if reward is None else _name(reward),
        "recipe": asdict(recipe),
    }
    if is_tree:
        from elastic_core.training.finetuning.algorithms.tree import learn

        return learn(chosen, recipe, Folder(Path(out), settings), settings, progress)
    if model.startswith("scratch:"):
        raise InvalidArgumentError(
            f"{model} has learned nothing yet; train it with `elastic-core pretrain` and name the "
            "folder that it writes"
        )
    with requires_extra(model, "train"):
        from elastic_core.training.finetuning.run import processes, run
        from elastic_core.training.hardware import choose_device, choose_dtype

        device = choose_device(recipe.device)
        recipe = replace(recipe, device=device, dtype=choose_dtype(recipe.dtype, device))
        settings |= {"recipe": asdict(recipe), "processes": processes()}
        return run(chosen, recipe, Folder(Path(out), settings), settings, reward, progress)


def _check_partners(recipe: Recipe, reference: str | None, reward: Reward | None) -> None:
    algorithm = recipe.algorithm
    if algorithm in ONLINE and reward is None:
        raise InvalidArgumentError(f"{algorithm} needs a reward; name what scores its texts")
    if algorithm not in ONLINE and reward is not None:
        raise InvalidArgumentError(
            f"{algorithm} learns from rows, not from a reward; leave the reward out, or choose "
            f"{' or '.join(ONLINE)}"
        )
    if algorithm not in REFERENCED and reference is not None:
        raise InvalidArgumentError(
            f"{algorithm} takes no reference model; leave the reference out, or choose "
            f"{' or '.join(REFERENCED)}"
        )
    if algorithm == "sft" and reference is not None and not recipe.beta:
        raise InvalidArgumentError(
            "sft without a beta is held to no reference; choose a beta above 0, or leave the "
            "reference out"
        )


def _name(reward: Reward) -> str:
    """What a reward is called, by which another one is told."""
    for name in ("spec", "__qualname__"):
        if isinstance(found := getattr(reward, name, None), str):
            return found
    return type(reward).__name__
