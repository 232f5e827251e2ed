"""Pre-training of a new small transformer on a corpus."""

import math
from collections.abc import Sequence
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress
from elastic_core.corpora.sources import Source, check_regular, paths_of
from elastic_core.models.spec import scratch_size
from elastic_core.training.hardware import choose_device, choose_dtype
from elastic_core.training.pretraining.result import PretrainConfig, PretrainResult
from elastic_core.training.pretraining.schedule import plan_schedule


@shows_progress
def pretrain(
    corpus: Corpus | Source,
    *,
    model: str,
    tokens: int | str | None = None,
    out: str | Path,
    checkpoints: Sequence[int | str] = (),
    branches: Sequence[int | str] = (),
    schedule: str | None = None,
    warm_up: int | str | None = None,
    decay: float | None = None,
    batch: int | None = None,
    context: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    repeat: bool = True,
    dtype: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> PretrainResult:
    """Trains a new small model on a corpus, with a tokenizer of its own.

    If interrupted, call it again with the same arguments to resume, with an identical result; a
    finished run is not repeated. `docs/models.md` describes the files in the folder.

    Args:
        corpus: The text: a `Corpus`, or a file, folder or glob, or a list of these.
        model: `scratch:SIZE`, with the size 0.3M, 1M, 3M, 10M, 30M or 100M.
        tokens: Tokens to train on, such as 20000000 or `20M`; rounded up to whole steps. None: the
            largest of the branches.
        out: Folder for the model, its loss curve and the result.
        checkpoints: Tokens after which the model is also saved, rounded up to whole steps.
        branches: Tokens of further models, increasing and rounded up to whole steps: each is
            annealed from the state that this run had before its own decay phase, and identical to
            the model of a run of its own on so many tokens. Saved like checkpoints.
        schedule: `cosine`: the learning rate rises for 2% of the steps and falls along a cosine to
            a tenth; `wsd`: warm-up, stable, decay; None: `wsd` with branches, else `cosine`.
        warm_up: Tokens in which `wsd` raises the learning rate; None: 20 steps.
        decay: The share of the tokens in which `wsd` lowers it to 0, for a branch of its own
            tokens; None: 0.2.
        batch: Tokens in an optimizer step, whole blocks; None: the default of the size.
        context: Tokens in a block, at least 2, and positions of the model; None: the default of
            the size.
        learning_rate: Peak learning rate; None: the default of the size.
        seed: Seed of the weights and of the order of the blocks.
        repeat: Whether a corpus with fewer tokens is read again, reshuffled every epoch.
        dtype: `float32`, `bfloat16` (mixed precision), or `auto`: bfloat16 on GPUs of compute
            capability 8.0 and higher and on CPUs with AVX-512 BF16 or AMX, float32 elsewhere.
        device: `cpu`, `cuda`, `mps`, or `auto`: the first GPU, else the CPU.
        progress: Receives steps in tokens while training, in bytes of text before.

    Raises:
        InvalidArgumentError: An argument is invalid, or the folder holds something else.
        CorpusError: The corpus is damaged, not UTF-8, or too small.
        ModelError: torch is not installed, or the loss became NaN or infinite.
        OSError: A file cannot be read or written.
    """
    opened, config = configure(
        corpus,
        model=model,
        tokens=tokens,
        checkpoints=checkpoints,
        branches=branches,
        schedule=schedule,
        warm_up=warm_up,
        decay=decay,
        batch=batch,
        context=context,
        learning_rate=learning_rate,
        seed=seed,
        repeat=repeat,
        dtype=dtype,
        device=device,
    )
    with requires_extra(model):
        from elastic_core.training.pretraining.run import run
    return run(opened, config, Path(out), progress)


def configure(
    corpus: Corpus | Source,
    *,
    model: str,
    tokens: int | str | None,
    checkpoints: Sequence[int | str],
    branches: Sequence[int | str],
    schedule: str | None,
    warm_up: int | str | None,
    decay: float | None,
    batch: int | None,
    context: int | None,
    learning_rate: float | None,
    seed: int,
    repeat: bool,
    dtype: str,
    device: str,
) -> tuple[Corpus, PretrainConfig]:
    """The corpus and the checked configuration of a pre-training; takes what `pretrain` does.

    Raises:
        InvalidArgumentError: An argument is invalid.
        ModelError: torch is not installed.
        OSError: A path does not exist.
    """
    opened = corpus if isinstance(corpus, Corpus) else Corpus(paths_of(corpus))
    if opened.reads_stdin:
        raise InvalidArgumentError(
            "pre-training reads the corpus twice, and standard input can be read only once; save "
            "it to a file first"
        )
    check_regular(opened)
    with requires_extra(model):
        context, batch = choose_batch(model, context, batch)
        plan = plan_schedule(
            batch,
            tokens,
            kind=schedule,
            warm_up=warm_up,
            decay=decay,
            checkpoints=checkpoints,
            branches=branches,
        )
        if learning_rate is None:
            learning_rate = scratch_size(model).learning_rate
        if not (learning_rate > 0 and math.isfinite(learning_rate)):
            raise InvalidArgumentError(f"learning rate {learning_rate}: must be more than 0")
        if seed < 0:
            raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
        target = choose_device(device)
        config = PretrainConfig(
            corpus=opened.name,
            corpus_bytes=opened.size,
            model=model,
            tokens=plan.tokens,
            checkpoints=plan.checkpoints,
            batch=batch,
            context=context,
            learning_rate=learning_rate,
            seed=seed,
            repeat=repeat,
            dtype=choose_dtype(dtype, target),
            device=target,
            schedule=plan.kind,
            warm_up=plan.warm_up,
            decay=plan.decay,
            branches=plan.branches,
        )
    return opened, config


def choose_batch(model: str, context: int | None, batch: int | None = None) -> tuple[int, int]:
    """The context and the batch of a pre-training, in tokens.

    Args:
        model: `scratch:SIZE`.
        context: Tokens in a block; None: the default of the size.
        batch: Tokens in an optimizer step; None: as many whole blocks as fit into the default of
            the size.

    Raises:
        InvalidArgumentError: There is no such size, or a number is invalid.
    """
    size = scratch_size(model)
    context = size.context if context is None else context
    if context < 2:
        raise InvalidArgumentError(f"context {context}: must be at least 2 tokens")
    if batch is None:
        batch = max(1, size.batch // context) * context
    if batch < 1 or batch % context:
        raise InvalidArgumentError(
            f"batch {batch}: must be a multiple of the context, {context} tokens"
        )
    return context, batch
