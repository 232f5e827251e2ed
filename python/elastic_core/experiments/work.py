"""Work on one cell: its model is made, unless it is there, and measured; a row comes of it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.common.progress import Progress
from elastic_core.experiments.cells import Cell, Row, TextSet, TrainingStep
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.pretrained import make_root
from elastic_core.experiments.rows import HeldOutRows, PretrainTexts
from elastic_core.models.protocol import DrawingModel
from elastic_core.scoring.losses import Loss, completion_loss, losses
from elastic_core.training.finetuning.recipe import ONLINE, Reward
from elastic_core.training.finetuning.result import Trained
from elastic_core.training.finetuning.train import train

Metrics = dict[str, Any]
"""Numbers by name, ready for JSON; what is no number is None."""


def work(context: RunContext, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Makes a cell's model and measures it.

    The same cell gives the same numbers, whatever was worked on before and how much at once: torch
    computes on a single thread of the CPU.

    Args:
        context: What it is made with; the models that it needs are there.
        cell: The cell.
        progress: Called with the phase, and what is done of it.

    Returns:
        The metrics: what `training` and `measurement` say, and `seconds`; of a training that
        diverged `diverged` is true, and nothing is measured.

    Raises:
        InvalidArgumentError: The cell asks for what there is not.
        ModelError: A model cannot be made, or makes nothing of a text.
        OSError: The disk is full, or something cannot be written.
    """
    began = time.monotonic()
    metrics = make(context, cell, progress)
    if not metrics.get("diverged"):
        with _one_thread(context, cell):
            metrics |= measurement(context, cell)
    return {**metrics, "seconds": time.monotonic() - began}


def make(context: RunContext, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Makes a cell's model.

    Returns:
        Of a training `train_first` and `train_final`, its first and last loss; `train_steps`,
        `train_tokens`, `diverged`. Of a root, nothing.
    """
    if cell.parent is None:
        if context.path(cell) is None:
            with _one_thread(context, cell):
                make_root(context, cell, progress)
        return {}
    if cell.training is None:
        return {}
    with _one_thread(context, cell):
        trained = _train(context, cell, cell.parent, cell.training, progress)
    return {
        "train_first": _plain(trained.first_loss),
        "train_final": _plain(trained.final_loss),
        "train_steps": trained.steps,
        "train_tokens": trained.tokens,
        "diverged": trained.diverged,
    }


def _train(
    context: RunContext, cell: Cell, parent: Cell, training: TrainingStep, progress: Progress | None
) -> Trained:
    path = context.path(parent)
    if path is None:
        raise InvalidArgumentError(f"{parent.name}: its model is not there; start the run again")
    return train(
        path,
        training.rows.resolve(context.seed_context(cell.seed)),
        training.recipe,
        context.store.place(context.made(cell)),
        seed=cell.seed,
        reward=_reward(context, training) if training.recipe.algorithm in ONLINE else None,
        progress=progress,
    )


def _reward(context: RunContext, training: TrainingStep) -> Reward:
    """The score of a completion with its prompt, negated for the negative side."""
    scorer = context.scorer
    if scorer is None:
        raise InvalidArgumentError(
            f"{training.recipe.algorithm} needs a reward; name a scorer, or both sides"
        )
    sign = 1.0 if training.likes == "positive" else -1.0

    def score(prompts: list[str], completions: list[str]) -> list[float]:
        texts = [prompt + text for prompt, text in zip(prompts, completions, strict=True)]
        return [sign * value for value in scorer(texts).tolist()]

    return Reward(f"{training.likes} {scorer.name}", score)


def measurement(context: RunContext, cell: Cell) -> Metrics:
    """Measures a cell's model.

    Returns:
        - `score`: mean score of the held-out prompts with what the model draws after them.
        - `kl`: KL(model || the root's model) on these, in nats per token; `kl_base`: the other way
          round. Both and `score` with their standard errors over prompts, `score_se` and so on.
        - `loss_NAME` in nats per token, `rate_NAME` in bits per byte, for the sets `positive` and
          `negative` (held-out texts), `pretrain`, and the cell's own.
        - What the cell's own measures give.
        - Of a root, `scorer_accuracy` with `scorer_low` and `scorer_high`: on labelled texts that a
          linear scorer was not trained on.
    """
    model, seed_context = context.model(cell), context.seed_context(cell.seed)
    metrics: Metrics = {}
    if cell.is_drawn:
        reference, prompts = context.reference(cell.root), seed_context.prompts()
        drawn = reference.draw(model)
        if context.scorer is not None:
            said = [text.decode(errors="replace") for text in model.spell(drawn)]
            found = context.scorer([one + two for one, two in zip(prompts, said, strict=True)])
            metrics["score"] = float(found.mean())
            metrics["score_se"] = float(found.std(ddof=1) / math.sqrt(len(found)))
        drift = reference.drift(model, drawn)
        for name, divergence in (("kl", drift.from_model), ("kl_base", drift.from_reference)):
            ratio = divergence.nats_per_token
            metrics |= {name: _plain(ratio.value), f"{name}_se": ratio.standard_error}
    for each in (*_usual_sets(context), *cell.sets):
        loss = _loss(model, each, each.rows.resolve(seed_context))
        metrics[f"loss_{each.name}"] = loss.nats_per_token.value
        metrics[f"rate_{each.name}"] = loss.bits_per_byte.value
    accuracy = getattr(context.scorer, "accuracy", None)
    if cell.parent is None and cell.is_drawn and accuracy is not None:
        metrics["scorer_accuracy"] = accuracy.correct
        metrics |= {"scorer_low": accuracy.low, "scorer_high": accuracy.high}
    for measure in cell.measures:
        metrics |= measure.take(model, seed_context)
    return metrics


def _usual_sets(context: RunContext) -> Iterator[TextSet]:
    for side in context.sides.names:
        yield TextSet(side, HeldOutRows(side))
    if context.corpus is not None:
        yield TextSet("pretrain", PretrainTexts())


def _loss(model: DrawingModel, each: TextSet, rows: list[Row]) -> Loss:
    prompts: list[str] = [row.get("prompt", "") for row in rows]
    texts: list[str] = [row["text"] if "text" in row else row["completion"] for row in rows]
    if not each.is_whole:
        return completion_loss(model, each.name, prompts, texts, has_ends=each.has_ends)
    whole = [one + two for one, two in zip(prompts, texts, strict=True)]
    return losses(model, {each.name: whole})[each.name]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@contextmanager
def _one_thread(context: RunContext, cell: Cell) -> Iterator[None]:
    """Lets torch sum in one order, which the number of threads would decide."""
    if cell.model.startswith("tree:") and context.config.scorer.kind == "linear":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
