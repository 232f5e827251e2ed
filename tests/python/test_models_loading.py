"""Whatever can be wrong with a model is told in one sentence."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, T5Config, T5ForConditionalGeneration

from elastic_core import InvalidArgumentError, ModelError, load_model

Damage = Callable[[Path], object]


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to do damage to."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copied"))


def change_config(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def code_of_its_own(folder: Path) -> None:
    change_config(folder, model_type="eliza", auto_map={"AutoConfig": "eliza.Config"})


def cut_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def bert(folder: Path) -> None:
    config = BertConfig(
        vocab_size=300,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    network: Any = BertLMHeadModel(config)
    network.save_pretrained(folder)


def t5(folder: Path) -> None:
    config = T5Config(vocab_size=300, d_model=32, num_layers=1, num_heads=2, d_ff=32, d_kv=16)
    network: Any = T5ForConditionalGeneration(config)
    network.save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "unknown model"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights in safetensors"),
        (pickled_weights, "no weights in safetensors"),
        (cut_weights, "cannot be loaded"),
        (no_tokenizer, "no loadable tokenizer with the model"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is damaged"),
        (lambda folder: change_config(folder, model_type="eliza"), "not know the architecture"),
        (
            lambda folder: change_config(
                folder, model_type="eliza", auto_map={"AutoConfig": "x.C"}
            ),
            "needs custom code, which is never run",
        ),
        (lambda folder: change_config(folder, hidden_size=64), "do not have the shapes"),
        (lambda folder: change_config(folder, num_hidden_layers=3), "lacks 9 weights"),
        (lambda folder: change_config(folder, hidden_size="big"), "cannot be loaded"),
        (bert, "not a causal language model"),
        (t5, "not a causal language model"),
    ],
)
def test_a_damaged_checkpoint_is_told(damage: Damage, words: str, copied: Path) -> None:
    damage(copied)
    with pytest.raises((ModelError, InvalidArgumentError), match=words) as told:
        load_model(str(copied))
    assert str(copied) in str(told.value)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cuda:99"}, "no such device"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "meta"}, "unknown device 'meta'"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"window": 0}, "window 0: must be from 1 to 64"),
        ({"window": 65}, "window 65: must be from 1 to 64, the model's positions"),
        ({"stride": 65}, "stride 65: must be from 1 to the window, 64"),
        ({"window": 8, "stride": 9}, "stride 9: must be from 1 to the window, 8"),
        ({"stride": 0}, "stride 0"),
        ({"bos": "pad"}, "unknown bos 'pad'"),
        ({"batch": 0}, "batch 0"),
        ({"revision": "main"}, "a folder has no revisions"),
    ],
)
def test_an_option_that_cannot_be_is_told(
    options: dict[str, Any], words: str, checkpoint: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        load_model(str(checkpoint), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_machine_without_a_gpu_has_none_to_balance(checkpoint: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no GPU"):
        load_model(str(checkpoint), device="balanced")


def test_an_adapter_that_is_none_is_told(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="no adapter_model"):
        load_model(str(checkpoint), adapter=str(checkpoint))


def test_a_tokenizer_without_bos_is_told(copied: Path) -> None:
    file = copied / "tokenizer_config.json"
    config = json.loads(file.read_text())
    del config["bos_token"]
    file.write_text(json.dumps(config))
    with pytest.raises(InvalidArgumentError, match="has no such token; choose auto"):
        load_model(str(copied), bos="bos")
    assert load_model(str(copied)).settings["bos"] == "</s>"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hf:gpt2", "hf:gpt2: neither a folder nor in the cache, and the hub cannot be reached"),
        ("hf:nobody/nothing/at-all", "neither a folder nor a model on the Hugging Face hub"),
        ("hf:", "neither a folder nor a model"),
    ],
)
def test_a_model_that_is_nowhere_is_told(
    spec: str, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=words):
        load_model(spec)
    assert capfd.readouterr() == ("", "")


def test_without_torch_the_extra_is_named(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("elastic_core.models.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("elastic_core.models.transformers.loading", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match="torch is not installed; pip install"):
        load_model(str(checkpoint))


def test_torch_is_imported_only_where_it_is_needed() -> None:
    code = "import sys, elastic_core.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_that_are_no_model_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="tree:DEPTH, hf:NAME, a folder"):
        load_model("gpt2")
    with pytest.raises(InvalidArgumentError, match="scratch:3M has learned nothing yet"):
        load_model("scratch:3M")
