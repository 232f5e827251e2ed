"""Transformers checkpoints: devices, weights, tokenizers, and errors in one sentence each."""

import hashlib
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, PretrainedConfig
from transformers.utils import logging as transformers_logging

from elastic_core._core import ElasticCoreError, InvalidArgumentError, ModelError
from elastic_core.common.messages import abridged
from elastic_core.models.hub import REASONS as HUB_REASONS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""The values of `dtype`."""

PLAIN_SOURCE: dict[str, Any] = {"revision": None, "trust_remote_code": False}
"""The keyword arguments with which transformers finds a checkpoint without options."""

LARGEST_WINDOW = 2048
"""Default limit of a window, in tokens, where a model has more positions or no limit."""

_NO_ARCHITECTURE = ("_commit_hash", "_name_or_path", "dtype", "torch_dtype", "transformers_version")
"""Keys of `config.json` that say where a model comes from, or what `settings` say already."""

_MOST_LAYERS = 10_000
_LAYER = re.compile(r"\.\d+\.")

_REASONS = (
    ("safetensors", "there are no weights in safetensors format, and no other format is loaded"),
    ("custom code", "the model needs custom code, which is never run"),
    ("trust_remote_code", "the model needs custom code, which is never run"),
    ("valid JSON", "config.json is damaged"),
    ("config.json", "the folder has no config.json; name a transformers checkpoint"),
    ("model_type", "config.json names no model that this version of transformers knows"),
    ("does not recognize", "this version of transformers does not know the architecture"),
    ("mismatched_sizes", "the weights do not have the shapes given in config.json"),
)


@contextmanager
def wrap_load_errors(spec: str, kind: str = "causal language model") -> Iterator[None]:
    """Turns any exception raised while loading a model into a `ModelError` that names the model.

    Args:
        spec: The model.
        kind: The expected kind of model, for the message.

    Raises:
        ModelError: The block raised anything but another `ElasticCoreError`.
    """
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{spec}: {error}") from error
    except ElasticCoreError:
        raise
    except Exception as error:  # Transformers lets errors of any library through.
        raise ModelError(f"{spec}: {_reason(error, kind)}") from error


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Suppresses the output of transformers and of the hub client, except bars on a terminal.

    Deprecation warnings between these libraries do not concern the caller.
    """
    hub_logger = logging.getLogger("huggingface_hub")
    levels = transformers_logging.get_verbosity(), hub_logger.level
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    hub_logger.setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        transformers_logging.set_verbosity(levels[0])
        hub_logger.setLevel(levels[1])
        if bars:
            transformers_logging.enable_progress_bar()


def _reason(error: BaseException, kind: str) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "the model does not fit into the device's memory; choose another device or dtype"
    cause: BaseException | None = error
    while cause is not None:
        for kinds, reason in HUB_REASONS:
            if isinstance(cause, kinds):
                return reason
        cause = cause.__cause__ or cause.__context__
    text = str(error).strip() or type(error).__name__
    if "Unrecognized configuration class" in text:
        return f"this is not a {kind}"
    for words, reason in _REASONS:
        if words in text:
            return reason
    return f"the model cannot be loaded ({text.splitlines()[0].rstrip('.:!')})"


def pick_device(name: str) -> torch.device:
    """The device of this name.

    Args:
        name: `auto` (the first GPU, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        InvalidArgumentError: The name is none of these, or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise InvalidArgumentError(
            f"unknown device {name!r}: choose auto, cpu, cuda, cuda:N, mps or balanced"
        )
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }[device.type]
    if (device.index or 0) >= count:
        raise InvalidArgumentError(
            f"device {name}: this machine has no such device; choose auto to use what is available"
        )
    return device


def check_options(
    spec: str, name: str, *, revision: str | None, dtype: str, batch: int | None
) -> dict[str, Any]:
    """Checks the options that causal models and classifiers share.

    Args:
        spec: The model, for messages.
        name: A folder, or a name on the hub.
        revision: Branch, tag or commit on the hub.
        dtype: One of `DTYPES`.
        batch: Tokens in a forward pass of several texts; None: the default.

    Returns:
        The keyword arguments with which transformers finds the checkpoint; no code that comes
        with a model is run.

    Raises:
        InvalidArgumentError: An option is invalid, or a folder is given a revision.
    """
    if dtype not in DTYPES:
        raise InvalidArgumentError(f"unknown dtype {dtype!r}: choose {', '.join(DTYPES)}")
    if batch is not None and batch < 1:
        raise InvalidArgumentError(f"batch {batch}: must be at least 1")
    if revision is not None and Path(name).is_dir():
        raise InvalidArgumentError(f"{spec}: a folder has no revisions; leave the revision out")
    return {"revision": revision, "trust_remote_code": False}


def load_tokenizer(name: str, source: dict[str, Any]) -> "PreTrainedTokenizerBase":
    """The tokenizer stored with a model.

    Args:
        name: A folder, or a name on the hub.
        source: Keyword arguments with which transformers finds it.

    Raises:
        ModelError: There is none with a `tokenizer.json`.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, **source)
    except Exception as error:  # Tokenizer classes raise errors of any type.
        raise ModelError("there is no loadable tokenizer with the model") from error
    if not tokenizer.is_fast or not tokenizer.get_vocab():
        raise ModelError("there is no tokenizer.json with the model")
    return tokenizer


def check_ids(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", ids: Iterable[int]
) -> None:
    """Checks that the model has an embedding for each id.

    Args:
        model: The model.
        tokenizer: Its tokenizer, for the message.
        ids: Ids of special tokens.

    Raises:
        ModelError: An id is beyond the embeddings.
    """
    embeddings = embedded_ids(model)
    for token in ids:
        if token >= embeddings:
            name = tokenizer.convert_ids_to_tokens(token)
            raise ModelError(
                f"its tokenizer gives the special token {name} the id {token}, but the model knows "
                f"only {embeddings} ids; name the tokenizer it was trained with"
            )


def embedded_ids(model: "PreTrainedModel") -> int:
    """The number of ids that the model has embeddings for."""
    weight: Any = model.get_input_embeddings().weight
    return int(weight.shape[0])


def check_layers(config: "PretrainedConfig") -> None:
    """Checks that a model has layers, and no more than any real one: building them takes time.

    Raises:
        ModelError: It has none, or more.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", 1)
    if isinstance(layers, int) and not 1 <= layers <= _MOST_LAYERS:
        raise ModelError(
            f"config.json asks for {abridged(layers)} layers, but models have 1 to "
            f"{_MOST_LAYERS:,}; fetch it again"
        )


def load_weights(
    kind: Any,
    name: str,
    config: "PretrainedConfig",
    place: str | None,
    dtype: str,
    source: dict[str, Any],
) -> "PreTrainedModel":
    """A model on its device, from safetensors files only.

    Args:
        kind: The transformers class that picks the architecture, such as `AutoModelForCausalLM`.
        name: A folder, or a name on the hub.
        config: The model's configuration.
        place: A device map of transformers; None: the CPU, for callers that move the model.
        dtype: One of `DTYPES`; `auto` is the checkpoint's own, but float32 on a CPU.
        source: Keyword arguments with which transformers finds the checkpoint.

    Raises:
        ModelError: The checkpoint lacks weights or has more layers than its configuration, or that
            has none or impossibly many.
    """
    check_layers(config)
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
    for key in sorted(loading["unexpected_keys"]):
        if _LAYER.sub(".0.", key, count=1) in model.state_dict():
            raise ModelError(f"the checkpoint has {key}, a layer that config.json leaves out")
    return model


def weights_sha256(model: "PreTrainedModel") -> str:
    """SHA-256 over name, dtype, shape and bytes of every tensor of the state dict, in hexadecimal.

    Tensors are sorted by name, and hashed as loaded: after dtype conversion and adapter merge.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def config_sha256(name: str, source: dict[str, Any]) -> str:
    """SHA-256 of what `config.json` says, keys in order, without `_NO_ARCHITECTURE`.

    The file and not the loaded configuration: another version of transformers adds keys to that.

    Args:
        name: A folder, or a name on the hub.
        source: Keyword arguments with which transformers finds it.
    """
    values, _ = PretrainedConfig.get_config_dict(name, **source)
    kept = {key: value for key, value in values.items() if key not in _NO_ARCHITECTURE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def describe_runtime(model: "PreTrainedModel", config: "PretrainedConfig") -> dict[str, Any]:
    """Dtype, device and commit of a loaded model, for its `settings`."""
    return {
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "revision": getattr(config, "_commit_hash", None),
    }
