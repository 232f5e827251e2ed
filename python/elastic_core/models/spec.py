"""Model names, parsed in one place: `tree:8`, `scratch:3M`, `hf:gpt2`, a folder or a file."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from elastic_core._core import InvalidArgumentError
from elastic_core.models.scratch import Size, parse_size

_TREE, _SCRATCH, _HUB = "tree:", "scratch:", "hf:"
_DEPTH = re.compile(r"[0-9]+")
_DEEPEST = 32


class ModelKind(StrEnum):
    """What kind of model a spec names."""

    TREE = "tree"
    """A new tree model."""

    SAVED_TREE = "saved tree"
    """The file of a saved tree model."""

    SCRATCH = "scratch"
    """A new transformer, which has to be pre-trained before anything else."""

    TRANSFORMERS = "transformers"
    """A checkpoint of transformers, on the hub or in a folder."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model name.

    Attributes:
        text: The spec as it was given.
        kind: The kind of model.
    """

    text: str
    kind: ModelKind

    @classmethod
    def parse(cls, text: str, *, must_exist: bool = True) -> Self:
        """Parses a spec.

        Args:
            text: `tree:DEPTH`, `scratch:SIZE`, `hf:NAME`, a checkpoint folder, or the file of a
                saved tree model.
            must_exist: Whether to refuse a name that is neither a folder nor a file; if not, it
                counts as a checkpoint of transformers.

        Raises:
            InvalidArgumentError: The spec is none of these, or its depth or size is invalid.
        """
        if text.startswith(_TREE):
            depth = text.removeprefix(_TREE)
            if not _DEPTH.fullmatch(depth) or not 1 <= int(depth) <= _DEEPEST:
                raise InvalidArgumentError(
                    f"{text}: write the depth as a number from 1 to {_DEEPEST}, as in tree:8"
                )
            return cls(text, ModelKind.TREE)
        if text.startswith(_SCRATCH):
            parse_size(text)
            return cls(text, ModelKind.SCRATCH)
        if text.startswith(_HUB) or Path(text).is_dir():
            return cls(text, ModelKind.TRANSFORMERS)
        if Path(text).is_file():
            return cls(text, ModelKind.SAVED_TREE)
        if not must_exist:
            return cls(text, ModelKind.TRANSFORMERS)
        raise InvalidArgumentError(
            f"unknown model {text!r}: name tree:DEPTH, hf:NAME, a folder with a checkpoint, or "
            "the file of a saved tree model"
        )

    @property
    def is_tree(self) -> bool:
        """Whether this is a tree model, new or saved."""
        return self.kind in (ModelKind.TREE, ModelKind.SAVED_TREE)

    @property
    def is_new(self) -> bool:
        """Whether this model has learned nothing yet."""
        return self.kind in (ModelKind.TREE, ModelKind.SCRATCH)

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
        return parse_size(self.text)
