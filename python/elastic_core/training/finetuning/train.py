"""Fine-tuning of any model by any algorithm, behind one signature."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.hashing import rows_sha256
from elastic_core.common.messages import abridged
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.training.finetuning.recipe import IN_ORDER, ONLINE, REFERENCED, Recipe, Reward
from elastic_core.training.finetuning.result import Trained
from elastic_core.training.finetuning.rows import Row, select
from elastic_core.training.folder import TrainingFolder


@shows_progress
def train(
    model: str,
    rows: Sequence[Row],
    recipe: Recipe,
    out: str | Path,
    *,
    seed: int = 0,
    reference: str | None = None,
    reward: Reward | None = None,
    require_all: bool = False,
    checkpoints: Sequence[int] = (),
    progress: Progress | None = None,
) -> Trained:
    """Trains a copy of a model on rows.

    The rows are in TRL's standard formats: `text`, or `prompt` and `completion` (only the
    completion counts in the loss), or `messages`, for `sft`; `prompt`, `chosen` and `rejected` for
    `dpo` and `simpo`; `prompt`, `completion` and `label` for `kto`; `prompt` for `ppo`, `rloo` and
    `grpo`. Other columns are ignored. Every text begins with the tokenizer's `bos`, if it has one,
    and ends with its `eos`. A prompt should end at a token boundary: not in a blank. A tree model
    learns `text`, or `prompt` + `completion`, including the prompt.

    A row longer than `recipe.max_length` is truncated. Rows of which only the prompt remains teach
    nothing: they are left out with a warning, and `Trained.rows` counts them.

    On a CPU the same arguments give the same model. If interrupted, call it again with the same
    arguments to resume, with an identical result; a finished training is not repeated. Except for
    `ppo`, it also runs in every process of `accelerate launch`, under FSDP or DeepSpeed.

    Args:
        model: A checkpoint folder, `hf:NAME`, `tree:DEPTH`, or the file of a saved tree model.
        rows: Rows to train on.
        recipe: The recipe.
        out: Folder for the model and `trained.json`, which appears when it is complete. An
            unfinished training keeps its state in `OUT.partial`.
        seed: Seed of the order of rows, a new adapter's weights and sampled completions.
        reference: Reference model of `dpo`, `kto` and `sft` with a beta, named like `model`;
            None: `model` before training.
        reward: Reward of `ppo`, `rloo` and `grpo`.
        require_all: Whether to refuse rows that teach nothing instead of leaving them out.
        checkpoints: Numbers of rows after which to keep a copy of the model, as `checkpoint_folder`
            names it. The rows are then read once and in their order, and none may teach nothing, so
            that each copy equals the model of a training on the first rows alone.
        progress: Receives steps with the optimizer steps done; for a tree model, symbols.

    Raises:
        InvalidArgumentError: An argument is invalid, a row lacks a column or is refused by the chat
            template, no row (or not every one, if required) has a token to learn, the model does
            not support the algorithm, or the folder holds something else.
        ModelError: A model cannot be loaded, a library is not installed, or a single row does not
            fit into memory.
        OSError: A file cannot be written.
    """
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
    selected = select(rows, recipe.algorithm)
    _check_arguments(recipe, reference, reward)
    spec = ModelSpec.parse(model)
    if checkpoints:
        check_checkpoints(checkpoints, len(selected), recipe, is_tree=spec.is_tree)
        require_all = True
    settings: dict[str, Any] = {
        "model": model,
        "rows": len(selected),
        "rows_sha256": rows_sha256(selected),
        "seed": seed,
        "reference": reference,
        "reward": reward and reward.name,
        "recipe": asdict(recipe),
        **({"checkpoints": list(checkpoints)} if checkpoints else {}),
    }
    match spec.kind:
        case ModelKind.TREE | ModelKind.SAVED_TREE:
            from elastic_core.training.finetuning import tree

            _check_tree_recipe(spec, recipe)
            folder = TrainingFolder(Path(out), settings)
            return tree.run(selected, recipe, folder, settings, progress)
        case ModelKind.TRANSFORMERS:
            with requires_extra(model, "train"):
                from elastic_core.training.finetuning.run import processes, run
                from elastic_core.training.hardware import choose_device, choose_dtype

                _check_processes(recipe, processes())
                device = choose_device(recipe.device)
                recipe = replace(recipe, device=device, dtype=choose_dtype(recipe.dtype, device))
                settings |= {"recipe": asdict(recipe), "processes": processes()}
                folder = TrainingFolder(Path(out), settings)
                return run(
                    selected, recipe, folder, settings, reward, progress, require_all=require_all
                )
        case ModelKind.SCRATCH:
            raise InvalidArgumentError(
                f"{model}: the model is untrained; train it with `elastic-core pretrain` first and "
                "name the folder that it writes"
            )


def _check_tree_recipe(spec: ModelSpec, recipe: Recipe) -> None:
    if recipe.algorithm != "sft" or recipe.beta:
        requested = "with a beta" if recipe.algorithm == "sft" else f"by {recipe.algorithm}"
        raise InvalidArgumentError(
            f"{spec.text}: a tree model supports only plain sft, not {requested}; name a "
            "checkpoint of transformers"
        )


def check_checkpoints(
    checkpoints: Sequence[int], rows: int, recipe: Recipe, *, is_tree: bool
) -> None:
    """Checks that each checkpoint of `train` is the end of a training on as many rows.

    Args:
        checkpoints: The checkpoints.
        rows: Number of rows to train on.
        recipe: The recipe.
        is_tree: Whether the model is a tree model, which ignores most of the recipe.

    Raises:
        InvalidArgumentError: One is not, or the rows cannot be read in their order.
    """
    step = 1 if is_tree else recipe.batch * recipe.accumulation
    numbers = [0, *checkpoints]
    if any(one >= other for one, other in pairwise(numbers)) or numbers[-1] > rows:
        raise InvalidArgumentError(
            f"checkpoints {abridged(list(checkpoints))}: write increasing numbers of rows, from 1 "
            f"to {rows}"
        )
    if uneven := [number for number in checkpoints if number % step]:
        raise InvalidArgumentError(
            f"checkpoint {uneven[0]}: a step takes {step} rows (batch x accumulation); choose a "
            "multiple"
        )
    if is_tree:
        return
    if not is_nested(recipe, is_tree=False):
        raise InvalidArgumentError(
            f"checkpoints need {' or '.join(IN_ORDER)}, one epoch, a constant learning rate and a "
            "warm_up in steps; otherwise the first rows are trained on in another way when more "
            "follow"
        )


def is_nested(recipe: Recipe, *, is_tree: bool) -> bool:
    """Whether a training on more rows passes through the model of one on the first of them.

    Args:
        recipe: The recipe.
        is_tree: Whether the model is a tree model, which ignores most of the recipe.
    """
    return is_tree or (
        recipe.algorithm in IN_ORDER
        and recipe.epochs == 1
        and recipe.steps is None
        and recipe.schedule == "constant"
        and (recipe.warm_up == 0 or recipe.warm_up >= 1)
    )


def _check_processes(recipe: Recipe, processes: int) -> None:
    if recipe.algorithm == "ppo" and processes > 1:
        raise InvalidArgumentError(
            "ppo trains in a single process; start it without accelerate launch, or choose rloo or "
            "grpo"
        )


def _check_arguments(recipe: Recipe, reference: str | None, reward: Reward | None) -> None:
    algorithm = recipe.algorithm
    if algorithm in ONLINE and reward is None:
        raise InvalidArgumentError(f"{algorithm} needs a reward; pass one that scores completions")
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
            "sft without a beta uses no reference; choose a beta above 0, or leave the reference "
            "out"
        )
