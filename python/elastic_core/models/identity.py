"""Which model this is, as a hash of its weights."""

import hashlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def weights_sha256(model: "PreTrainedModel") -> str:
    """SHA-256 of the name, type, shape and bytes of every tensor of the state dict, in hexadecimal.

    The tensors are sorted by name, and taken as they were loaded: after the change of dtype and
    the merge of an adapter.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
