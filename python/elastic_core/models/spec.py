"""Which model a name means, and how to load it: the only code that looks at the name.

A kind of model is one member of `ModelKind`, one branch of `ModelSpec.parse` and one branch of
`load_model`; the rest of the package asks a `ModelSpec` or the `LanguageModel` itself.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from elastic_core._core import InvalidArgumentError, TreeModel
from elastic_core.common.extras import requires_extra
from elastic_core.common.messages import abridged
from elastic_core.models.protocol import LanguageModel
from elastic_core.models.scratch import SIZES, Size
from elastic_core.models.tree import TreeLanguageModel

_TREE, _SCRATCH, _HUB = "tree:", "scratch:", "hf:"
_DEPTH = re.compile(r"[0-9]{1,2}")
_DEEPEST = 32
_LONGEST = 4096


class ModelKind(StrEnum):
    """What kind of model a spec names."""

    TREE = "tree"
    """A new tree model: `tree:DEPTH`."""

    SAVED_TREE = "saved tree"
    """The file of a saved tree model."""

    SCRATCH = "scratch"
    """A new transformer, which has to be pre-trained before anything else: `scratch:SIZE`."""

    TRANSFORMERS = "transformers"
    """A transformers checkpoint: `hf:NAME` on the Hugging Face hub, or a folder."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model name.

    Attributes:
        text: The name as the user wrote it.
        kind: The kind of model.
    """

    text: str
    kind: ModelKind

    @classmethod
    def parse(cls, text: str, *, must_exist: bool = True) -> Self:
        """Parses a model name.

        Args:
            text: `tree:DEPTH`, `scratch:SIZE`, `hf:NAME`, a checkpoint folder, or the file of a
                saved tree model.
            must_exist: Whether to refuse a name that is neither a folder nor a file; if not, it
                counts as a checkpoint of transformers.

        Raises:
            InvalidArgumentError: The name is none of these, or its depth or size is invalid.
        """
        if len(text) > _LONGEST:
            raise InvalidArgumentError(
                f"the model {abridged(text)} is longer than any path; name tree:DEPTH, hf:NAME or "
                "a folder"
            )
        if text.startswith(_TREE):
            depth = text.removeprefix(_TREE)
            if not _DEPTH.fullmatch(depth) or not 1 <= int(depth) <= _DEEPEST:
                raise InvalidArgumentError(
                    f"{text}: write the depth as a number from 1 to {_DEEPEST}, as in tree:8"
                )
            return cls(text, ModelKind.TREE)
        if text.startswith(_SCRATCH):
            scratch_size(text)
            return cls(text, ModelKind.SCRATCH)
        if checkpoint := cls.checkpoint(text):
            return checkpoint
        if Path(text).is_file():
            return cls(text, ModelKind.SAVED_TREE)
        if not must_exist:
            return cls(text, ModelKind.TRANSFORMERS)
        raise InvalidArgumentError(
            f"unknown model {text!r}: name tree:DEPTH, hf:NAME, a folder with a checkpoint, or "
            "the file of a saved tree model"
        )

    @classmethod
    def checkpoint(cls, text: str) -> Self | None:
        """The spec of a transformers checkpoint, `hf:NAME` or a folder; None for other names."""
        names_checkpoint = text.startswith(_HUB) or Path(text).is_dir()
        return cls(text, ModelKind.TRANSFORMERS) if names_checkpoint else None

    @property
    def is_tree(self) -> bool:
        """Whether this is a tree model, new or saved."""
        return self.kind in (ModelKind.TREE, ModelKind.SAVED_TREE)

    @property
    def is_new(self) -> bool:
        """Whether this model has learned nothing yet."""
        return self.kind in (ModelKind.TREE, ModelKind.SCRATCH)

    @property
    def takes_options(self) -> bool:
        """Whether `load_model` takes device, dtype, window and the like for this model."""
        return self.kind is ModelKind.TRANSFORMERS

    @property
    def name(self) -> str:
        """The name on the hub, or the path, of a model that exists."""
        return self.text.removeprefix(_HUB)

    @property
    def depth(self) -> int:
        """The depth of a new tree model, in symbols."""
        return int(self.text.removeprefix(_TREE))

    @property
    def size(self) -> Size:
        """The shape of a new transformer."""
        return scratch_size(self.text)


def load_model(spec: str, **options: Any) -> LanguageModel:
    """Loads a language model.

    Args:
        spec: `tree:DEPTH` for a new tree model, the file of a saved tree model, `hf:NAME` for a
            model on the Hugging Face hub, or a folder with a transformers checkpoint (`hf:FOLDER`
            works too).
        **options: Those of `load_tree` for a tree model; for a transformers model those of
            `elastic_core.models.transformers.loading.load`: revision, dtype, device, adapter,
            window, stride, bos, batch.

    Returns:
        The model, ready to use.

    Raises:
        InvalidArgumentError: The spec names no model or an untrained one, or an option is invalid.
        ModelError: The model cannot be loaded.
        OSError: A file cannot be read.
    """
    parsed = ModelSpec.parse(spec)
    match parsed.kind:
        case ModelKind.TREE | ModelKind.SAVED_TREE:
            return load_tree(spec, **options)
        case ModelKind.TRANSFORMERS:
            with requires_extra(spec):
                from elastic_core.models.transformers import loading
            return loading.load(spec, parsed.name, **options)
        case ModelKind.SCRATCH:
            raise InvalidArgumentError(
                f"{spec} has learned nothing yet; train it with `elastic-core pretrain` and name "
                "the folder that it writes"
            )


def load_tree(spec: str, *, alphabet: str = "byte", **options: Any) -> TreeLanguageModel:
    """Creates a new tree model, or opens a saved one.

    Args:
        spec: `tree:DEPTH` with a depth from 1 to 32 symbols, or the file of a saved model.
        alphabet: Symbols of a new model: `byte`, or `bpe:PATH` with the path of a
            `tokenizer.json`. A saved model has its own.
        **options: Options of other models. A tree model has none of them, so each must be None or
            `auto`.

    Raises:
        InvalidArgumentError: The depth or the alphabet is invalid, or an option is given that a
            tree model does not have.
        TokenizerError: The tokenizer file cannot be loaded.
        ModelError: The file of a saved model is damaged, of another version, or something else.
        OSError: A file cannot be read.
    """
    parsed = ModelSpec.parse(spec)
    for name, value in options.items():
        if value not in (None, "auto"):
            raise InvalidArgumentError(
                f"{spec}: a tree model has no {name}; leave it out, or name a transformers model"
            )
    if parsed.is_new:
        return TreeLanguageModel(spec, TreeModel(parsed.depth, alphabet=alphabet))
    return TreeLanguageModel(spec, TreeModel.load(spec))


def scratch_size(text: str) -> Size:
    """The shape of the new transformer that `scratch:SIZE` names.

    Raises:
        InvalidArgumentError: The name is not `scratch:` and a known size.
    """
    size = SIZES.get(text.removeprefix(_SCRATCH)) if text.startswith(_SCRATCH) else None
    if size is None:
        raise InvalidArgumentError(
            f"unknown new model {text!r}: choose {_SCRATCH} and one of {', '.join(SIZES)}"
        )
    return size
