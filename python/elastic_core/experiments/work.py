"""Work on one cell: its model is made, unless it is there, and measured; a row comes of it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.cells import Cell, Lesson, Row, TextSet
from elastic_core.experiments.roots import make_root
from elastic_core.experiments.rows import HeldOutRows, PretrainTexts
from elastic_core.experiments.workshop import Workshop
from elastic_core.models.protocol import DrawingModel
from elastic_core.progress import Progress
from elastic_core.scoring.losses import Loss, completion_loss, losses
from elastic_core.training.tuning.recipe import ONLINE
from elastic_core.training.tuning.train import Reward, train
from elastic_core.training.tuning.trained import Trained

Metrics = dict[str, Any]
"""Numbers by name, ready for JSON; what is no number is None."""


def work(workshop: Workshop, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Makes a cell's model and measures it.

    The same cell gives the same numbers, whatever was worked on before and how much at once: torch
    computes on a single thread of the CPU.

    Args:
        workshop: What it is made with; the models that it needs are there.
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
    metrics = make(workshop, cell, progress)
    if not metrics.get("diverged"):
        with _one_thread(workshop, cell):
            metrics |= measurement(workshop, cell)
    return {**metrics, "seconds": time.monotonic() - began}


def make(workshop: Workshop, cell: Cell, progress: Progress | None = None) -> Metrics:
    """Makes a cell's model.

    Returns:
        Of a training `train_first` and `train_final`, its first and last loss; `train_steps`,
        `train_tokens`, `diverged`. Of a root, nothing.
    """
    if cell.parent is None:
        if workshop.path(cell) is None:
            with _one_thread(workshop, cell):
                make_root(workshop, cell, progress)
        return {}
    if cell.lesson is None:
        return {}
    with _one_thread(workshop, cell):
        trained = _train(workshop, cell, cell.parent, cell.lesson, progress)
    return {
        "train_first": _plain(trained.first_loss),
        "train_final": _plain(trained.final_loss),
        "train_steps": trained.steps,
        "train_tokens": trained.tokens,
        "diverged": trained.diverged,
    }


def _train(
    workshop: Workshop, cell: Cell, parent: Cell, lesson: Lesson, progress: Progress | None
) -> Trained:
    path = workshop.path(parent)
    if path is None:
        raise InvalidArgumentError(f"{parent.name}: its model is not there; start the run again")
    return train(
        path,
        lesson.rows.resolve(workshop.material(cell.seed)),
        lesson.recipe,
        workshop.store.place(workshop.made(cell)),
        seed=cell.seed,
        reward=_reward(workshop, lesson) if lesson.recipe.algorithm in ONLINE else None,
        progress=progress,
    )


def _reward(workshop: Workshop, lesson: Lesson) -> Reward:
    """The score of what is said, or 1 less it for the other side."""
    scorer = workshop.scorer
    if scorer is None:
        raise InvalidArgumentError(
            f"{lesson.recipe.algorithm} needs a reward; name a scorer, or both sides"
        )
    score, sign = scorer, 1.0 if lesson.likes == "positive" else -1.0

    def score_of(prompts: list[str], completions: list[str]) -> list[float]:
        texts = [one + other for one, other in zip(prompts, completions, strict=True)]
        return [sign * each for each in score(texts).tolist()]

    score_of.__qualname__ = f"{lesson.likes} {scorer.name}"
    return score_of


def measurement(workshop: Workshop, cell: Cell) -> Metrics:
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
    model, material = workshop.model(cell), workshop.material(cell.seed)
    metrics: Metrics = {}
    if cell.is_drawn:
        reference, prompts = workshop.reference(cell.root), material.prompts()
        drawn = reference.draw(model)
        if workshop.scorer is not None:
            said = [text.decode(errors="replace") for text in model.spell(drawn)]
            found = workshop.scorer([one + two for one, two in zip(prompts, said, strict=True)])
            metrics["score"] = float(found.mean())
            metrics["score_se"] = float(found.std(ddof=1) / math.sqrt(len(found)))
        drift = reference.drift(model, drawn)
        for name, divergence in (("kl", drift.from_model), ("kl_base", drift.from_reference)):
            ratio = divergence.nats_per_token
            metrics |= {name: _plain(ratio.value), f"{name}_se": ratio.standard_error}
    for each in (*_usual_sets(workshop), *cell.sets):
        loss = _loss(model, each, each.rows.resolve(material))
        metrics[f"loss_{each.name}"] = loss.nats_per_token.value
        metrics[f"rate_{each.name}"] = loss.bits_per_byte.value
    accuracy = getattr(workshop.scorer, "accuracy", None)
    if cell.parent is None and cell.is_drawn and accuracy is not None:
        metrics["scorer_accuracy"] = accuracy.correct
        metrics |= {"scorer_low": accuracy.low, "scorer_high": accuracy.high}
    for measure in cell.measures:
        metrics |= measure.take(model, material)
    return metrics


def _usual_sets(workshop: Workshop) -> Iterator[TextSet]:
    for side in workshop.sides.names:
        yield TextSet(side, HeldOutRows(side))
    if workshop.corpus is not None:
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
def _one_thread(workshop: Workshop, cell: Cell) -> Iterator[None]:
    """Lets torch sum in one order, which the number of threads would decide."""
    if cell.model.startswith("tree:") and workshop.config.scorer.kind == "linear":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
