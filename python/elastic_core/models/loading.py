"""Transformers checkpoints become models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.device import check_dtype, pick_device
from elastic_core.models.faults import silence_transformers, wrap_load_errors
from elastic_core.models.tokenizer import Tokenizer
from elastic_core.models.torch import TorchModel

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_LARGEST_WINDOW = 2048
_BATCH, _BATCH_ON_CPU = 16384, 4096


def load(
    spec: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    adapter: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    bos: str = "auto",
    batch: int | None = None,
) -> TorchModel:
    """Loads a causal language model of transformers.

    Weights are read from safetensors alone, and no code that comes with a model is run.

    Args:
        spec: A folder with a checkpoint, or `hf:` and a folder or a name on the Hugging Face hub.
        revision: Branch, tag or commit on the hub.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: the checkpoint's own, on a CPU float32.
        device: `cpu`, `cuda`, `cuda:N`, `mps`, `balanced` (spread over all GPUs), or `auto`: the
            first GPU, else the CPU.
        adapter: Folder of a PEFT adapter, which is merged into the model.
        window: Most tokens in a forward pass of one text; None: as many as the model has
            positions, but 2048 at most.
        stride: New tokens in each further window; None: half the window.
        bos: The special token that every window begins with: `bos`, `eos`, `none`, or `auto`: the
            first of them that there is.
        batch: Most tokens in a forward pass of several texts; None: 16384, on a CPU 4096.

    Raises:
        InvalidArgumentError: An option is not what it should be, or there is no such device.
        ModelError: The model cannot be loaded.
    """
    name = spec.removeprefix("hf:")
    check_dtype(dtype)
    if batch is not None and batch < 1:
        raise InvalidArgumentError(f"batch {batch}: must be at least 1")
    place = _place(device)
    if revision is not None and Path(name).is_dir():
        raise InvalidArgumentError(f"{spec}: a folder has no revisions; leave the revision out")
    source: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    with silence_transformers(), wrap_load_errors(spec):
        config = AutoConfig.from_pretrained(name, **source)
        window, stride = _windows(config, window, stride)
        tokenizer = load_tokenizer(name, source)
        token = _bos(tokenizer, bos)
        model = load_weights(AutoModelForCausalLM, name, config, place, dtype, source)
        if adapter is not None:
            model = _adapted(model, adapter)
        model.generation_config = _plain_generation(model, tokenizer)
        if batch is None:
            batch = _BATCH_ON_CPU if model.device.type == "cpu" else _BATCH
        return TorchModel(
            spec,
            model.eval(),
            Tokenizer(tokenizer.backend_tokenizer, config.get_text_config().vocab_size),
            window=window,
            stride=stride,
            bos=None if token is None else tokenizer.get_vocab()[token],
            batch=batch,
            settings={
                "bos": token,
                "dtype": str(model.dtype).removeprefix("torch."),
                "device": device if device == "balanced" else str(model.device),
                "revision": getattr(config, "_commit_hash", None),
                "adapter": adapter,
            },
        )


def _place(device: str) -> str:
    """What transformers calls a device map."""
    if device != "balanced":
        return str(pick_device(device))
    if not torch.cuda.is_available():
        raise InvalidArgumentError("device balanced: this machine has no GPU; choose auto")
    return device


def _windows(config: "PretrainedConfig", window: int | None, stride: int | None) -> tuple[int, int]:
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if window is None:
        window = min(positions or _LARGEST_WINDOW, _LARGEST_WINDOW)
    if window < 1 or (positions and window > positions):
        most = f"to {positions}, the model's positions" if positions else "on"
        raise InvalidArgumentError(f"window {window}: must be from 1 {most}")
    if stride is None:
        stride = max(1, window // 2)
    if not 1 <= stride <= window:
        raise InvalidArgumentError(
            f"stride {stride}: must be from 1 to the window, {window}, or tokens would be left out"
        )
    return window, stride


def load_tokenizer(name: str, source: dict[str, Any]) -> "PreTrainedTokenizerBase":
    """The tokenizer beside a model.

    Args:
        name: A folder, or a name on the hub.
        source: Where else transformers shall look.

    Raises:
        ModelError: There is none with a `tokenizer.json`.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, **source)
    except Exception as error:  # Whatever a tokenizer's own code raises.
        raise ModelError("there is no tokenizer beside the model that can be loaded") from error
    if not tokenizer.is_fast or not tokenizer.get_vocab():
        raise ModelError("there is no tokenizer beside the model that has a tokenizer.json")
    return tokenizer


def _bos(tokenizer: "PreTrainedTokenizerBase", bos: str) -> str | None:
    """The special token that windows begin with."""
    tokens = {"bos": tokenizer.bos_token, "eos": tokenizer.eos_token, "none": None}
    if bos == "auto":
        bos = next(name for name in tokens if tokens[name] or name == "none")
    if bos not in tokens:
        raise InvalidArgumentError(f"unknown bos {bos!r}: choose auto, bos, eos or none")
    if bos != "none" and tokens[bos] is None:
        raise InvalidArgumentError(f"bos {bos}: the tokenizer has no such token; choose auto")
    token: str | None = tokens[bos]
    return token


def load_weights(
    kind: Any,
    name: str,
    config: "PretrainedConfig",
    place: str | None,
    dtype: str,
    source: dict[str, Any],
) -> "PreTrainedModel":
    """A model on its device, from safetensors alone.

    Args:
        kind: The class of transformers that picks the architecture, such as
            `AutoModelForCausalLM`.
        name: A folder, or a name on the hub.
        config: The model's configuration.
        place: What transformers calls a device map; None: the CPU, for who moves it elsewhere.
        dtype: One of `DTYPES`; `auto` is the checkpoint's own, on a CPU float32.
        source: Where else transformers shall look.

    Raises:
        ModelError: The checkpoint lacks weights.
    """
    if dtype == "auto" and place == "cpu":
        dtype = "float32"
    loaded: Any = kind.from_pretrained(
        name,
        config=config,
        dtype=dtype,
        device_map=place,
        use_safetensors=True,
        output_loading_info=True,
        **source,
    )
    model: PreTrainedModel
    model, loading = loaded
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(f"the checkpoint lacks {len(missing)} weights, {missing[0]} among them")
    return model


def _adapted(model: "PreTrainedModel", adapter: str) -> "PreTrainedModel":
    from peft import PeftModel

    if not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter}: no adapter_model.safetensors in it; name an adapter's folder")
    adapted = PeftModel.from_pretrained(model, adapter)
    if not hasattr(adapted.base_model, "merge_and_unload"):
        raise ModelError(f"{adapter}: an adapter of this kind cannot be merged into the model")
    merged: PreTrainedModel = adapted.merge_and_unload()
    return merged


def _plain_generation(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
) -> GenerationConfig:
    """How text ends, and nothing else: what is drawn follows the model's probabilities alone."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    ends = [ends] if isinstance(ends, int) else list(ends)
    return GenerationConfig(eos_token_id=ends or None, pad_token_id=(ends or [0])[0])
