"""New small transformers: Llamas of six sizes with random weights, and tokenizers for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
"""The only special token: it ends every document, and every window begins with it."""


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a new model, and its default training settings.

    Attributes:
        parameters: Number of trainable parameters; the input embeddings, which are also the output
            embeddings, count once.
        vocabulary: Number of token ids.
        hidden: Width of the residual stream.
        layers: Number of transformer blocks.
        heads: Attention heads per block.
        intermediate: Width of the feed-forward layer.
        context: Tokens in a training block, and positions of the model.
        batch: Tokens in an optimizer step.
        learning_rate: Peak learning rate.
    """

    parameters: int
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    context: int
    batch: int
    learning_rate: float


SIZES = {
    "0.3M": Size(319_968, 1024, 96, 2, 3, 256, 256, 8192, 4e-3),
    "1M": Size(1_053_824, 2048, 128, 4, 4, 344, 256, 8192, 3e-3),
    "3M": Size(3_000_384, 4096, 192, 5, 6, 512, 512, 8192, 2e-3),
    "10M": Size(10_059_840, 8192, 320, 6, 5, 864, 512, 16_384, 1.5e-3),
    "30M": Size(30_531_072, 16_384, 512, 7, 8, 1376, 1024, 32_768, 1e-3),
    "100M": Size(103_040_256, 32_768, 768, 11, 12, 2048, 1024, 65_536, 6e-4),
}
"""The sizes by name. A name is within 10% of the number of parameters."""


def new_model(size: Size, context: int, seed: int) -> "LlamaForCausalLM":
    """A Llama with random float32 weights. The same seed gives the same weights.

    Args:
        size: The shape of the model.
        context: Number of positions.
        seed: Seed of the weights. The global random state of torch does not change.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.intermediate,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> "PreTrainedTokenizerFast":
    """Trains a byte-level BPE tokenizer, which is lossless and has no unknown token.

    Args:
        texts: The training texts. The same texts give the same tokenizer.
        vocabulary: Maximum number of ids, at least 257; a small corpus yields fewer.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT
    )
