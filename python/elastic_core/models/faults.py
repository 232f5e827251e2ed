"""What transformers and the Hugging Face hub raise, in one sentence each."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from huggingface_hub import errors as hub
from transformers.utils import logging as transformers_logging

from elastic_core._core import ElasticCoreError, ModelError

_HUB_REASONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (hub.GatedRepoError,),
        "its owner has to let you in; ask on its page, then log in with `hf auth login`",
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

_REASONS = (
    ("safetensors", "it has no weights in safetensors, and no other kind is loaded"),
    ("custom code", "it needs code of its own, which is not run"),
    ("trust_remote_code", "it needs code of its own, which is not run"),
    ("valid JSON", "its config.json is damaged"),
    ("config.json", "there is no config.json in it; name a transformers checkpoint"),
    ("model_type", "its config.json names no model that this version of transformers knows"),
    ("does not recognize", "this version of transformers does not know its architecture"),
    ("mismatched_sizes", "its weights do not have the shapes that its config.json says"),
)


@contextmanager
def wrap_load_errors(spec: str, kind: str = "causal language model") -> Iterator[None]:
    """Turns whatever is raised while a model is loaded into a `ModelError` that names it.

    Args:
        spec: The model.
        kind: What it should be.
    """
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{spec}: {error}") from error
    except ElasticCoreError:
        raise
    except Exception as error:  # Transformers raises whatever its many parts raise.
        raise ModelError(f"{spec}: {_reason(error, kind)}") from error


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Keeps transformers and its client of the hub from writing, but for bars on a terminal.

    What the libraries warn each other of (a name that will go) is not for who loads a model.
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
        return "it does not fit into the device's memory; choose another device or dtype"
    cause: BaseException | None = error
    while cause is not None:
        for kinds, reason in _HUB_REASONS:
            if isinstance(cause, kinds):
                return reason
        cause = cause.__cause__ or cause.__context__
    text = str(error).strip() or type(error).__name__
    if "Unrecognized configuration class" in text:
        return f"it is no {kind}"
    for words, reason in _REASONS:
        if words in text:
            return reason
    return f"it cannot be loaded ({text.splitlines()[0].rstrip('.:!')})"
