"""Whether a checkpoint of transformers exists, in a folder, in the cache or on the hub.

Checked before a run, without torch, and without the retries with which transformers searches.
"""

import json
from pathlib import Path

from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub import errors as hub

from elastic_core._core import InvalidArgumentError, ModelError

REASONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (hub.GatedRepoError,),
        "the model is gated; request access on its page, then log in with `hf auth login`",
    ),
    (
        (hub.RepositoryNotFoundError, hub.HFValidationError),
        "neither a folder nor a model on the Hugging Face hub; check the name",
    ),
    ((hub.RevisionNotFoundError,), "the model has no such revision; check its name"),
    (
        (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled),
        "neither a folder nor in the cache, and the hub cannot be reached; check name and network",
    ),
)
"""What an error of the hub client means, by type."""

_UNREACHABLE = REASONS[-1][1]
_CONFIG = "config.json"
_ADAPTER = "adapter_config.json"
_PARTS = (
    (_CONFIG, (_CONFIG,)),
    ("weights in safetensors format", ("*.safetensors",)),
    ("tokenizer", ("tokenizer*", "vocab*", "*.model")),
)
_SECONDS = 5.0


def check_checkpoint(spec: str, name: str) -> None:
    """Checks that a checkpoint exists and can be read, without loading it.

    Args:
        spec: The model as the user named it.
        name: A folder, or a name on the hub.

    Raises:
        InvalidArgumentError: The folder holds an adapter without its base.
        ModelError: The folder lacks a part, or there is no such model, or the hub cannot be reached
            and the model is not in the cache.
    """
    folder = Path(name)
    if folder.is_dir():
        if (folder / _ADAPTER).is_file() and not (folder / _CONFIG).is_file():
            raise InvalidArgumentError(
                f"{spec}: an adapter without its base, {_base_of(folder / _ADAPTER)}; merge them "
                "with merge_and_unload of peft, save the result and name its folder"
            )
        for part, patterns in _PARTS:
            if not any(file for pattern in patterns for file in folder.glob(pattern)):
                raise ModelError(
                    f"{spec}: the folder has no {part}; name a transformers checkpoint"
                )
        return
    try:
        if isinstance(try_to_load_from_cache(name, _CONFIG), str):
            return
        HfApi().model_info(name, timeout=_SECONDS)
    except Exception as error:  # The hub client lets errors of its HTTP library through.
        reason = next((text for kinds, text in REASONS if isinstance(error, kinds)), _UNREACHABLE)
        raise ModelError(f"{spec}: {reason}") from error


def _base_of(file: Path) -> str:
    """The base that the configuration of an adapter names."""
    try:
        base = json.loads(file.read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        base = None
    return base if isinstance(base, str) and base else "which it does not name"
