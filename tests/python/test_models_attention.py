"""Narrow attention heads, padded with zeros, against transformers alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from elastic_core.models.transformers.attention import widen_heads


def network(heads: int, groups: int | None = None) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=groups or heads,
    )
    return LlamaForCausalLM(config)


@pytest.mark.parametrize(("heads", "groups"), [(4, None), (8, 2), (16, None)])
def test_padded_heads_change_neither_loss_nor_gradients(heads: int, groups: int | None) -> None:
    ids = torch.arange(60).reshape(3, 20) % 50
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0
    results = []
    for is_padded in (False, True):
        model = network(heads, groups)
        if is_padded:
            widen_heads(model)
            assert model.config._attn_implementation != "sdpa"
        loss = model(ids, attention_mask=mask, labels=ids).loss
        loss.backward()
        drawn = model.generate(ids[:, :4], max_new_tokens=8, do_sample=False, pad_token_id=0)
        results.append((loss, [part.grad for part in model.parameters()], drawn))
    (loss, gradients, drawn), (padded_loss, padded_gradients, padded_drawn) = results
    torch.testing.assert_close(padded_loss, loss)
    torch.testing.assert_close(padded_gradients, gradients, rtol=1e-4, atol=1e-6)
    assert torch.equal(drawn, padded_drawn)


def test_only_narrow_heads_are_padded() -> None:
    model = network(2)
    widen_heads(model)
    assert model.config._attn_implementation == "sdpa"
    model = network(4)
    model.set_attn_implementation("eager")
    widen_heads(model)
    assert model.config._attn_implementation == "eager"


def test_a_saved_model_loads_without_padding(tmp_path: Path) -> None:
    model = network(4)
    widen_heads(model)
    model.save_pretrained(tmp_path)
    assert "padded" not in (tmp_path / "config.json").read_text()
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
