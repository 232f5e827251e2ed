"""First order: how the rates of several sets of texts react to one small step on other texts.

With g_i the gradient of the rate gamma_i of a set, one step of gradient descent of size eta on
texts D_t changes gamma_i by -eta g_i . g_t, up to terms in eta^2. Thm 4.2 of Ji et al. (2025)
says that the ratio of the changes of alignment and pre-training, g_a . g_t / g_p . g_t, is
-|D_p| / |D_a|; at a minimum of |D_p| gamma_p + |D_a| gamma_a it is, whatever D_t is.

Models with weights are differentiated. A model of counts stands for the token trees of what it has
learned: adding a little of D_t to their joint distribution q changes gamma_i at a rate of
(1 - sum_x P_i P_t / q) / volume, the inner product of P_i - q and P_t - q with the weights 1 / q,
which takes the place of g_i . g_t.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, JointSpectrum, TokenTree
from elastic_core.common.files import without_nan
from elastic_core.models.protocol import Document, LanguageModel, as_weighted
from elastic_core.scoring.gradients import Estimate, RateGradients
from elastic_core.scoring.loss import losses, size_of

Array = NDArray[np.float64]
Texts = Mapping[str, Sequence[Document]]

STEP = 1e-4
"""By how much a step lowers the rate of the texts it is taken on, in bits per byte."""

TREE_STEP = 1e-5
"""The volume that a step adds to token trees, as a share of what they are made of."""


@dataclass(frozen=True, slots=True)
class Response:
    """How the rate of one set reacts to one step on the texts of an arm.

    Attributes:
        cosine: The cosine of the two gradients.
        predicted: The change by first order, in bits per byte.
        measured: The change after the step was taken, in bits per byte.
        ratio: The predicted change over that of the first set.
    """

    cosine: Estimate
    predicted: Estimate
    measured: float
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """How the rates of sets react to one step on each arm.

    Attributes:
        responses: By set and arm.
        steps: The size of the step on each arm: eta for weights, in units of weight^2 per (bit per
            byte); for token trees the volume that is added, as a share of what they are made of.
    """

    responses: dict[tuple[str, str], Response]
    steps: dict[str, float]

    def metrics(self) -> dict[str, Any]:
        """Metrics ready for JSON: `cos_SET_ARM`, `predicted_...`, `measured_...`, `ratio_...`.

        All begin with `first_order_`; `_se` at the end is the standard error over texts.
        `first_order_step_ARM` is the size of the step.
        """
        metrics: dict[str, Any] = {
            f"first_order_step_{arm}": without_nan(step) for arm, step in self.steps.items()
        }
        for (name, arm), response in self.responses.items():
            place = f"{name}_{arm}"
            for kind, estimate in (
                ("cos", response.cosine),
                ("predicted", response.predicted),
                ("ratio", response.ratio),
            ):
                record = estimate.to_dict()
                metrics[f"first_order_{kind}_{place}"] = record["value"]
                metrics[f"first_order_{kind}_{place}_se"] = record["standard_error"]
            metrics[f"first_order_measured_{place}"] = without_nan(response.measured)
        return metrics


def first_order(
    model: LanguageModel, sets: Texts, arms: Texts, volumes: Mapping[str, float] | None = None
) -> FirstOrder:
    """Computes how the rates of sets react to a small step on each arm, and takes the step.

    The step is taken on a copy: the model stays as it is.

    Args:
        model: A model with weights, or one of counts.
        sets: The texts of each set; ratios are to the first one.
        arms: The texts to step on, by arm.
        volumes: For a model of counts, how much of each set it has learned; 0 for those not named.

    Raises:
        InvalidArgumentError: The model has neither weights nor counts, or a set has no text.
        ModelError: The model cannot read a text.
    """
    if model.learns_online:
        return _by_counts(model, sets, arms, volumes or {})
    if not model.has_weights:
        raise InvalidArgumentError(
            f"first_order: {model.spec} gives no gradients; use a transformers model, or a tree "
            "model, whose token trees have exact slopes"
        )
    return _by_weights(model, sets, arms)


def _by_weights(model: LanguageModel, sets: Texts, arms: Texts) -> FirstOrder:
    """By gradients, and by one step of gradient descent on a copy."""
    start = as_weighted(model)
    keys = {arm: f"step on {arm}" for arm in arms}
    gradients = RateGradients.of(start, {**sets, **{keys[arm]: arms[arm] for arm in arms}})
    reference = next(iter(sets))
    responses: dict[tuple[str, str], Response] = {}
    steps = {}
    still = start.moved(np.zeros_like(gradients.vector(reference)))
    before = _rates(still, sets)
    for arm, key in keys.items():
        square = gradients.product(key, key).value
        eta = steps[arm] = STEP / square if square > 0 else 0.0
        after = _rates(start.moved(-eta * gradients.vector(key)), sets)
        for name in sets:
            product = gradients.product(name, key)
            error = product.standard_error
            responses[name, arm] = Response(
                cosine=gradients.cosine(name, key),
                predicted=Estimate(-eta * product.value, None if error is None else eta * error),
                measured=after[name] - before[name],
                ratio=gradients.ratio(name, reference, key),
            )
    return FirstOrder(responses, steps)


def _rates(model: LanguageModel, sets: Texts) -> dict[str, float]:
    return {name: loss.bits_per_byte.value for name, loss in losses(model, sets).items()}


def _by_counts(
    model: LanguageModel, sets: Texts, arms: Texts, volumes: Mapping[str, float]
) -> FirstOrder:
    """By the exact slopes of the joint rates of token trees, at the model's depth."""
    depth = int(model.settings["depth"])
    texts = [*sets.values(), *arms.values()]
    joint = JointSpectrum.of([_tree(model, sample, depth) for sample in texts], threads=1)
    learned = np.array([volumes.get(name, 0.0) for name in (*sets, *([""] * len(arms)))])
    total = learned.sum()
    if not total > 0:
        raise InvalidArgumentError("first_order: the model of counts has learned none of the sets")
    to_bytes = joint.segments / np.array([sum(map(size_of, sample)) for sample in texts])
    # Volumes of token trees are segments, and those that are given are bytes.
    weights = learned * to_bytes
    norms = [_norm(joint, weights, member) for member in range(len(texts))]
    responses, reference = {}, next(iter(sets))
    for number, arm in enumerate(arms, len(sets)):
        step = TREE_STEP * weights.sum()
        rates = joint.rates(weights[None], number, threads=1)
        moved = weights.copy()
        moved[number] = step
        slopes = _last(rates.slope_bits)
        predicted = step * slopes * to_bytes
        measured = _last(joint.rates(moved[None], number, threads=1).shift_bits) * to_bytes
        for at, name in enumerate(sets):
            product, norm = -slopes[at] * weights.sum(), norms[at] * norms[number]
            is_defined = math.isfinite(norm) and norm > 0
            below = predicted[0]
            responses[name, arm] = Response(
                cosine=Estimate(product / math.sqrt(norm) if is_defined else math.nan),
                predicted=Estimate(float(predicted[at])),
                measured=float(measured[at]),
                ratio=Estimate(
                    1.0
                    if name == reference
                    else float(predicted[at] / below)
                    if below
                    else math.nan
                ),
            )
    return FirstOrder(responses, dict.fromkeys(arms, TREE_STEP))


def _norm(joint: JointSpectrum, weights: Array, member: int) -> float:
    """The square of the norm of P_i - q; infinite for leaves that the others lack."""
    if not np.delete(weights, member).any():
        return 0.0  # The joint distribution is that of this set.
    slopes = _last(joint.rates(weights[None], member, threads=1).slope_bits)
    return float(-slopes[member] * weights.sum())


def _last(values: Array) -> Array:
    """The values at the full depth, for the only choice of volumes; shape (datasets,)."""
    row: Array = values[-1, 0]
    return row


def _tree(model: LanguageModel, texts: Sequence[Document], depth: int) -> TokenTree:
    """The token tree of texts in the model's symbols, of consecutive segments."""
    rows = [ids[:-1] for ids in model.tokens(texts)]  # A token tree adds EOS itself.
    offsets = np.cumsum([0, *map(len, rows)])
    return TokenTree.from_symbols(
        np.concatenate(rows), offsets, depth=depth, vocabulary=model.vocabulary - 1, threads=1
    )
