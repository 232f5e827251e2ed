"""Result folders of trainings: complete or absent, and never overwritten by another training."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import write_json
from elastic_core.common.messages import abridged
from elastic_core.training.finetuning.result import Trained

TREE_MODEL = "model.ectm"
"""The file of a tree model in its folder."""

_RESULT = "trained.json"
_SETTINGS = "settings.json"


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
        key = next(key for key in (*new, *old) if old.get(key) != new.get(key))
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
            self._check(out, json.loads((out / _RESULT).read_text("utf-8"))["settings"])
        elif (self.partial / _SETTINGS).exists():
            self._check(self.partial, json.loads((self.partial / _SETTINGS).read_text("utf-8")))
        else:
            for folder in (out, self.partial):
                if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
                    raise InvalidArgumentError(
                        f"{folder}: it exists and is not the folder of a training; choose another"
                    )

    def result(self) -> Trained | None:
        """The result of a finished training, with its path where the folder is now."""
        file = self.out / _RESULT
        if not file.exists():
            return None
        shutil.rmtree(self.partial, ignore_errors=True)
        result = Trained.from_dict(json.loads(file.read_text("utf-8")))
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
        write_json(new / _SETTINGS, self._settings)
        new.rename(self.partial)

    def finish(self, result: Trained) -> None:
        """Moves the model to its place together with its result, and removes the rest."""
        self.model.mkdir(parents=True, exist_ok=True)
        write_json(self.model / _RESULT, result.to_dict())
        self.model.rename(self.out)
        shutil.rmtree(self.partial)

    def _check(self, folder: Path, stored: dict[str, Any]) -> None:
        check_same_settings(folder, "training", _flat(stored), _flat(self._settings))


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the fields of the recipe among them instead of the recipe."""
    rest = {name: value for name, value in settings.items() if name != "recipe"}
    return {**rest, **settings["recipe"]}
