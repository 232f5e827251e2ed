"""What a pre-training would do, and roughly how long it takes and how much memory it needs."""

import time
from collections.abc import Iterator
from typing import Any

from elastic_core._core import Corpus
from elastic_core.common.extras import requires_extra
from elastic_core.common.units import format_count
from elastic_core.corpora.sources import Source
from elastic_core.corpora.trial import Survey, peak_memory, plan_text, seconds_for, survey
from elastic_core.models.scratch import new_model, train_tokenizer
from elastic_core.models.spec import scratch_size
from elastic_core.training.pretraining.pretrain import configure
from elastic_core.training.pretraining.result import PretrainConfig

_SAMPLES = (1 << 18, 1 << 20)
_SECONDS_TO_TRAIN = 1.0
# AdamW keeps weights, gradients and two moments; a layer keeps about 16 activations of the width of
# the hidden states for each token, and the head logits, their gradient and a copy.
_NUMBERS_PER_WEIGHT, _ACTIVATIONS, _LOGITS = 4, 16, 3
_BYTES = 4


def describe_plan(corpus: Corpus | Source, **options: Any) -> str:
    """Describes what `pretrain` would do with the same arguments; no model is trained or written.

    The beginning of the corpus is tokenized, and the model makes a few trial steps. The estimates
    are right within a factor of about two. Takes the arguments of `pretrain` but `out` and
    `progress`.

    Returns:
        A few lines: what is read, and the estimated time and memory.

    Raises:
        InvalidArgumentError: An argument is invalid.
        CorpusError: The corpus is damaged or not UTF-8.
        ModelError: torch is not installed.
        OSError: A file cannot be read.
    """
    opened, config = configure(corpus, **options)
    with requires_extra(config.model):
        from elastic_core.training.pretraining.run import TOKENIZER_BYTES

        surveyed = survey(opened)
        tokenizing, bytes_per_token = _tokenizing(surveyed, config, TOKENIZER_BYTES)
        trained = config.tokens + config.plan.decay_tokens
        parts = [("tokenizer", tokenizing), ("training", trained * _seconds_per_token(config))]
    size = scratch_size(config.model)
    own = max(1.0, surveyed.bytes / bytes_per_token)
    title = (
        f"pretrain: {config.model}, {format_count(size.parameters)} parameters, "
        f"{config.dtype} on {config.device}\n"
        f"{format_count(trained)} tokens to train on; the corpus has about {format_count(own)}"
    )
    return plan_text(title, [surveyed], parts, peak_memory() + _memory(config))


def _tokenizing(survey: Survey, config: PretrainConfig, limit: int) -> tuple[float, float]:
    """Seconds to train a tokenizer and to encode the corpus, and bytes of text per token."""
    from elastic_core.models.transformers.inputs import Tokenizer

    vocabulary = scratch_size(config.model).vocabulary
    sizes, times = [], []
    for size in _SAMPLES:
        sample = [text.decode() for text in _texts(survey.sample(size))]
        start = time.monotonic()
        trained = train_tokenizer(sample, vocabulary)
        times.append(time.monotonic() - start)
        sizes.append(sum(len(text.encode()) for text in sample))
    more = sizes[1] - sizes[0]
    slope = max(0.0, (times[1] - times[0]) / more) if more else 0.0
    training = times[1] + slope * max(0, min(limit, survey.bytes) - sizes[1])
    encoder = Tokenizer(trained.backend_tokenizer, vocabulary)
    tokens = sum(len(ids) + 1 for ids in encoder.encode(sample))

    def encode(sample: Corpus) -> int:
        texts = list(_texts(sample))
        encoder.encode(texts)
        return sum(map(len, texts))

    return training + seconds_for(encode, survey), max(1, sizes[1]) / max(1, tokens)


def _texts(corpus: Corpus) -> Iterator[bytes]:
    for batch in corpus.batches(utf8=True):
        yield from batch.texts


def _seconds_per_token(config: PretrainConfig) -> float:
    """Seconds to learn a token, from steps on random tokens with more and more rows."""
    import torch

    from elastic_core.training.pretraining.loop import rows_at_once

    size = scratch_size(config.model)
    most = rows_at_once(config.batch // config.context, config.context * size.vocabulary)
    model = new_model(size, config.context, config.seed)
    model.to(config.device)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(model.parameters())
    generator = torch.Generator().manual_seed(config.seed)

    def step(rows: int) -> float:
        shape = (rows, config.context)
        ids = torch.randint(size.vocabulary, shape, generator=generator).to(config.device)
        start = time.monotonic()
        with torch.autocast(config.device, torch.bfloat16, config.dtype == "bfloat16"):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss.detach())  # Waits for the device.
        return time.monotonic() - start

    rows, seconds = 1, step(1)
    if seconds < _SECONDS_TO_TRAIN:
        seconds = step(1)  # The first step is slow.
    while seconds < _SECONDS_TO_TRAIN and rows < most:
        rows = min(most, 2 * rows)
        seconds = step(rows)
    return seconds / (rows * config.context)


def _memory(config: PretrainConfig) -> int:
    """Bytes that the model takes while it is trained."""
    from elastic_core.training.pretraining.loop import rows_at_once

    size = scratch_size(config.model)
    rows = rows_at_once(config.batch // config.context, config.context * size.vocabulary)
    per_token = size.layers * _ACTIVATIONS * size.hidden + _LOGITS * size.vocabulary
    return _BYTES * (_NUMBERS_PER_WEIGHT * size.parameters + rows * config.context * per_token)
