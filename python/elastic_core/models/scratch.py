"""New small models: Llamas of six sizes that have learned nothing, and tokenizers for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastic_core._core import InvalidArgumentError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
"""The one special token: it ends a document, and every window begins with it."""

_SPEC = "scratch:"


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a new model, and how it is trained unless told otherwise.

    The embeddings, which are those of the output too, are among the parameters.

    Attributes:
        parameters: Numbers that are learned.
        vocabulary: Token ids.
        hidden: Width of the residual stream.
        layers: Transformer blocks.
        heads: Attention heads in each.
        intermediate: Width of the feed-forward part.
        context: Tokens in a training block, and positions of the model.
        batch: Tokens in an optimizer step.
        learning_rate: The highest learning rate.
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
"""The sizes by name; the name is right to a tenth."""


def parse_size(spec: str) -> Size:
    """The size that a spec such as `scratch:3M` names.

    Raises:
        InvalidArgumentError: It names none.
    """
    size = SIZES.get(spec.removeprefix(_SPEC)) if spec.startswith(_SPEC) else None
    if size is None:
        raise InvalidArgumentError(
            f"unknown new model {spec!r}: choose {_SPEC} and one of {', '.join(SIZES)}"
        )
    return size


def new_model(size: Size, context: int, seed: int) -> "LlamaForCausalLM":
    """A Llama with random weights in float32; the same seed gives the same ones.

    Args:
        size: Its shape.
        context: Its positions.
        seed: Seed of the weights; torch's own random state is left as it was.
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
    """A byte-level BPE of the texts, which loses nothing of any text and has no unknown token.

    Args:
        texts: What to learn merges from; the same texts give the same tokenizer.
        vocabulary: Most ids, at least 257; a small corpus gives fewer.
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
