"""Models that lineages begin with: pre-trained here, anew for each seed, where they are new."""

import json
import shutil
from pathlib import Path

from elastic_core._core import InvalidArgumentError
from elastic_core.common.progress import Progress
from elastic_core.experiments.cells import Cell, Row
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import NEW, RunContext
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.train import train
from elastic_core.training.pretraining.pretrain import pretrain


def check_root(config: ExperimentConfig, cell: Cell) -> None:
    """Refuses a root that cannot be had as it is configured, before anything is trained.

    Raises:
        InvalidArgumentError: A new model has nothing to be pre-trained on, or is not kept where it
            is asked for.
    """
    if not cell.model.startswith(NEW):
        return
    if config.pretrain is None:
        raise InvalidArgumentError(
            f"{cell.model} is new and has to be pre-trained; name a corpus as pretrain.corpus"
        )
    if cell.model.startswith("tree:"):
        return
    if config.pretrain.tokens is None:
        raise InvalidArgumentError(
            f"{cell.model}: say how many tokens it is pre-trained on as pretrain.tokens"
        )
    if cell.tokens is not None and cell.tokens not in config.pretrain.checkpoints:
        raise InvalidArgumentError(
            f"{cell.model} after {cell.tokens:,} tokens: name that number among "
            "pretrain.checkpoints too"
        )


def make_root(context: RunContext, cell: Cell, progress: Progress | None) -> None:
    """Pre-trains the model of a root cell.

    Raises:
        InvalidArgumentError: The model cannot be made as it is configured.
        CorpusError: The corpus is damaged or too small.
        ModelError: A library is not installed.
        OSError: The disk is full, or something cannot be written.
    """
    if not cell.model.startswith(NEW):
        return
    place = context.store.place(context.made(cell))
    settings = context.config.pretrain
    if settings is None or context.corpus is None:
        raise InvalidArgumentError(f"{cell.model}: it has no corpus to be pre-trained on")
    if cell.model.startswith("tree:"):
        rows = _tree_rows(context, cell)
        train(cell.model, rows, Recipe(), place, seed=cell.seed, progress=progress)
        return
    if cell.tokens is not None:
        _copy_checkpoint(context, cell, place)
        return
    # Pre-training writes its files one by one; the store has models that are whole.
    unfinished = place.with_name(f"{place.name}.pretraining")
    pretrain(
        context.corpus,
        model=cell.model,
        tokens=settings.tokens or 0,
        out=unfinished,
        checkpoints=settings.checkpoints,
        context=settings.context,
        learning_rate=settings.learning_rate,
        seed=cell.seed,
        device=context.config.made_recipe().device,
        progress=progress,
    )
    unfinished.rename(place)


def _tree_rows(context: RunContext, cell: Cell) -> list[Row]:
    """The documents that a tree model reads, in the seed's order, so many bytes of them."""
    settings = context.config.pretrain
    most = cell.tokens or (settings.tokens if settings else None)
    size = sum(len(text.encode()) for text in context.all_texts)
    if most is not None and size < most:
        raise InvalidArgumentError(
            f"pretrain.tokens {most:,}: the corpus has {size:,} bytes; ask for fewer"
        )
    return [{"text": text} for text in context.seed_context(cell.seed).pretraining(most)]


def _copy_checkpoint(context: RunContext, cell: Cell, place: Path) -> None:
    """Copies a model that was kept on the way of the whole pre-training."""
    whole = context.store.place(context.made(cell.needs[0]))
    result = json.loads((whole / "result.json").read_text())
    tokens = cell.tokens or 0
    kept = min(each["tokens"] for each in result["checkpoints"] if each["tokens"] >= tokens)
    partial = place.with_name(f"{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(whole / "checkpoints" / f"tokens-{kept}", partial)
    partial.rename(place)
