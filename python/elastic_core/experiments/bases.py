"""Base models: checks that they exist or can be pre-trained, and their pre-training."""

from pathlib import Path

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import check_extra, requires_extra
from elastic_core.common.files import read_sealed_json
from elastic_core.common.progress import Progress
from elastic_core.experiments.cells import Cell, Row
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import copy_model
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.scoring.scorers import NAME as LINEAR
from elastic_core.scoring.scorers import scorer_checkpoint
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.train import train
from elastic_core.training.pretraining.pretrain import choose_batch, pretrain
from elastic_core.training.pretraining.schedule import Schedule, plan_schedule


def check_root(config: ExperimentConfig, cell: Cell) -> None:
    """Checks before any training that a root's model exists or can be pre-trained.

    Raises:
        InvalidArgumentError: There is no such model, a new model has nothing to be pre-trained on,
            or the checkpoint that the cell needs is not kept.
        ModelError: The model's folder is incomplete, there is no such model on the hub, or what
            trains it is not installed.
    """
    spec = ModelSpec.parse(cell.model)
    if not spec.is_tree:
        check_extra(spec.text, ("torch", "transformers", "trl"), "train")
    if spec.kind is ModelKind.TRANSFORMERS:
        check_exists(spec)
    if not spec.is_new:
        return
    pretraining = config.pretrain
    if pretraining is None:
        raise InvalidArgumentError(
            f"{cell.model} is new and must be pre-trained; name a corpus as pretrain.corpus"
        )
    if spec.is_tree:
        return
    if pretraining.tokens is None:
        raise InvalidArgumentError(
            f"{cell.model}: set pretrain.tokens, the number of tokens to pre-train on"
        )
    if cell.tokens is not None and cell.tokens not in pretraining.volumes:
        raise InvalidArgumentError(
            f"{cell.model} after {cell.tokens:,} tokens: list this number in pretrain.branches or "
            "pretrain.checkpoints"
        )
    try:
        pretraining_schedule(config, cell.model)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"pretrain: {error}") from error


def pretraining_schedule(config: ExperimentConfig, model: str) -> Schedule:
    """The schedule by which a `scratch:` model is pre-trained.

    Raises:
        InvalidArgumentError: The settings of the pre-training contradict each other.
    """
    settings = config.pretrain
    if settings is None:
        raise InvalidArgumentError(f"{model}: no corpus to pre-train on; set pretrain.corpus")
    _, batch = choose_batch(model, settings.context)
    return plan_schedule(
        batch,
        settings.tokens,
        kind=settings.schedule,
        warm_up=settings.warm_up,
        decay=settings.decay,
        checkpoints=settings.checkpoints,
        branches=settings.branches,
    )


def check_scorer(config: ExperimentConfig) -> None:
    """Checks before any training that the scorer exists.

    Raises:
        InvalidArgumentError: The name is no scorer's.
        ModelError: The scorer's folder is incomplete, or there is no such model on the hub.
    """
    if config.scorer.kind != LINEAR:
        check_exists(scorer_checkpoint(config.scorer.kind))


def check_exists(spec: ModelSpec) -> None:
    """Checks that a checkpoint exists, without loading it.

    Raises:
        InvalidArgumentError: The folder holds an adapter without its base.
        ModelError: The folder is incomplete, or there is no such model on the hub.
    """
    with requires_extra(spec.text):
        from elastic_core.models.hub import check_checkpoint
    check_checkpoint(spec.text, spec.name)


def pretrain_root(context: RunContext, cell: Cell, progress: Progress | None) -> None:
    """Pre-trains the model of a root cell."""
    place = context.store.path(context.model_hash(cell))
    settings = context.config.pretrain
    if settings is None or context.corpus is None:
        raise InvalidArgumentError(f"{cell.model}: no corpus to pre-train on; set pretrain.corpus")
    if cell.spec.is_tree:
        rows = _tree_rows(context, cell, cell.tokens or settings.tokens)
        train(cell.model, rows, Recipe(), place, seed=cell.seed, progress=progress)
        return
    if cell.tokens is not None:
        _copy_checkpoint(context, cell, cell.tokens, place)
        return
    # Pre-training writes its files one by one, but the store holds complete models only.
    unfinished = place.with_name(f"{place.name}.pretraining")
    pretrain(
        context.corpus,
        model=cell.model,
        tokens=settings.tokens,
        out=unfinished,
        checkpoints=settings.checkpoints,
        branches=settings.branches,
        schedule=settings.schedule,
        warm_up=settings.warm_up,
        decay=settings.decay,
        context=settings.context,
        learning_rate=settings.learning_rate,
        seed=cell.seed,
        device=context.config.build_recipe().device,
        progress=progress,
    )
    unfinished.rename(place)


def _tree_rows(context: RunContext, cell: Cell, limit: int | None) -> list[Row]:
    """The documents that a tree model reads, `limit` bytes of them."""
    size = sum(len(text.encode()) for text in context.all_texts)
    if limit is not None and size < limit:
        raise InvalidArgumentError(
            f"pretrain.tokens {limit:,}: the corpus has only {size:,} bytes; ask for fewer"
        )
    return [{"text": text} for text in context.seed_context(cell.seed).pretraining(limit)]


def _copy_checkpoint(context: RunContext, cell: Cell, tokens: int, place: Path) -> None:
    """Copies the checkpoint after `tokens` tokens from the complete pre-training."""
    whole = context.store.path(context.model_hash(cell.needs[0]))
    remedy = f"delete {whole} and run the command again"
    kept = read_sealed_json(
        whole / "result.json",
        remedy,
        lambda result: [int(checkpoint["tokens"]) for checkpoint in result["checkpoints"]],
    )
    nearest = min(count for count in kept if count >= tokens)
    copy_model(whole / "checkpoints" / f"tokens-{nearest}", place, remedy)
