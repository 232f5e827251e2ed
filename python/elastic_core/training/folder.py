"""Result folders of trainings: complete or absent, and never overwritten by another training."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import read_sealed_json, write_sealed_json
from elastic_core.common.folders import sync_folder
from elastic_core.common.manifest import check_manifest, write_manifest
from elastic_core.common.messages import abridged
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.result import Trained

Value = TypeVar("Value")

TREE_MODEL = "model.ectm"
"""The file of a tree model in its folder."""

_CHECKPOINTS = "checkpoints"
_RESULT = "trained.json"
_SETTINGS = "settings.json"
_DEFAULTS = {field.name: field.default for field in fields(Recipe)}


def checkpoint_folder(training: Path, rows: int) -> Path:
    """The folder of the model after so many rows, in the folder of a training."""
    return training / _CHECKPOINTS / f"rows-{rows}"


def check_same_settings(
    folder: Path, what: str, stored: Mapping[str, Any], requested: Mapping[str, Any]
) -> None:
    """Refuses a folder whose training had other settings.

    Args:
        folder: The folder.
        what: What it holds, such as `run`.
        stored: The settings in the folder.
        requested: The settings of the call, as JSON would return them.

    Raises:
        InvalidArgumentError: A setting differs.
    """
    for name, value in requested.items():
        if stored.get(name) != value:
            name, old, new = _difference(name, stored.get(name), value)
            raise InvalidArgumentError(
                f"{folder}: it holds a {what} with {name} {abridged(old)}, not {abridged(new)}; "
                "choose another folder"
            )


def _difference(name: str, old: Any, new: Any) -> tuple[str, Any, Any]:
    """The first key in which two different values of a setting differ, and its two values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in (*new, *old):
            if old.get(key) != new.get(key):
                return _difference(f"{name}.{key}", old.get(key), new.get(key))
    return name, old, new


class TrainingFolder:
    """The folder of one fine-tuning.

    `OUT` holds the model and `trained.json`. Until both are complete, everything is in
    `OUT.partial`: `settings.json`, states to resume from, and the model while it is written.

    Args:
        out: Folder of the result.
        settings: Everything that determines the result, ready for JSON.

    Attributes:
        out: Folder of the result.
        partial: Folder of an unfinished training.
        model: Folder that the model is written to.

    Raises:
        InvalidArgumentError: The folder holds something else.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.out = out
        self.partial = out.with_name(f"{out.name}.partial")
        self.model = self.partial / "model"
        self._settings = settings
        if (out / _RESULT).exists():
            self._check(out, self._read(out / _RESULT, lambda values: _flat(values["settings"])))
        elif (self.partial / _SETTINGS).exists():
            self._check(self.partial, self._read(self.partial / _SETTINGS, _flat))
        else:
            for folder in (out, self.partial):
                if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
                    raise InvalidArgumentError(
                        f"{folder}: it exists and is not the folder of a training; choose another"
                    )

    def result(self) -> Trained | None:
        """The result of a finished training, with its path where the folder is now.

        Raises:
            InvalidArgumentError: The result or a file of the model is damaged.
        """
        file = self.out / _RESULT
        if not file.exists():
            return None
        result = self._read(file, Trained.from_dict)
        check_manifest(self.out, _remedy(self.out))
        shutil.rmtree(self.partial, ignore_errors=True)
        if result.path is None:
            return result
        tree = self.out / TREE_MODEL
        return replace(result, path=str(tree if tree.exists() else self.out))

    def begin(self) -> None:
        """Creates the partial folder, or clears an incomplete model from it."""
        shutil.rmtree(self.model, ignore_errors=True)
        if (self.partial / _SETTINGS).exists():
            return
        new = self.partial.with_name(f".{self.partial.name}")
        new.mkdir(parents=True, exist_ok=True)
        write_sealed_json(new / _SETTINGS, self._settings)
        new.rename(self.partial)

    def finish(self, result: Trained) -> None:
        """Moves the model to its place together with its result, and removes the rest."""
        self.model.mkdir(parents=True, exist_ok=True)
        if (self.partial / _CHECKPOINTS).exists():
            # Not moved: an interrupted training finds them again.
            kept = shutil.ignore_patterns(".*")
            shutil.copytree(self.partial / _CHECKPOINTS, self.model / _CHECKPOINTS, ignore=kept)
        write_manifest(self.model)
        write_sealed_json(self.model / _RESULT, result.to_dict())
        sync_folder(self.model)
        self.model.rename(self.out)
        shutil.rmtree(self.partial, ignore_errors=True)

    def _check(self, folder: Path, stored: dict[str, Any]) -> None:
        check_same_settings(folder, "training", stored, _flat(self._settings))

    def _read(self, file: Path, parse: Callable[[Any], Value]) -> Value:
        return read_sealed_json(file, _remedy(file.parent), parse)


def _remedy(folder: Path) -> str:
    return f"delete {folder} and run the command again"


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the fields of the recipe among them instead of the recipe.

    A folder of an earlier version lacks later fields; their defaults are what it trained with.
    """
    rest = {name: value for name, value in settings.items() if name != "recipe"}
    return {**rest, **_DEFAULTS, **settings["recipe"]}
