"""New, untrained transformers and their tokenizers."""

import pytest
import torch
from conftest import HAMLET
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.models.scratch import SIZES, new_model, train_tokenizer
from elastic_core.models.spec import scratch_size
from elastic_core.models.transformers.inputs import Tokenizer


@pytest.mark.parametrize("name", SIZES)
def test_every_size_has_the_stated_number_of_parameters(name: str) -> None:
    size = SIZES[name]
    with torch.device("meta"):
        model = new_model(size, size.context, seed=0)
    assert model.num_parameters() == size.parameters
    assert size.parameters == pytest.approx(float(name[:-1]) * 1e6, rel=0.1)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert size.batch % size.context == 0


def test_larger_models_have_larger_vocabularies() -> None:
    vocabularies = [size.vocabulary for size in SIZES.values()]
    assert vocabularies == sorted(vocabularies)


@pytest.mark.parametrize("spec", ["3M", "scratch:", "scratch:3m", "scratch:7B", "hf:gpt2"])
def test_an_unknown_size_is_rejected(spec: str) -> None:
    with pytest.raises(InvalidArgumentError, match="choose scratch: and one of"):
        scratch_size(spec)


def test_the_weights_depend_only_on_the_seed() -> None:
    def weights(seed: int) -> torch.Tensor:
        model = new_model(SIZES["0.3M"], 8, seed)
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


@given(st.lists(st.text(max_size=60), max_size=4))
def test_a_tokenizer_is_lossless(texts: list[str]) -> None:
    tokenizer = Tokenizer(train_tokenizer([HAMLET], 300).backend_tokenizer, 300)
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        assert tokenizer.decode(ids) == text.encode()
    bytes_ = [chr(code) for code in range(0x250)]
    assert tokenizer.decode(tokenizer.encode(["".join(bytes_)])[0]) == "".join(bytes_).encode()


def test_training_a_tokenizer_is_deterministic() -> None:
    texts = [HAMLET, HAMLET.upper(), "".join(map(chr, range(0x20, 0x400)))]
    one, two = (train_tokenizer(iter(texts), 400).backend_tokenizer.to_str() for _ in range(2))
    assert one == two
    assert train_tokenizer(texts, 400).get_vocab()["<|endoftext|>"] == 0
