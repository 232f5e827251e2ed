"""Processing one cell: its model is trained, unless it exists, and measured."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import without_nan
from elastic_core.common.progress import Progress
from elastic_core.experiments.bases import pretrain_root
from elastic_core.experiments.cells import Cell, Metrics, RangedRows, Row, TextSet, TrainingStep
from elastic_core.experiments.completions import COMPLETIONS, complete
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import copy_model
from elastic_core.experiments.rows import HeldOutRows, PretrainTexts
from elastic_core.models.protocol import DrawingModel, decoded
from elastic_core.scoring.loss import Loss, completion_loss, losses
from elastic_core.scoring.scorers import NAME as LINEAR
from elastic_core.scoring.scorers import score_completions
from elastic_core.training.finetuning.recipe import ONLINE, Reward
from elastic_core.training.finetuning.train import train
from elastic_core.training.folder import checkpoint_folder


def process_cell(context: RunContext, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Trains and measures a cell's model.

    Results do not depend on which cells were processed before or at the same time: torch runs on a
    single CPU thread.

    Args:
        context: Data, scorer and models; the models that the cell needs must exist.
        cell: The cell.
        progress: Receives the steps of the training.

    Returns:
        The metrics of `make_model` and `measure_model`, and `seconds`. If the training diverged,
        `diverged` is true and nothing is measured.

    Raises:
        InvalidArgumentError: The cell refers to missing data.
        ModelError: A model cannot be trained, or cannot read a text.
        OSError: The disk is full, or a file cannot be written.
    """
    start = time.monotonic()
    metrics = make_model(context, cell, progress)
    if not metrics.get("diverged"):
        with one_thread(context, cell):
            metrics |= measure_model(context, cell)
    return {**metrics, "seconds": time.monotonic() - start}


def make_model(context: RunContext, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Trains a cell's model; raises as `process_cell` does.

    Returns:
        `train_first` and `train_final`, the first and last loss; `train_steps`, `train_tokens` and
        `diverged`. Empty if the cell has no training, or a longer one passed through its model.
    """
    if cell.parent is None:
        if context.path(cell) is None:
            with context.store.making(context.model_hash(cell)), one_thread(context, cell):
                if context.path(cell) is None:
                    pretrain_root(context, cell, progress)
        return {}
    if cell.training is None:
        return {}
    training, place = cell.training, context.store.path(context.model_hash(cell))
    with context.store.making(context.model_hash(cell)), one_thread(context, cell):
        if not cell.is_trained and _copy_from_curve(context, cell, place):
            return {}
        trained = train(
            context.existing_path(cell.parent),
            training.rows.resolve(context.seed_context(cell.seed)),
            training.recipe,
            place,
            seed=cell.seed,
            reward=reward_of(context, training) if training.recipe.algorithm in ONLINE else None,
            require_all=True,
            checkpoints=_checkpoints(cell),
            progress=progress,
        )
    metrics: Metrics = without_nan(
        {
            "train_first": trained.first_loss,
            "train_final": trained.final_loss,
            "train_steps": trained.steps,
            "train_tokens": trained.tokens,
            "diverged": trained.diverged,
        }
    )
    return metrics


def _checkpoints(cell: Cell) -> tuple[int, ...]:
    """The rows of an ordered training after which copies of its model are kept."""
    if cell.training is None or not isinstance(cell.training.rows, RangedRows):
        return ()
    count = cell.training.rows.count
    doses = tuple(dose for dose in cell.curve if dose <= count)
    return (doses or (count,)) if cell.training.is_ordered else ()


def _copy_from_curve(context: RunContext, cell: Cell, place: Path) -> bool:
    """Copies a cell's model from the longer training that passed through it, if one did."""
    if cell.training is None or not isinstance(cell.training.rows, RangedRows):
        return False
    whole = context.store.path(context.model_hash(cell.end_of_curve))
    kept = checkpoint_folder(whole, cell.training.rows.count)
    if not kept.is_dir():  # The training is that of an earlier run with other doses.
        return False
    if not place.exists():
        copy_model(kept, place, f"delete {whole} and run the command again")
    return True


def reward_of(context: RunContext, training: TrainingStep) -> Reward:
    """The score of a text as the reward of online algorithms, negated for the negative side."""
    scorer = context.scorer
    if scorer is None:
        raise InvalidArgumentError(
            f"{training.recipe.algorithm} needs a reward; set scorer.kind or data.negative"
        )
    sign = 1.0 if training.likes == "positive" else -1.0

    def score(prompts: list[str], completions: list[str]) -> list[float]:
        scores = score_completions(scorer, prompts, completions)
        return [sign * value for value in scores.tolist()]

    return Reward(f"{training.likes} {scorer.name}", score)


def measure_model(context: RunContext, cell: Cell) -> Metrics:
    """Measures a cell's model.

    Returns:
        - `score`: mean score of the held-out prompts with the model's completions.
        - `kl`: KL(model || root's model) on these, in nats per token; `kl_base`: the reverse
          divergence. Standard errors over prompts are in `score_se`, `kl_se` and `kl_base_se`.
        - `loss_NAME` in nats per token and `rate_NAME` in bits per byte, for the text sets
          `positive` and `negative` (held-out texts), `pretrain`, and those of the cell.
        - The metrics of the cell's measures.
        - `completions`, of a cell that keeps them.
        - For a root, `scorer_accuracy` with `scorer_low` and `scorer_high`: the accuracy of a
          linear scorer on labelled texts that it was not trained on.
    """
    model, seed_context = context.model(cell), context.seed_context(cell.seed)
    metrics: Metrics = {}
    if cell.is_drawn:
        metrics |= _completion_metrics(context, cell, model)
    common = _common_sets(context) if cell.has_rates else ()
    for texts in (*common, *cell.sets):
        loss = _loss(model, texts, texts.rows.resolve(seed_context))
        metrics[f"loss_{texts.name}"] = loss.nats_per_token.value
        metrics[f"rate_{texts.name}"] = loss.bits_per_byte.value
    accuracy = getattr(context.judge, "accuracy", None)
    if cell.parent is None and cell.has_score and accuracy is not None:
        metrics["scorer_accuracy"] = accuracy.correct
        metrics |= {"scorer_low": accuracy.low, "scorer_high": accuracy.high}
    for extra in cell.measures:
        metrics |= extra.take(model, seed_context)
    if cell.has_completions:
        metrics[COMPLETIONS] = complete(context, cell, model)
    return metrics


def _completion_metrics(context: RunContext, cell: Cell, model: DrawingModel) -> Metrics:
    """Score and divergences of the completions of the held-out prompts."""
    metrics: Metrics = {}
    reference = context.reference(cell.root)
    prompts = context.seed_context(cell.seed).prompts()
    drawn = reference.draw(model)
    if context.judge is not None:
        completions = decoded(model.spell(drawn, prompts))
        scores = score_completions(context.judge, prompts, completions)
        metrics["score"] = float(scores.mean())
        metrics["score_se"] = float(scores.std(ddof=1) / math.sqrt(len(scores)))
    drift = reference.drift(model, drawn)
    for name, divergence in (("kl", drift.from_model), ("kl_base", drift.from_reference)):
        ratio = divergence.nats_per_token
        metrics |= {name: without_nan(ratio.value), f"{name}_se": ratio.standard_error}
    return metrics


def _common_sets(context: RunContext) -> Iterator[TextSet]:
    """The text sets on which every model is measured."""
    for side in context.datasets.sides:
        yield TextSet(side, HeldOutRows(side))
    if context.corpus is not None:
        yield TextSet("pretrain", PretrainTexts())


def _loss(model: DrawingModel, texts: TextSet, rows: list[Row]) -> Loss:
    prompts: list[str] = [row.get("prompt", "") for row in rows]
    completions: list[str] = [row["text"] if "text" in row else row["completion"] for row in rows]
    if not texts.is_whole:
        return completion_loss(model, texts.name, prompts, completions, has_ends=texts.has_ends)
    whole = [prompt + text for prompt, text in zip(prompts, completions, strict=True)]
    return losses(model, {texts.name: whole})[texts.name]


@contextmanager
def one_thread(context: RunContext, cell: Cell) -> Iterator[None]:
    """Runs torch on one thread, because the order of summation depends on their number."""
    if cell.spec.is_tree and context.config.scorer.kind == LINEAR:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
