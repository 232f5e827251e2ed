"""The folder of a training: complete, or not there; beside it what an unfinished one goes on from.

`OUT` has the model and `trained.json`. Until then all is in `OUT.partial`: `settings.json`, states
to resume from, and the model while it is written.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.training.finetuning.trained import Trained
from elastic_core.training.folders import check_same

TREE_MODEL = "model.ectm"
"""The file of a tree model in its folder."""

_RESULT = "trained.json"
_SETTINGS = "settings.json"


class Folder:
    """The folder of one training.

    Args:
        out: Where the result goes.
        settings: What decides the result, ready for JSON.

    Raises:
        InvalidArgumentError: The folder holds something else.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.out = out
        self.partial = out.with_name(f"{out.name}.partial")
        self.model = self.partial / "model"
        self._settings = settings
        for file, found in (
            (out / _RESULT, lambda text: json.loads(text)["settings"]),
            (self.partial / _SETTINGS, json.loads),
        ):
            if file.exists():
                made = _flat(found(file.read_text()))
                check_same(file.parent, "training", made, _flat(settings))
                return
        for there in (out, self.partial):
            if there.exists() and not (there.is_dir() and not any(there.iterdir())):
                raise InvalidArgumentError(
                    f"{there}: it is something other than a training; choose another folder"
                )

    def result(self) -> Trained | None:
        """The result, if it is there; its path is where the folder is found."""
        file = self.out / _RESULT
        if not file.exists():
            return None
        shutil.rmtree(self.partial, ignore_errors=True)
        result = Trained.from_dict(json.loads(file.read_text()))
        if result.path is None:
            return result
        tree = self.out / TREE_MODEL
        return replace(result, path=str(tree if tree.exists() else self.out))

    def begin(self) -> None:
        """Makes the partial folder, which from here on is this training's."""
        shutil.rmtree(self.model, ignore_errors=True)
        if (self.partial / _SETTINGS).exists():
            return
        new = self.partial.with_name(f".{self.partial.name}")
        new.mkdir(parents=True, exist_ok=True)
        (new / _SETTINGS).write_text(json.dumps(self._settings, indent=2) + "\n")
        new.rename(self.partial)

    def finish(self, result: Trained) -> None:
        """Moves what was written to `model` to its place, with the result; drops the rest."""
        self.model.mkdir(parents=True, exist_ok=True)
        (self.model / _RESULT).write_text(json.dumps(result.to_dict(), indent=2) + "\n")
        self.model.rename(self.out)
        shutil.rmtree(self.partial)


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with those of the recipe beside them in the recipe's place."""
    rest = {name: value for name, value in settings.items() if name != "recipe"}
    return {**rest, **settings["recipe"]}
