"""How far a model has moved from a reference: the KL divergence on held-out prompts.

For models P and Q, a prompt c and continuations y of at most T tokens (the one that ends a text
is a token too), the chain rule makes the divergence of texts a sum over tokens:

    KL(P || Q | c) = E_{y ~ P} sum_t KL(P(. | c, y_<t) || Q(. | c, y_<t))

A continuation of each prompt is drawn from P at temperature 1, and every summand is taken exactly,
over the whole vocabulary. That estimate has no bias, is never below 0, and varies no more than the
mean of log P(y) - log Q(y), of whose terms these are the conditional expectations (Rao-Blackwell;
Amini, Vieira and Cotterell, *Better Estimation of the KL Divergence Between Language Models*,
2025).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.models.protocol import Document, DrawingModel, Ids, LanguageModel
from elastic_core.scoring.ratio import Ratio

# Log-probabilities held at a time for each model, in float32: 256 MiB.
_HELD = 1 << 26


@dataclass(frozen=True, slots=True)
class Divergence:
    """KL(P || Q), from continuations that P has drawn.

    Attributes:
        nats_per_token: Of all continuations / tokens in them.
        nats_per_text: Of all continuations / continuations.
        prompts: How many prompts there are, and continuations.
        tokens: Tokens drawn, those that end a text among them.
    """

    nats_per_token: Ratio
    nats_per_text: Ratio
    prompts: int
    tokens: int

    @property
    def bits_per_token(self) -> Ratio:
        """The divergence in bits."""
        return self.nats_per_token / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "nats_per_token": self.nats_per_token.to_dict(),
            "bits_per_token": self.bits_per_token.to_dict(),
            "nats_per_text": self.nats_per_text.to_dict(),
            "prompts": self.prompts,
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """The divergence of a model and its reference, both ways.

    Attributes:
        from_model: KL(model || reference): what the model says, coded by the reference. Large
            where the model says what the reference would not; the penalty of alignment by
            reinforcement.
        from_reference: KL(reference || model): what the reference says, coded by the model. Large
            where the model has unlearned what the reference says.
    """

    from_model: Divergence
    from_reference: Divergence

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "from_model": self.from_model.to_dict(),
            "from_reference": self.from_reference.to_dict(),
        }


class Reference:
    """A reference model that any number of models are held against.

    What it draws after the prompts is drawn once, here; it must not learn afterwards.

    Args:
        model: The reference model.
        prompts: Texts that no model was trained on; one continuation of each is drawn.
        tokens: Most tokens in a continuation.
        seed: Seed of the draws, the reference's and the models'.

    Raises:
        InvalidArgumentError: There is no prompt, tokens or seed are not what they should be, or
            the model does not tell what it draws.
        ModelError: A prompt is not what the model can read, or a probability is none.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Document],
        *,
        tokens: int = 48,
        seed: int = 0,
    ) -> None:
        if not prompts:
            raise InvalidArgumentError("there is no held-out prompt to measure a KL divergence on")
        if tokens < 1:
            raise InvalidArgumentError(f"tokens {tokens}: must be at least 1")
        self._model = _drawing(model)
        self._prompts = prompts
        self._tokens = tokens
        self._seed = seed
        self._drawn = self.draw(self._model)

    def draw(self, model: DrawingModel) -> list[Ids]:
        """What a model draws after the prompts, shape (ids,) for each: what `drift` is taken on."""
        return model.draw(self._prompts, tokens=self._tokens, seed=self._seed)

    def drift(self, model: LanguageModel, drawn: Sequence[Ids] | None = None) -> Drift:
        """The divergence of a model from the reference, both ways.

        Args:
            model: The model.
            drawn: What `draw` gave for it; None: it is drawn here.

        Raises:
            InvalidArgumentError: The models differ in their symbols, or the model does not tell
                what it draws.
            ModelError: A prompt is not what the model can read, or a probability is none.
        """
        current = _drawing(model)
        _check_symbols(current, self._model, self._prompts)
        return Drift(
            from_model=self._kl(
                current, self._model, self.draw(current) if drawn is None else drawn
            ),
            from_reference=self._kl(self._model, current, self._drawn),
        )

    def _kl(self, one: DrawingModel, other: DrawingModel, drawn: Sequence[Ids]) -> Divergence:
        """KL(one || other), from what `one` has drawn."""
        nats: list[float] = []
        step = max(1, _HELD // (self._tokens * one.vocabulary))
        for start in range(0, len(drawn), step):
            asked = self._prompts[start : start + step], drawn[start : start + step]
            rows = (each.log_distributions(*asked, tokens=self._tokens) for each in (one, other))
            nats += [math.fsum(divergences(p, q)) for p, q in zip(*rows, strict=True)]
        counts = [len(ids) for ids in drawn]
        return Divergence(
            nats_per_token=Ratio.of(nats, counts),
            nats_per_text=Ratio.of(nats, np.ones(len(nats))),
            prompts=len(drawn),
            tokens=sum(counts),
        )


def divergences(
    one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """KL(one || other) of each pair of distributions, in nats.

    Args:
        one: Natural logarithms of probabilities, shape (distributions, vocabulary).
        other: The same.

    Returns:
        Shape (distributions,): at least 0, infinite where `other` rules out what `one` does not.
    """
    from scipy.special import kl_div

    # Sums of p log(p / q) - p + q: where rounding keeps the p or the q from adding up to 1, that
    # is no divergence.
    p, q = (np.exp(each.astype(np.float64)) for each in (one, other))
    found: NDArray[np.float64] = kl_div(p, q).sum(axis=1)
    return found


def _drawing(model: LanguageModel) -> DrawingModel:
    if not hasattr(model, "log_distributions"):
        raise InvalidArgumentError(
            f"{model.spec}: a model of this kind does not tell the probabilities that it draws "
            "by; name it by its spec, such as tree:8"
        )
    return cast("DrawingModel", model)


def _check_symbols(one: LanguageModel, other: LanguageModel, prompts: Sequence[Document]) -> None:
    if one.vocabulary != other.vocabulary:
        raise InvalidArgumentError(
            f"{one.spec} has {one.vocabulary} symbols and {other.spec} has {other.vocabulary}: a "
            "KL divergence needs models of one vocabulary"
        )
    for number, ids in enumerate(zip(one.tokens(prompts), other.tokens(prompts), strict=True)):
        if not np.array_equal(*ids):
            raise InvalidArgumentError(
                f"{one.spec} and {other.spec} read prompt {number} as different symbols: a KL "
                "divergence needs models of one tokenizer"
            )
