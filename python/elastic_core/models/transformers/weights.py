"""The weights of a transformers model as one vector: its gradient, and steps along it."""

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def weights_of(model: "PreTrainedModel") -> list[nn.Parameter]:
    """The weights that a gradient is taken by, in a fixed order; tied weights occur once."""
    return [weight for weight in model.parameters() if weight.is_floating_point()]


def gradient(value: Tensor, model: "PreTrainedModel") -> NDArray[np.float32]:
    """The gradient of a scalar by all weights; leaves no trace in the model.

    Args:
        value: The scalar, with a graph.
        model: The model that it was computed by.

    Returns:
        Shape (weights,); 0 for weights that the value does not depend on.
    """
    weights = weights_of(model)
    parts = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
    flat: NDArray[np.float32] = torch.cat(
        [part.float().cpu().reshape(-1) for part in parts]
    ).numpy()
    return flat


@torch.no_grad()
def moved(model: "PreTrainedModel", change: NDArray[np.float64]) -> "PreTrainedModel":
    """A copy of a model with something added to each weight, in float32 or wider.

    Weights of 16 bits become float32, because a small step would be lost in their rounding.

    Args:
        model: The model.
        change: Shape (weights,), in the order of `weights_of`.
    """
    other: PreTrainedModel = copy.deepcopy(model)
    if model.dtype.itemsize < torch.float32.itemsize:
        other = other.float()
    start = 0
    for weight in weights_of(other):
        part = torch.from_numpy(change[start : start + weight.numel()]).to(weight.device)
        weight.add_(part.reshape(weight.shape).to(weight.dtype))
        start += weight.numel()
    return other
