"""What is left open in a call for pre-training is decided here, and what cannot be is refused."""

import math
from collections.abc import Sequence

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.units import parse_count
from elastic_core.models.spec import scratch_size
from elastic_core.training.hardware import choose_device, choose_dtype
from elastic_core.training.pretraining.result import PretrainConfig


def plan(
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
    """The configuration of a run; the arguments are those of `pretrain`.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
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
    learning_rate = size.learning_rate if learning_rate is None else learning_rate
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise InvalidArgumentError(f"learning rate {learning_rate}: must be more than 0")
    if seed < 0:
        raise InvalidArgumentError(f"seed {seed}: must be 0 or more")
    total = _whole_steps(tokens, batch)
    kept = sorted({_whole_steps(each, batch) for each in checkpoints})
    if kept and kept[-1] > total:
        raise InvalidArgumentError(
            f"checkpoint {kept[-1]}: training ends before it, after {total} tokens"
        )
    place = choose_device(device)
    return PretrainConfig(
        corpus=corpus.name,
        corpus_bytes=corpus.size,
        model=model,
        tokens=total,
        checkpoints=tuple(kept),
        batch=batch,
        context=context,
        learning_rate=learning_rate,
        seed=seed,
        repeat=repeat,
        dtype=choose_dtype(dtype, place),
        device=place,
    )


def _whole_steps(tokens: int | str, batch: int) -> int:
    return -(-parse_count(tokens) // batch) * batch
