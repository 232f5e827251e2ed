"""Fine-tuning of a tree model: one update, with each row counted `epochs` x `weight` times."""

import time
from itertools import pairwise
from typing import Any

import numpy as np

from elastic_core.common.manifest import write_manifest
from elastic_core.common.progress import Progress, with_subject
from elastic_core.models.spec import load_tree
from elastic_core.models.tree import TreeLanguageModel
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.result import Trained
from elastic_core.training.finetuning.rows import texts
from elastic_core.training.finetuning.usable import RowCounts
from elastic_core.training.folder import TREE_MODEL, TrainingFolder, checkpoint_folder


def run(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: TrainingFolder,
    settings: dict[str, Any],
    progress: Progress | None,
) -> Trained:
    """Trains, or returns the result if the training is finished; see `train`.

    The rows are learned in an order determined by the seed.
    """
    if result := folder.result():
        return result
    spec = settings["model"]
    checkpoints = settings.get("checkpoints", [])
    documents = texts(rows, spec)
    if not checkpoints:
        documents = _shuffled(documents, settings["seed"])
    start = time.monotonic()
    model = load_tree(spec)
    before = _mean_loss(model, documents)
    weight = recipe.epochs * recipe.weight
    folder.begin()
    folder.model.mkdir()
    for start, stop in pairwise(sorted({0, *checkpoints, len(documents)})):
        model.update(documents[start:stop], weight, progress=with_subject(progress, spec))
        if stop in checkpoints:
            kept = checkpoint_folder(folder.model, stop)
            kept.mkdir(parents=True)
            model.save(kept / TREE_MODEL)
            write_manifest(kept)
    after = _mean_loss(model, documents)
    symbols = sum(map(len, model.tokens(documents)))
    model.save(folder.model / TREE_MODEL)
    result = Trained(
        path=str(folder.out / TREE_MODEL),
        steps=round(weight * len(documents)),
        first_loss=before,
        final_loss=after,
        curve={
            "step": np.array([0.0, weight * len(documents)]),
            "loss": np.array([before, after]),
        },
        tokens=round(weight * symbols),
        rows=RowCounts(len(rows), len(rows), cut=0, limit=None),
        seconds=time.monotonic() - start,
        diverged=False,
        settings=settings,
    )
    folder.finish(result)
    return result


def _shuffled(documents: list[str], seed: int) -> list[str]:
    return [documents[at] for at in np.random.default_rng(seed).permutation(len(documents))]


def _mean_loss(model: TreeLanguageModel, documents: list[str]) -> float:
    """The mean code length per symbol, EOS included, in nats."""
    return -float(np.concatenate(model.log_probs(documents)).mean(dtype=np.float64))
