"""Language models behind one protocol: the tree model, and those of transformers."""

from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.extras import requires_extra
from elastic_core.models.protocol import Document, LanguageModel, Steps

__all__ = ["Document", "LanguageModel", "ModelError", "Steps", "load_model"]


def load_model(spec: str, **options: Any) -> LanguageModel:
    """Loads a language model.

    Args:
        spec: `tree:8` is a new tree model of that depth, and the file of a saved one that model;
            `hf:NAME` is a model on the Hugging Face hub, and a folder (also `hf:FOLDER`) a
            checkpoint of transformers.
        **options: Those of the tree model, or those of `elastic_core.models.loading.load`:
            revision, dtype, device, adapter, window, stride, bos, batch.

    Returns:
        The model, ready to be asked.

    Raises:
        InvalidArgumentError: The spec is none of these, or an option is not what it should be.
        ModelError: The model cannot be loaded.
    """
    if spec.startswith("tree:") or Path(spec).is_file():
        from elastic_core.models import tree

        return tree.load(spec, **options)
    if spec.startswith("hf:") or Path(spec).is_dir():
        with requires_extra(spec):
            from elastic_core.models import loading
        return loading.load(spec, **options)
    if spec.startswith("scratch:"):
        raise InvalidArgumentError(
            f"{spec} has learned nothing yet; train it with `elastic-core pretrain` and name the "
            "folder that it writes"
        )
    raise InvalidArgumentError(
        f"unknown model {spec!r}: name tree:DEPTH, hf:NAME, a folder with a checkpoint, or the "
        "file of a saved tree model"
    )
