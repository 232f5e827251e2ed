"""Where models are kept: a folder for each, named by the hash of all that made it."""

import shutil
from pathlib import Path

from elastic_core.training.run_folder import TREE_MODEL


class Store:
    """A folder of models, which several runs can share.

    Args:
        folder: The folder; it is made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, made: str) -> Path:
        """Where the model of a hash is, or will be."""
        return self.folder / made

    def find(self, made: str) -> str | None:
        """The model of a hash as `load_model` takes it; None where it is not there."""
        place = self.place(made)
        for found in (place / TREE_MODEL, place):
            if (found.is_file()) or (found / "config.json").is_file():
                return str(found)
        return None

    def answers(self, made: str, count: int, tokens: int) -> Path:
        """Where a model's answers of so many tokens at most are, or will be."""
        return self.folder / f"{made}.answers-{count}-{tokens}.json"

    def pairs(self, name: str) -> Path:
        """Where preferences among a model's texts are, or will be."""
        return self.folder / f"{name}.pairs.json"

    def drop(self, made: str) -> None:
        """Removes a model, if it is there."""
        shutil.rmtree(self.place(made), ignore_errors=True)
