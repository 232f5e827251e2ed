"""What can be known of a checkpoint without loading its weights: its size, lengths of texts."""

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from elastic_core.models.transformers.checkpoint import (
    PLAIN_SOURCE,
    check_layers,
    load_tokenizer,
    silence_transformers,
    wrap_load_errors,
)


@cache
def count_parameters(spec: str, name: str) -> int:
    """The number of parameters of a checkpoint.

    Args:
        spec: The model as the user named it.
        name: A folder, or a name on the hub.

    Raises:
        ModelError: It is no causal language model, or cannot be loaded.
    """
    with silence_transformers(), wrap_load_errors(spec):
        config = AutoConfig.from_pretrained(name, **PLAIN_SOURCE)
        check_layers(config)
        with torch.device("meta"):
            return int(AutoModelForCausalLM.from_config(config).num_parameters())


def token_lengths(
    spec: str, name: str, texts: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[int]], int | None]:
    """The lengths of texts in the tokens of a checkpoint, and the most tokens that it reads.

    Args:
        spec: The model as the user named it.
        name: A folder, or a name on the hub.
        texts: The texts, in groups.

    Returns:
        The lengths of each group, and the positions of the model; None if it has no limit.

    Raises:
        ModelError: The checkpoint cannot be loaded.
    """
    with silence_transformers(), wrap_load_errors(spec):
        config = AutoConfig.from_pretrained(name, **PLAIN_SOURCE)
        tokenizer = load_tokenizer(name, PLAIN_SOURCE)
        lengths = {
            group: [len(ids) for ids in tokenizer(list(some)).input_ids]
            for group, some in texts.items()
        }
    return lengths, getattr(config.get_text_config(), "max_position_embeddings", None)
