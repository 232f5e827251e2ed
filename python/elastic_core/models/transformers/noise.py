"""Gaussian noise in the weights of a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def perturbed(model: "PreTrainedModel", size: float, seed: int) -> Iterator[None]:
    """Adds N(0, (size x std)^2) to every weight matrix while a block runs, then restores them.

    std is the standard deviation of the entries of the matrix. Biases and gains of layer norms
    stay as they are. The weights are copied, so they are restored to the bit.

    Args:
        model: The network.
        size: The relative size of the noise.
        seed: Seed of the noise, which is drawn on the CPU in float32. The global random state of
            torch does not change.
    """
    import torch

    random = torch.Generator().manual_seed(seed)
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    originals = [weight.detach().clone() for weight in matrices]
    try:
        with torch.no_grad():
            for weight in matrices:
                noise = torch.randn(weight.shape, generator=random).to(weight.device)
                values = weight.float()
                weight.copy_(values + size * values.std(correction=0) * noise)
        yield
    finally:
        with torch.no_grad():
            for weight, original in zip(matrices, originals, strict=True):
                weight.copy_(original)
