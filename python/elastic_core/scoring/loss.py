"""Loss, perplexity and rate of a model on sets of texts, from which it does not learn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.arguments import listed
from elastic_core.models.protocol import Document, Ids, LanguageModel


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two sums over documents, which are seen as a random sample.

    Attributes:
        value: The ratio.
        standard_error: Its standard error over documents; None for a single document.
    """

    value: float
    standard_error: float | None

    @classmethod
    def of(cls, amounts: ArrayLike, units: ArrayLike) -> Self:
        """Sum of amounts / sum of units.

        The standard error is linearized (Cochran, *Sampling Techniques*, ch. 6).

        Args:
            amounts: What each document adds to the numerator, shape (documents,).
            units: What it adds to the denominator, shape (documents,); their sum is not 0.
        """
        above, below = np.asarray(amounts, np.float64), np.asarray(units, np.float64)
        value = math.fsum(above) / math.fsum(below)
        if len(above) < 2 or not math.isfinite(value):
            return cls(value, None)
        spread = np.sum((above - value * below) ** 2) / (len(above) * (len(above) - 1))
        return cls(value, float(np.sqrt(spread) / below.mean()))

    def __truediv__(self, divisor: float) -> "Ratio":
        error = self.standard_error
        return Ratio(self.value / divisor, None if error is None else error / divisor)

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a model on a set of texts, and its rate gamma.

    Attributes:
        nats_per_token: -ln p of all texts / tokens scored, including EOS if the model's settings
            say `eos`.
        bits_per_byte: -log2 p of all texts / raw bytes of text.
        texts: Number of texts.
        tokens: Number of tokens scored.
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
        """The record, ready for JSON."""
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
    """The loss of a model on each of several sets of texts.

    A tree model does not learn here, so its rate reflects only what it learned before;
    `elastic_core.measure` reports the adaptive rate.

    Args:
        model: The model.
        sets: Texts by name, such as those of pre-training, alignment and perturbation.

    Returns:
        The loss by name, in the order of the sets.

    Raises:
        InvalidArgumentError: A set has no token or no byte.
        ModelError: The model cannot read a text.
    """
    return {
        name: _loss(model, name, texts, texts, [0] * len(texts))
        for name, texts in ((name, listed(texts)) for name, texts in sets.items())
    }


def completion_loss(
    model: LanguageModel,
    name: str,
    prompts: Sequence[str],
    completions: Sequence[str],
    *,
    has_ends: bool = True,
) -> Loss:
    """The loss on completions given their prompts; prompts add neither tokens nor bytes.

    A token that spans the end of a prompt and the start of its completion counts with the
    completion.

    Args:
        model: The model.
        name: Name of the set, for error messages.
        prompts: The prompts.
        completions: The text after each prompt.
        has_ends: Whether EOS counts, if the model scores it. False for truncated completions.

    Raises:
        InvalidArgumentError: The completions have no token or no byte.
        ModelError: The model cannot read a text.
    """
    prompts, completions = listed(prompts), listed(completions)
    texts = [one + other for one, other in zip(prompts, completions, strict=True)]
    heads, whole = model.tokens(prompts), model.tokens(texts)
    skipped = [common_prefix(head, ids) for head, ids in zip(heads, whole, strict=True)]
    cut = 1 if model.settings.get("eos") and not has_ends else 0
    return _loss(model, name, texts, completions, skipped, cut)


def size_of(text: Document) -> int:
    """The raw bytes of a text, in UTF-8."""
    return len(text.encode() if isinstance(text, str) else text)


def beginnings(model: LanguageModel, texts: Sequence[str], tokens: int) -> list[str]:
    """Cuts texts at a word so that they have at most so many tokens.

    Args:
        model: The model whose tokens are counted.
        texts: The texts.
        tokens: Maximum number of tokens of a text, at least 1.

    Raises:
        ModelError: The model cannot read a text.
    """
    cut = list(texts)
    long = list(range(len(cut)))
    while long:
        lengths = [len(ids) for ids in model.tokens([cut[at] for at in long])]
        long_again = []
        for at, length in zip(long, lengths, strict=True):
            if length > tokens and len(cut[at]) > 1:
                shorter = cut[at][: max(1, len(cut[at]) * tokens // length)]
                cut[at] = shorter.rsplit(None, 1)[0] if len(shorter.split(None, 1)) > 1 else shorter
                long_again.append(at)
        long = long_again
    return cut


def common_prefix(one: Ids, other: Ids) -> int:
    """The length of the longest common prefix of two texts, in ids."""
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
    """The loss on texts without their `skipped` first and `cut` last tokens.

    The bytes are those of `counted`.
    """
    sizes = list(map(size_of, counted))
    if not sum(sizes):
        raise InvalidArgumentError(f"{name}: there is no text to compute the loss on")
    try:
        log_probs = model.log_probs(texts)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    kept = [row[first : len(row) - cut] for row, first in zip(log_probs, skipped, strict=True)]
    tokens = [len(row) for row in kept]
    nats = np.array([-row.sum(dtype=np.float64) for row in kept])
    return Loss(
        nats_per_token=Ratio.of(nats, tokens),
        bits_per_byte=Ratio.of(nats / math.log(2), sizes),
        texts=len(sizes),
        tokens=sum(tokens),
        bytes=sum(sizes),
    )
