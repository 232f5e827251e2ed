"""Windows and batches: every token is scored once, even when memory runs out."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from elastic_core import ModelError
from elastic_core.models.transformers.inputs import Batches, Tokenizer, Window, tile

sizes = st.integers(1, 20).flatmap(
    lambda window: st.tuples(st.just(window), st.integers(1, window))
)


def test_windows_computed_by_hand() -> None:
    assert list(tile(7, 14, window=8, stride=4)) == [
        Window(7, 0, 0, 8),
        Window(7, 4, 8, 12),
        Window(7, 8, 12, 14),
    ]
    assert list(tile(0, 5, window=2, stride=2)) == [
        Window(0, 0, 0, 2),
        Window(0, 2, 2, 4),
        Window(0, 4, 4, 5),
    ]


@given(st.integers(0, 100), sizes, st.integers(0, 1))
def test_each_token_is_scored_once(tokens: int, size: tuple[int, int], first: int) -> None:
    windows = list(tile(0, tokens, *size, first))
    scored = [token for window in windows for token in range(window.scored, window.end)]
    assert scored == list(range(first, tokens))
    assert all(0 < window.end - window.start <= size[0] for window in windows)
    assert all(window.start <= window.scored < window.end for window in windows)


@given(st.integers(1, 100), st.integers(0, 100), sizes)
def test_the_context_of_a_token_does_not_depend_on_later_tokens(
    tokens: int, more: int, size: tuple[int, int]
) -> None:
    def context_starts(count: int) -> dict[int, int]:
        windows = tile(0, count, *size)
        return {
            token: window.start for window in windows for token in range(window.scored, window.end)
        }

    assert context_starts(tokens).items() <= context_starts(tokens + more).items()


@given(st.lists(st.integers(1, 50)), st.integers(1, 60), st.integers(50, 200))
def test_all_items_are_processed_when_memory_runs_out(
    lengths: list[int], memory: int, tokens: int
) -> None:
    done: Counter[int] = Counter()

    def work(batch: list[int]) -> None:
        used = len(batch) * max(lengths[item] for item in batch)
        assert len(batch) == 1 or used <= tokens
        if len(batch) > 1 and used > memory:
            raise torch.OutOfMemoryError
        done.update(batch)

    Batches(tokens).run(lengths, work)
    assert done == Counter(range(len(lengths)))


def test_a_batch_size_that_failed_is_not_tried_again() -> None:
    tried: list[int] = []

    def work(batch: list[int]) -> None:
        tried.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError

    batches = Batches(160)
    batches.run([10] * 8, work)
    assert tried == [8, 4, 2, 2, 2, 2]
    tried.clear()
    batches.run([10] * 4, work)
    assert tried == [2, 2]


def test_a_single_item_that_exceeds_memory_is_an_error() -> None:
    def work(_: list[int]) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(ModelError, match="12 tokens at once; lower the window"):
        Batches(100).run([5, 12], work)


def byte_level() -> dict[str, Any]:
    return {
        "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=False),
        "decoder": decoders.ByteLevel(),
    }


def sentencepiece_like() -> dict[str, Any]:
    return {"pre_tokenizer": pre_tokenizers.Metaspace(), "decoder": decoders.Metaspace()}


@pytest.mark.parametrize("kind", [sentencepiece_like, byte_level])
def test_a_prompt_and_its_continuation_make_the_text(kind: Callable[[], dict[str, Any]]) -> None:
    whole = "to be or not that is the question"
    backend = Backend(BPE())
    for name, part in kind().items():
        setattr(backend, name, part)
    trainer = BpeTrainer(vocab_size=60, show_progress=False)
    backend.train_from_iterator([whole, "a"], trainer)
    tokenizer = Tokenizer(backend, backend.get_vocab_size())
    (ids,) = tokenizer.encode([whole])
    for cut in range(1, len(ids)):
        prompt = tokenizer.decode(ids[:cut])
        assert prompt + tokenizer.decode(ids[cut:], is_continuation=True) == whole.encode()
    assert tokenizer.decode(ids) == whole.encode()
