"""Loading of causal language models from transformers checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.transformers.attention import widen_heads
from elastic_core.models.transformers.checkpoint import (
    LARGEST_WINDOW,
    check_ids,
    check_options,
    config_sha256,
    describe_runtime,
    load_tokenizer,
    load_weights,
    pick_device,
    silence_transformers,
    wrap_load_errors,
)
from elastic_core.models.transformers.forward import ends_of
from elastic_core.models.transformers.inputs import Tokenizer
from elastic_core.models.transformers.model import TransformersModel

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_BATCH, _BATCH_ON_CPU = 16384, 4096


def load(
    spec: str,
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    adapter: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    bos: str = "auto",
    batch: int | None = None,
) -> TransformersModel:
    """Loads a causal language model.

    Weights are read from safetensors files only, and no code that comes with a model is run.

    Args:
        spec: The model as the user named it.
        name: A folder with a checkpoint, or a name on the Hugging Face hub.
        revision: Branch, tag or commit on the hub.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: the checkpoint's own, but float32 on a
            CPU.
        device: `cpu`, `cuda`, `cuda:N`, `mps`, `balanced` (spread over all GPUs), or `auto`: the
            first GPU, else the CPU.
        adapter: Folder of a PEFT adapter, which is merged into the model.
        window: Maximum number of tokens of one text in a forward pass; None: as many as the model
            has positions, up to 2048.
        stride: New tokens in each further window; None: half the window.
        bos: The special token at the start of every window: `bos`, `eos`, `none`, or `auto`: the
            first of these that the tokenizer has.
        batch: Maximum number of tokens in a forward pass of several texts; None: 16384, or 4096
            on a CPU.

    Raises:
        InvalidArgumentError: An option is invalid, or this machine has no such device.
        ModelError: The model cannot be loaded.
    """
    source = check_options(spec, name, revision=revision, dtype=dtype, batch=batch)
    place = _device_map(device)
    with silence_transformers(), wrap_load_errors(spec):
        config = AutoConfig.from_pretrained(name, **source)
        window, stride = _windows(config, window, stride)
        tokenizer = load_tokenizer(name, source)
        token = _bos(tokenizer, bos)
        model = load_weights(AutoModelForCausalLM, name, config, place, dtype, source)
        if adapter is not None:
            model = _merge_adapter(model, adapter)
        if model.device.type == "cpu":
            widen_heads(model)
        model.generation_config = plain_generation(model, tokenizer)
        begins = [] if token is None else [tokenizer.get_vocab()[token]]
        check_ids(model, tokenizer, [*begins, *ends_of(model).tolist()])
        if batch is None:
            batch = _BATCH_ON_CPU if model.device.type == "cpu" else _BATCH
        settings = {
            "bos": token,
            "eos_for_bos": bos == "auto" and token is not None and token != tokenizer.bos_token,
            **describe_runtime(model, config),
            "adapter": adapter,
        }
        if device == "balanced":
            settings["device"] = device
        return TransformersModel(
            spec,
            model.eval(),
            Tokenizer(tokenizer.backend_tokenizer, config.get_text_config().vocab_size),
            window=window,
            stride=stride,
            bos=None if token is None else tokenizer.get_vocab()[token],
            batch=batch,
            settings=settings,
            config=config_sha256(name, source),
        )


def _device_map(device: str) -> str:
    """The device map of transformers for a device name."""
    if device != "balanced":
        return str(pick_device(device))
    if not torch.cuda.is_available():
        raise InvalidArgumentError("device balanced: this machine has no GPU; choose auto")
    return device


def _windows(config: "PretrainedConfig", window: int | None, stride: int | None) -> tuple[int, int]:
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if window is None:
        window = min(positions or LARGEST_WINDOW, LARGEST_WINDOW)
    if window < 1 or (positions and window > positions):
        limit = f"from 1 to {positions}, the model's positions" if positions else "at least 1"
        raise InvalidArgumentError(f"window {window}: must be {limit}")
    if stride is None:
        stride = max(1, window // 2)
    if not 1 <= stride <= window:
        raise InvalidArgumentError(
            f"stride {stride}: must be from 1 to the window, {window}, or tokens would be skipped"
        )
    return window, stride


def _bos(tokenizer: "PreTrainedTokenizerBase", bos: str) -> str | None:
    """The special token at the start of every window."""
    tokens = {"bos": tokenizer.bos_token, "eos": tokenizer.eos_token, "none": None}
    if bos == "auto":
        bos = next(name for name in tokens if tokens[name] or name == "none")
    if bos not in tokens:
        raise InvalidArgumentError(f"unknown bos {bos!r}: choose auto, bos, eos or none")
    if bos != "none" and tokens[bos] is None:
        raise InvalidArgumentError(f"bos {bos}: the tokenizer has no such token; choose auto")
    token: str | None = tokens[bos]
    return token


def _merge_adapter(model: "PreTrainedModel", adapter: str) -> "PreTrainedModel":
    from peft import PeftModel

    if not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter}: no adapter_model.safetensors in it; name an adapter's folder")
    adapted = PeftModel.from_pretrained(model, adapter)
    merge = getattr(adapted.base_model, "merge_and_unload", None)
    if merge is None:
        raise ModelError(f"{adapter}: an adapter of this kind cannot be merged into the model")
    merged: PreTrainedModel = merge()
    return merged.requires_grad_(True)


def plain_generation(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
) -> GenerationConfig:
    """A configuration that only says how text ends; sampling uses the plain probabilities."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    ends = [ends] if isinstance(ends, int) else list(ends)
    return GenerationConfig(eos_token_id=ends or None, pad_token_id=(ends or [0])[0])
