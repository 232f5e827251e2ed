"""Training of the tree model: it learns its rows in one go, each as often as it counts."""

import time
from typing import Any

import numpy as np

from elastic_core.common.progress import Progress, with_subject
from elastic_core.models.spec import load_tree
from elastic_core.models.tree import TreeLanguageModel
from elastic_core.training.finetuning.folder import TREE_MODEL, Folder
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.rows import texts
from elastic_core.training.finetuning.trained import Trained


def learn(
    rows: list[dict[str, Any]],
    recipe: Recipe,
    folder: Folder,
    settings: dict[str, Any],
    progress: Progress | None,
) -> Trained:
    """Trains a tree model; see `train` for arguments and errors.

    The rows are learned in an order that the seed decides, `epochs` x `weight` times.
    """
    if done := folder.result():
        return done
    spec = settings["model"]
    documents = _ordered(texts(rows, spec), settings["seed"])
    began = time.monotonic()
    model = load_tree(spec)
    before = _loss(model, documents)
    count = recipe.epochs * recipe.weight
    model.update(documents, count, progress=with_subject(progress, spec))
    after = _loss(model, documents)
    symbols = sum(map(len, model.tokens(documents)))
    folder.begin()
    folder.model.mkdir()
    model.save(folder.model / TREE_MODEL)
    result = Trained(
        path=str(folder.out / TREE_MODEL),
        steps=round(count * len(documents)),
        first_loss=before,
        final_loss=after,
        curve={
            "step": np.array([0.0, count * len(documents)]),
            "loss": np.array([before, after]),
        },
        tokens=round(count * symbols),
        seconds=time.monotonic() - began,
        diverged=False,
        settings=settings,
    )
    folder.finish(result)
    return result


def _ordered(documents: list[str], seed: int) -> list[str]:
    return [documents[at] for at in np.random.default_rng(seed).permutation(len(documents))]


def _loss(model: TreeLanguageModel, documents: list[str]) -> float:
    """The mean code length per symbol, EOS included, in nats."""
    return -float(np.concatenate(model.log_probs(documents)).mean(dtype=np.float64))
