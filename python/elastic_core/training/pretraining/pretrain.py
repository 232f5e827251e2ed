"""Pre-training of a new small transformer on a corpus."""

import math
from collections.abc import Sequence
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.common.extras import requires_extra
from elastic_core.common.progress import Progress
from elastic_core.common.units import parse_count
from elastic_core.corpora.sources import Source, check_regular
from elastic_core.models.spec import scratch_size
from elastic_core.training.hardware import choose_device, choose_dtype
from elastic_core.training.pretraining.result import PretrainConfig, PretrainResult


def pretrain(
    corpus: Corpus | Source,
    *,
    model: str,
    tokens: int | str,
    out: str | Path,
    checkpoints: Sequence[int | str] = (),
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
        tokens: Tokens to train on, such as 20000000 or `20M`; rounded up to whole steps.
        out: Folder for the model, its loss curve and the result.
        checkpoints: Tokens after which the model is also saved, rounded up to whole steps.
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
    opened = corpus if isinstance(corpus, Corpus) else Corpus(corpus)
    if opened.reads_stdin:
        raise InvalidArgumentError(
            "pre-training reads the corpus twice, and standard input can be read only once; save "
            "it to a file first"
        )
    check_regular(opened)
    with requires_extra(model):
        config = _plan(
            opened,
            model=model,
            tokens=tokens,
            checkpoints=checkpoints,
            batch=batch,
            context=context,
            learning_rate=learning_rate,
            seed=seed,
            repeat=repeat,
            dtype=dtype,
            device=device,
        )
        from elastic_core.training.pretraining.run import run
    return run(opened, config, Path(out), progress)


def _plan(
    corpus: Corpus,
    *,
    model: str,
    tokens: int | str,
    checkpoints: Sequence[int | str],
    batch: int | None,
    context: int | None,
    learning_rate: float | None,
    seed: int,
    repeat: bool,
    dtype: str,
    device: str,
) -> PretrainConfig:
    """The complete configuration of a run; see `pretrain` for the arguments."""
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
    learning_rate = size.learning_rate if learning_rate is None else learning_rate
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise InvalidArgumentError(f"learning rate {learning_rate}: must be more than 0")
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
    total = _whole_steps(tokens, batch)
    saved = sorted({_whole_steps(count, batch) for count in listed(checkpoints)})
    if saved and saved[-1] > total:
        raise InvalidArgumentError(
            f"checkpoint {saved[-1]}: training ends before it, after {total} tokens; lower it"
        )
    target = choose_device(device)
    return PretrainConfig(
        corpus=corpus.name,
        corpus_bytes=corpus.size,
        model=model,
        tokens=total,
        checkpoints=tuple(saved),
        batch=batch,
        context=context,
        learning_rate=learning_rate,
        seed=seed,
        repeat=repeat,
        dtype=choose_dtype(dtype, target),
        device=target,
    )


def _whole_steps(tokens: int | str, batch: int) -> int:
    return -(-parse_count(tokens) // batch) * batch
