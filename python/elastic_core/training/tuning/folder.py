"""The folder of a training: complete, or not there; beside it what an unfinished one goes on from.

`OUT` has the model and `trained.json`. Until then all is in `OUT.partial`: `settings.json`, states
to resume from, and the model while it is written.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.training.tuning.trained import Trained

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
                _check_same(out, found(file.read_text()), settings)
                return
        if out.exists() or self.partial.exists():
            there = out if out.exists() else self.partial
            raise InvalidArgumentError(
                f"{there}: it holds something other than a training; choose another folder"
            )

    def result(self) -> Trained | None:
        """The result, if it is there."""
        file = self.out / _RESULT
        return Trained.from_dict(json.loads(file.read_text())) if file.exists() else None

    def begin(self) -> None:
        """Makes the partial folder, which from here on is this training's."""
        self.partial.mkdir(parents=True, exist_ok=True)
        _write(self.partial / _SETTINGS, self._settings)
        shutil.rmtree(self.model, ignore_errors=True)

    def finish(self, result: Trained) -> None:
        """Moves what was written to `model` to its place, with the result; drops the rest."""
        self.model.mkdir(exist_ok=True)
        _write(self.model / _RESULT, result.to_dict())
        self.model.rename(self.out)
        shutil.rmtree(self.partial)


def _check_same(out: Path, found: dict[str, Any], asked: dict[str, Any]) -> None:
    found, asked = ({**each, **each["recipe"]} for each in (found, asked))
    for name in asked:
        if name != "recipe" and found.get(name) != asked[name]:
            raise InvalidArgumentError(
                f"{out}: it holds a training with {name} {found.get(name)!r}, not "
                f"{asked[name]!r}; choose another folder"
            )


def _write(file: Path, content: dict[str, Any]) -> None:
    partial = file.with_name(f".{file.name}")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.replace(file)
