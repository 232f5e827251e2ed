"""What a model makes of sets of texts: loss, perplexity and rate; it learns nothing from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.protocol import Document, Ids, LanguageModel
from elastic_core.scoring.ratio import Ratio


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a model on a set of texts, and its rate gamma.

    Attributes:
        nats_per_token: -ln p of all texts / tokens scored, EOS among them where the model's
            settings say `eos`.
        bits_per_byte: -log2 p of all texts / raw bytes of text.
        texts: How many texts there are.
        tokens: Tokens scored.
        bytes: Raw bytes of text.
    """

    nats_per_token: Ratio
    bits_per_byte: Ratio
    texts: int
    tokens: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """exp(`nats_per_token`)."""
        return math.exp(self.nats_per_token.value)

    @property
    def ratio(self) -> Ratio:
        """The compression rate gamma: code length / raw size."""
        return self.bits_per_byte / 8

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "nats_per_token": self.nats_per_token.to_dict(),
            "perplexity": self.perplexity,
            "bits_per_byte": self.bits_per_byte.to_dict(),
            "ratio": self.ratio.to_dict(),
            "texts": self.texts,
            "tokens": self.tokens,
            "bytes": self.bytes,
        }


def losses(model: LanguageModel, sets: Mapping[str, Sequence[Document]]) -> dict[str, Loss]:
    """The loss of a model on each of some sets of texts.

    A tree model does not learn here, so its rate is that of what it has learned before; the
    adaptive rate is `elastic_core.measuring.measure`'s.

    Args:
        model: The model.
        sets: Texts by name, such as those of pre-training, alignment and perturbation.

    Returns:
        The loss by name, in the order of the sets.

    Raises:
        InvalidArgumentError: A set has no token or no byte.
        ModelError: The model can make nothing of a text.
    """
    return {
        name: _loss(model, name, texts, texts, [0] * len(texts)) for name, texts in sets.items()
    }


def completion_loss(
    model: LanguageModel,
    name: str,
    prompts: Sequence[str],
    completions: Sequence[str],
    *,
    has_ends: bool = True,
) -> Loss:
    """The loss on what follows prompts, which count neither as tokens nor as bytes.

    A token that a prompt and its completion share counts with the completion.

    Args:
        model: The model.
        name: What the set is called, for what an error says.
        prompts: The prompts.
        completions: What follows each.
        has_ends: Whether EOS counts, where the model scores it. It should not where completions
            were cut off.

    Raises:
        InvalidArgumentError: The completions have no token or no byte.
        ModelError: The model can make nothing of a text.
    """
    texts = [one + other for one, other in zip(prompts, completions, strict=True)]
    heads, whole = model.tokens(prompts), model.tokens(texts)
    skipped = [_common(head, ids) for head, ids in zip(heads, whole, strict=True)]
    cut = 1 if model.settings.get("eos") and not has_ends else 0
    return _loss(model, name, texts, completions, skipped, cut)


def _common(one: Ids, other: Ids) -> int:
    """How many ids two texts begin with in common."""
    length = min(len(one), len(other))
    differ = np.flatnonzero(one[:length] != other[:length])
    return int(differ[0]) if len(differ) else length


def _loss(
    model: LanguageModel,
    name: str,
    texts: Sequence[Document],
    counted: Sequence[Document],
    skipped: Sequence[int],
    cut: int = 0,
) -> Loss:
    """The loss on texts without so many first and last tokens, for the bytes of `counted`."""
    sizes = [len(text.encode() if isinstance(text, str) else text) for text in counted]
    if not sum(sizes):
        raise InvalidArgumentError(f"{name}: there is no text to take the loss on")
    try:
        log_probs = model.log_probs(texts)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    kept = [each[first : len(each) - cut] for each, first in zip(log_probs, skipped, strict=True)]
    tokens = [len(each) for each in kept]
    nats = np.array([-each.sum(dtype=np.float64) for each in kept])
    return Loss(
        nats_per_token=Ratio.of(nats, tokens),
        bits_per_byte=Ratio.of(nats / math.log(2), sizes),
        texts=len(sizes),
        tokens=sum(tokens),
        bytes=sum(sizes),
    )
