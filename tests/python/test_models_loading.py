"""Invalid models and options are reported in one sentence."""

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
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from elastic_core import InvalidArgumentError, ModelError, load_model, measure
from elastic_core.measuring.report import document
from elastic_core.report.document import Text

Damage = Callable[[Path], object]


@pytest.fixture
def damaged(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint, for a test to damage."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copied"))


def change_config(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def custom_code(folder: Path) -> None:
    change_config(folder, model_type="eliza", auto_map={"AutoConfig": "eliza.Config"})


def truncate_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def remove_tokenizer(folder: Path) -> None:
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
    ("damage", "message"),
    [
        (shutil.rmtree, "unknown model"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights in safetensors"),
        (pickle_weights, "no weights in safetensors"),
        (truncate_weights, "cannot be loaded"),
        (remove_tokenizer, "no loadable tokenizer with the model"),
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
        (lambda folder: change_config(folder, num_hidden_layers=1), "a layer that config.json lea"),
        (lambda folder: change_config(folder, hidden_size="big"), "cannot be loaded"),
        (lambda folder: change_config(folder, num_hidden_layers=10**40), "models have 1 to 10,000"),
        (lambda folder: change_config(folder, num_hidden_layers=0), "asks for 0 layers"),
        (bert, "not a causal language model"),
        (t5, "not a causal language model"),
    ],
)
def test_a_damaged_checkpoint_is_reported(damage: Damage, message: str, damaged: Path) -> None:
    damage(damaged)
    with pytest.raises((ModelError, InvalidArgumentError), match=message) as error:
        load_model(str(damaged))
    assert str(damaged) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
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
def test_invalid_options_are_rejected(
    options: dict[str, Any], message: str, checkpoint: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        load_model(str(checkpoint), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_balancing_needs_a_gpu(checkpoint: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no GPU"):
        load_model(str(checkpoint), device="balanced")


def test_an_invalid_adapter_is_reported(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="no adapter_model"):
        load_model(str(checkpoint), adapter=str(checkpoint))


def test_a_name_longer_than_any_path_is_refused() -> None:
    for name in ("a" * 5000, "tree:" + "[" * 60_000):
        with pytest.raises(InvalidArgumentError, match=r"^the model '.{1,60}' is longer than any"):
            load_model(name)


def test_a_tokenizer_without_bos_is_reported(damaged: Path) -> None:
    file = damaged / "tokenizer_config.json"
    config = json.loads(file.read_text())
    del config["bos_token"]
    file.write_text(json.dumps(config))
    with pytest.raises(InvalidArgumentError, match="has no such token; choose auto"):
        load_model(str(damaged), bos="bos")
    settings = load_model(str(damaged)).settings
    assert (settings["bos"], settings["eos_for_bos"]) == ("</s>", True)
    assert not load_model(str(damaged), bos="eos").settings["eos_for_bos"]
    text = damaged / "text.txt"
    text.write_text("to be")
    for bos, said in (("auto", True), ("none", False), ("eos", False)):
        result = measure(text, depth=1, models=[str(damaged)], model_options={"bos": bos})
        notes = [block.text for block in document(result).blocks if isinstance(block, Text)]
        assert any("its end-of-text token </s> begins" in note for note in notes) == said


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hf:gpt2", "hf:gpt2: neither a folder nor in the cache, and the hub cannot be reached"),
        ("hf:nobody/nothing/at-all", "neither a folder nor a model on the Hugging Face hub"),
        ("hf:", "neither a folder nor a model"),
    ],
)
def test_a_missing_model_is_reported(
    spec: str, message: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=message):
        load_model(spec)
    assert capfd.readouterr() == ("", "")


def test_without_torch_the_missing_extra_is_reported(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("elastic_core.models.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("elastic_core.models.transformers.loading", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match="torch is not installed; pip install"):
        load_model(str(checkpoint))


def test_the_command_line_does_not_import_torch() -> None:
    code = "import sys, elastic_core.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_and_untrained_models_are_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="tree:DEPTH, hf:NAME, a folder"):
        load_model("gpt2")
    with pytest.raises(InvalidArgumentError, match="scratch:3M has learned nothing yet"):
        load_model("scratch:3M")


@pytest.mark.parametrize("role", ["bos_token", "eos_token"])
def test_a_special_token_beyond_the_embeddings_is_reported(role: str, damaged: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(damaged)
    tokenizer.add_special_tokens({role: "<new>"})
    tokenizer.save_pretrained(damaged)
    if role == "eos_token":
        generation = damaged / "generation_config.json"
        generation.write_text(json.dumps({"eos_token_id": tokenizer.eos_token_id}))
    message = "gives the special token <new> the id 300, but the model knows only 300 ids"
    with pytest.raises(ModelError, match=message):
        load_model(str(damaged))
