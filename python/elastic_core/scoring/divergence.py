"""How far a model has moved from a reference: the KL divergence on held-out prompts.

For models P and Q, a prompt c and continuations y of at most T tokens (including the one that ends
a text), the chain rule makes the divergence of texts a sum over tokens:

    KL(P || Q | c) = E_{y ~ P} sum_t KL(P(. | c, y_<t) || Q(. | c, y_<t))

A continuation of each prompt is sampled from P at temperature 1, and every term is computed
exactly, over the whole vocabulary. This estimate is unbiased, never below 0, and its variance is
at most that of the mean of log P(y) - log Q(y), because its terms are conditional expectations of
that mean's terms (Rao-Blackwell; Amini, Vieira and Cotterell, *Better Estimation of the KL
Divergence Between Language Models*, 2025).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.models.protocol import (
    Document,
    DrawingModel,
    Ids,
    LanguageModel,
    as_drawing,
)
from elastic_core.scoring.loss import Ratio

ROW_BUDGET = 1 << 26
"""Log-probabilities held at a time for each model, in float32: 256 MiB."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """KL(P || Q), from continuations sampled from P.

    Attributes:
        nats_per_token: Divergence of all continuations / tokens in them.
        nats_per_text: Divergence of all continuations / number of continuations.
        prompts: Number of prompts, and of continuations.
        tokens: Number of sampled tokens, including those that end a text.
        by_position: Mean divergence at each position in nats, over the continuations that reach it.
    """

    nats_per_token: Ratio
    nats_per_text: Ratio
    prompts: int
    tokens: int
    by_position: tuple[float, ...]

    @property
    def bits_per_token(self) -> Ratio:
        """The divergence in bits."""
        return self.nats_per_token / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return {
            "nats_per_token": self.nats_per_token.to_dict(),
            "bits_per_token": self.bits_per_token.to_dict(),
            "nats_per_text": self.nats_per_text.to_dict(),
            "prompts": self.prompts,
            "tokens": self.tokens,
            "by_position": list(self.by_position),
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """The divergence between a model and its reference, in both directions.

    Attributes:
        from_model: KL(model || reference), on text sampled from the model. Large where the model
            says what the reference would not; reinforcement learning penalizes this direction.
        from_reference: KL(reference || model), on text sampled from the reference. Large where the
            model has unlearned what the reference says.
    """

    from_model: Divergence
    from_reference: Divergence

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return {
            "from_model": self.from_model.to_dict(),
            "from_reference": self.from_reference.to_dict(),
        }


class Reference:
    """A reference model that any number of models are compared with.

    Its continuations of the prompts are sampled once, here; it must not learn afterwards.

    Args:
        model: The reference model.
        prompts: Texts that no model was trained on; one continuation of each is sampled.
        tokens: Maximum number of tokens in a continuation.
        seed: Seed of the continuations of the reference and of the models.

    Raises:
        InvalidArgumentError: There is no prompt, `tokens` or `seed` is out of range, or the model
            does not report the distributions it samples from.
        ModelError: The model cannot read a prompt, or a probability is NaN.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Document],
        *,
        tokens: int = 48,
        seed: int = 0,
    ) -> None:
        prompts = listed(prompts)
        if not prompts:
            raise InvalidArgumentError("there is no held-out prompt to measure a KL divergence on")
        if tokens < 1:
            raise InvalidArgumentError(f"tokens {tokens}: must be at least 1")
        self._model = as_drawing(model)
        self._prompts = prompts
        self._tokens = tokens
        self._seed = seed
        self._drawn = self.draw(self._model)

    def draw(self, model: DrawingModel) -> list[Ids]:
        """A model's continuations of the prompts, shape (ids,) each, to pass to `drift`."""
        return model.draw(self._prompts, tokens=self._tokens, seed=self._seed)

    def drift(self, model: LanguageModel, drawn: Sequence[Ids] | None = None) -> Drift:
        """The divergence between a model and the reference, in both directions.

        Args:
            model: The model.
            drawn: What `draw` returned for it; None: sample here.

        Raises:
            InvalidArgumentError: The models differ in their symbols, or the model does not report
                the distributions it samples from.
            ModelError: The model cannot read a prompt, or a probability is NaN.
        """
        current = as_drawing(model)
        from_reference = self.divergence(current)
        drawn = self.draw(current) if drawn is None else drawn
        return Drift(self._kl(current, self._model, drawn), from_reference)

    def divergence(self, model: LanguageModel) -> Divergence:
        """KL(reference || model), along the reference's own continuations.

        Raises:
            InvalidArgumentError: The models differ in their symbols, or the model does not report
                its distributions.
            ModelError: The model cannot read a prompt, or a probability is NaN.
        """
        current = as_drawing(model)
        _check_symbols(current, self._model, self._prompts)
        return self._kl(self._model, current, self._drawn)

    def _kl(self, one: DrawingModel, other: DrawingModel, drawn: Sequence[Ids]) -> Divergence:
        """KL(one || other), from continuations sampled from `one`."""
        nats: list[NDArray[np.float64]] = []
        step = max(1, ROW_BUDGET // (self._tokens * one.vocabulary))
        for start in range(0, len(drawn), step):
            texts = self._prompts[start : start + step], drawn[start : start + step]
            rows = (model.log_distributions(*texts, tokens=self._tokens) for model in (one, other))
            nats += [divergences(p, q) for p, q in zip(*rows, strict=True)]
        sums = [math.fsum(row) for row in nats]
        counts = [len(row) for row in nats]
        reached = np.arange(max(counts)) < np.array(counts)[:, None]
        table = np.zeros(reached.shape)
        table[reached] = np.concatenate(nats)
        return Divergence(
            nats_per_token=Ratio.of(sums, counts),
            nats_per_text=Ratio.of(sums, np.ones(len(sums))),
            prompts=len(drawn),
            tokens=sum(counts),
            by_position=tuple((table.sum(axis=0) / reached.sum(axis=0)).tolist()),
        )


def divergences(
    one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """KL(one || other) of each pair of distributions, in nats.

    Args:
        one: Natural logarithms of probabilities, shape (distributions, vocabulary).
        other: The same for the other distributions.

    Returns:
        Shape (distributions,): at least 0, infinite where `other` has probability 0 and `one` has
        not.
    """
    from scipy.special import kl_div

    # kl_div sums p log(p / q) - p + q, so it stays at least 0 where rounding keeps p or q from
    # adding up to 1.
    p, q = (np.exp(log_probs.astype(np.float64)) for log_probs in (one, other))
    nats: NDArray[np.float64] = kl_div(p, q).sum(axis=1)
    return nats


def _check_symbols(one: LanguageModel, other: LanguageModel, prompts: Sequence[Document]) -> None:
    if one.vocabulary != other.vocabulary:
        raise InvalidArgumentError(
            f"{one.spec} has {one.vocabulary} symbols and {other.spec} has {other.vocabulary}: a "
            "KL divergence needs models with the same vocabulary"
        )
    for number, ids in enumerate(zip(one.tokens(prompts), other.tokens(prompts), strict=True)):
        if not np.array_equal(*ids):
            raise InvalidArgumentError(
                f"{one.spec} and {other.spec} read prompt {number} as different symbols: a KL "
                "divergence needs models with the same tokenizer"
            )
