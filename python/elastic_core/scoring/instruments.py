"""Instruments: deterministic measurements of how far a model has moved from its base.

Each compares a model with its base on fixed texts that neither was trained on, and is prepared once
for any number of models. Values are differences from the base, so they are 0 for the base itself.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.models.protocol import (
    Document,
    DrawingModel,
    Ids,
    LanguageModel,
    as_weighted,
    decoded,
)
from elastic_core.scoring.divergence import ROW_BUDGET, Divergence, Reference
from elastic_core.scoring.loss import common_prefix
from elastic_core.scoring.scorers import Scorer, score_completions

Array = NDArray[np.float64]

_SMOOTHING = 0.5
"""What is added to the count of every token: Jeffreys' prior of a share."""

NOISE_SIZES = (0.0125, 0.025, 0.05, 0.1, 0.2)
"""The sizes of `WeightNoise`: the noise of a weight matrix by the spread of its own entries."""


class Instrument(Protocol):
    """A measurement of a model against a base."""

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures a model with the symbols of the base.

        Returns:
            Metrics by name, ready for JSON; `NAME_se` is the standard error of `NAME` over texts,
            None for a single text.

        Raises:
            ModelError: The model cannot read a text, or a probability is zero or NaN.
        """


class Margin:
    """How much likelier positive texts became than negative ones, in nats per token.

    `margin` is the mean over positive texts of log p_model(x) - log p_base(x) per token of x, less
    the same over negative texts. Without negative texts it is the first mean alone.

    Args:
        base: The base model.
        positive: Texts of the positive side, at least one.
        negative: Texts of the negative side.

    Raises:
        InvalidArgumentError: There is no positive text.
        ModelError: The base cannot read a text.
    """

    def __init__(
        self, base: DrawingModel, positive: Sequence[Document], negative: Sequence[Document] = ()
    ) -> None:
        if not positive:
            raise InvalidArgumentError("margin: there is no positive text to measure on")
        self._sides = [(1.0, list(positive)), (-1.0, list(negative))]
        self._sides = [side for side in self._sides if side[1]]
        self._base = [_per_token(base, texts) for _, texts in self._sides]

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures `margin` and `margin_se`; see `Instrument.measure`."""
        changes = [
            sign * (_per_token(model, texts) - base)
            for (sign, texts), base in zip(self._sides, self._base, strict=True)
        ]
        return _metrics("margin", changes)


class LogOdds:
    """How much more often the model is about to write words of the positive side, in nats.

    `log_odds` is the mean over fixed contexts c of sum_v p(v given c) w_v, less that of the base.
    The weight w_v of a token is the log of its share of labelled positive texts less the log of its
    share of negative ones, both smoothed. The contexts are the places in fixed texts after their
    prompts.

    Args:
        base: The base model.
        positive: Labelled texts for the weights, which are used for nothing else; at least one.
        negative: The same for the negative side; at least one.
        prompts: Prompts of the contexts, at least one.
        completions: The text after each prompt.
        tokens: Maximum number of contexts in a text.

    Raises:
        InvalidArgumentError: There are no labelled texts of a side, or no contexts.
        ModelError: The base cannot read a text.
    """

    def __init__(
        self,
        base: DrawingModel,
        positive: Sequence[Document],
        negative: Sequence[Document],
        prompts: Sequence[str],
        completions: Sequence[str],
        *,
        tokens: int,
    ) -> None:
        if not positive or not negative:
            raise InvalidArgumentError(
                "log_odds: the weights of tokens take labelled texts of both sides; set "
                "data.negative and scorer.rows"
            )
        self._weights = _log_shares(base, positive) - _log_shares(base, negative)
        self._tokens = tokens
        self._prompts, self._continuations = _contexts(base, prompts, completions, tokens)
        self._base = self._expected(base)

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures `log_odds` and `log_odds_se`; see `Instrument.measure`."""
        return _metrics("log_odds", [self._expected(model) - self._base])

    def _expected(self, model: DrawingModel) -> Array:
        """The expected weight of the next token in each text, shape (texts,)."""
        means: list[float] = []
        step = max(1, ROW_BUDGET // (self._tokens * model.vocabulary))
        for start in range(0, len(self._prompts), step):
            part = slice(start, start + step)
            rows = model.log_distributions(
                self._prompts[part], self._continuations[part], tokens=self._tokens
            )
            means += [float((np.exp(row, dtype=np.float64) @ self._weights).mean()) for row in rows]
        return np.array(means)


class Divergences:
    """The KL divergences between the model and its base, exact over the vocabulary.

    `kl_base` is KL(base || model) on texts that are sampled once from the base, `kl` is
    KL(model || base) on texts sampled from the model, both in nats per token; `kl_base_positions`
    is the first by position, the mean over the texts that reach it.

    Args:
        base: The base model.
        prompts: What samples continue, at least one; `""` for whole texts.
        tokens: Maximum number of tokens in a sample.
        seed: Seed of the samples.

    Raises:
        InvalidArgumentError: There is no prompt.
        ModelError: The base cannot read a prompt.
    """

    def __init__(
        self, base: DrawingModel, prompts: Sequence[Document], *, tokens: int, seed: int
    ) -> None:
        self._reference = Reference(base, prompts, tokens=tokens, seed=seed)

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures `kl`, `kl_base` and `kl_base_positions`; see `Instrument.measure`."""
        drift = self._reference.drift(model)
        metrics: dict[str, Any] = {}
        for name, divergence in (("kl", drift.from_model), ("kl_base", drift.from_reference)):
            metrics |= _ratio_metrics(name, divergence)
        metrics["kl_base_positions"] = list(drift.from_reference.by_position)
        return metrics


class AuthorDivergence:
    """How far the model is from an author: KL(author || model) along the author's own answers.

    `kl_author` is in nats per token, exact over the vocabulary at each position, and
    `kl_author_positions` is its mean at each position, over the answers that reach it. It is 0 for
    the author itself, so that unlike a loss on the answers it does not depend on how hard they are
    to predict: the loss is this divergence plus the author's entropy. The answers are sampled once;
    an author samples the same ones for every model.

    Args:
        author: The model that writes the answers.
        prompts: What it answers, at least one; no model may be trained on the answers.
        tokens: Maximum number of tokens in an answer.
        seed: Seed of the answers.

    Raises:
        InvalidArgumentError: There is no prompt, or the author does not report the distributions it
            samples from.
        ModelError: The author cannot read a prompt.
    """

    def __init__(
        self, author: LanguageModel, prompts: Sequence[Document], *, tokens: int, seed: int
    ) -> None:
        self._author = Reference(author, prompts, tokens=tokens, seed=seed)

    def measure(self, model: LanguageModel) -> dict[str, Any]:
        """Measures `kl_author` and `kl_author_positions`; see `Instrument.measure`.

        Raises:
            InvalidArgumentError: The models differ in their symbols, or the model does not report
                its distributions.
        """
        divergence = self._author.divergence(model)
        positions = [_finite(nats) for nats in divergence.by_position]
        return {**_ratio_metrics("kl_author", divergence), "kl_author_positions": positions}


class Score:
    """The mean score of sampled completions, as in the paper; the scorer must not be a reward.

    Args:
        scorer: The scorer.
        prompts: Held-out prompts, at least two.
        tokens: Maximum number of tokens in a completion.
        seed: Seed of the completions.
    """

    def __init__(self, scorer: Scorer, prompts: Sequence[str], *, tokens: int, seed: int) -> None:
        self._scorer = scorer
        self._prompts = list(prompts)
        self._tokens = tokens
        self._seed = seed

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures `score` and `score_se`; see `Instrument.measure`."""
        written = model.generate(self._prompts, tokens=self._tokens, seed=self._seed)
        scores = score_completions(self._scorer, self._prompts, decoded(written))
        return _metrics("score", [np.asarray(scores, np.float64)])


class WeightNoise:
    """How much the loss rises when noise is added to the weights, in nats per token.

    Overtraining makes models brittle, which is a rival account of elasticity (Springer et al.,
    *Overtrained Language Models Are Harder to Fine-Tune*, 2025, perturb weights likewise). Each
    weight matrix W becomes W + s std(W) E, E standard normal; `noise_0` to `noise_4` are the rises
    of -log p(x) per token of x for the sizes s of `NOISE_SIZES`, the mean over texts and draws of
    E. All sizes share the draws. It is a property of a model alone, and no difference from a base.

    Args:
        texts: Fixed texts, at least one.
        seed: Seed of the noise.
        draws: Draws of the noise, at least 1.

    Raises:
        InvalidArgumentError: There is no text.
    """

    def __init__(self, texts: Sequence[Document], *, seed: int, draws: int = 4) -> None:
        if not texts:
            raise InvalidArgumentError("weight_noise: there is no text to measure on")
        self._texts = list(texts)
        self._seeds = [int(number) for number in np.random.SeedSequence(seed).generate_state(draws)]

    def measure(self, model: DrawingModel) -> dict[str, Any]:
        """Measures `noise_0` to `noise_4` and their standard errors; see `Instrument.measure`.

        Raises:
            InvalidArgumentError: The model has no weight matrices.
            ModelError: The model cannot read a text, or a probability is zero or NaN.
        """
        weighted = as_weighted(model)
        plain = _per_token(model, self._texts)
        metrics: dict[str, Any] = {}
        for number, size in enumerate(NOISE_SIZES):
            rises: list[Array] = []
            for seed in self._seeds:
                with weighted.perturbed(size, seed):
                    rises.append(plain - _per_token(model, self._texts))
            metrics |= _metrics(f"noise_{number}", [np.mean(rises, axis=0)])
        return metrics


def _per_token(model: DrawingModel, texts: Sequence[Document]) -> Array:
    """The mean log-probability of the tokens of each text, shape (texts,)."""
    rows = model.log_probs(texts)
    return np.array([row.mean(dtype=np.float64) if len(row) else 0.0 for row in rows])


def _log_shares(model: DrawingModel, texts: Sequence[Document]) -> Array:
    """The log of each token's smoothed share of texts, shape (vocabulary,)."""
    ids = np.concatenate(model.tokens(texts))
    counts = np.bincount(ids, minlength=model.vocabulary) + _SMOOTHING
    shares: Array = np.log(counts / counts.sum())
    return shares


def _contexts(
    model: DrawingModel, prompts: Sequence[str], completions: Sequence[str], tokens: int
) -> tuple[list[Document], list[Ids]]:
    """The prompts, and the ids after each that models read, without texts that have none."""
    whole = model.tokens([one + other for one, other in zip(prompts, completions, strict=True)])
    heads = model.tokens(prompts)
    starts = map(common_prefix, heads, whole)
    rows = [ids[start : start + tokens] for ids, start in zip(whole, starts, strict=True)]
    kept = [(prompt, row) for prompt, row in zip(prompts, rows, strict=True) if len(row)]
    if not kept:
        raise InvalidArgumentError("log_odds: there is no text to take contexts from")
    return [prompt for prompt, _ in kept], [row for _, row in kept]


def _metrics(name: str, groups: Sequence[Array]) -> dict[str, Any]:
    """The sum of the means of groups of texts, with its standard error."""
    value = math.fsum(float(group.mean()) for group in groups)
    error = None
    if all(len(group) > 1 for group in groups):
        error = math.sqrt(sum(float(group.var(ddof=1)) / len(group) for group in groups))
    return {name: value, f"{name}_se": error}


def _ratio_metrics(name: str, divergence: Divergence) -> dict[str, Any]:
    ratio = divergence.nats_per_token
    return {name: _finite(ratio.value), f"{name}_se": ratio.standard_error}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
