"""Attention on a CPU for narrow heads, which torch's own kernel is slow for."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# With heads of 8 numbers, forward and backward take 26 ms padded to 16 and 38 ms as they are (8
# texts of 256 tokens, 8 heads, one thread); padding heads of 16 to 32 gains nothing. A loop over
# blocks of queries that skips what causality hides would save another fifth.
_NARROWEST = 16
_NAME = "sdpa_with_padded_heads"


def widen_heads(model: "PreTrainedModel") -> None:
    """Has heads that are too narrow for a fast kernel padded with zeros, which change no result.

    Args:
        model: A model that runs on a CPU; nothing happens unless it uses torch's own attention and
            its heads are narrower than 16.
    """
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None)
    width = getattr(config, "head_dim", None) or (heads and config.hidden_size // heads)
    is_plain = getattr(config, "_attn_implementation", None) == "sdpa"
    if width and width < _NARROWEST and is_plain:
        model.set_attn_implementation(_NAME)


def _padded_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **arguments: Any,
) -> tuple[Tensor, None]:
    """`sdpa_attention_forward` with zeros at the end of every head, shape (..., `_NARROWEST`)."""
    width = query.shape[-1]
    query, key, value = (pad(part, (0, _NARROWEST - width)) for part in (query, key, value))
    scaling = width**-0.5 if scaling is None else scaling
    output, _ = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **arguments
    )
    return output[..., :width], None


AttentionInterface.register(_NAME, _padded_attention)
AttentionMaskInterface.register(_NAME, sdpa_mask)
