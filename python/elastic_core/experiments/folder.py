"""A run's folder: `config.yaml`, `metrics.jsonl`, `checkpoints/`, `report/`.

`metrics.jsonl` has a row for each cell that is done and is only ever appended to, so whatever ends
a run, at most the row that was being written is lost.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from elastic_core._core import InvalidArgumentError, __version__
from elastic_core.common.files import write_text
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.reading import read_yaml
from elastic_core.training.run_folder import check_same_settings

CONFIG, METRICS, CHECKPOINTS, REPORT = "config.yaml", "metrics.jsonl", "checkpoints", "report"

_VERSION, _DATA = "elastic_core", "data_sha256"


class RunFolder:
    """The folder of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / CHECKPOINTS
        self.report = path / REPORT

    def begin(self, config: ExperimentConfig, data: str) -> None:
        """Makes the folder, or goes on with one whose run differs in its extent alone.

        Args:
            config: The configuration.
            data: The hash of the rows that it is about.

        Raises:
            InvalidArgumentError: It holds something else, or is of another version.
            OSError: It cannot be written.
        """
        file = self.path / CONFIG
        wanted = {_VERSION: __version__, _DATA: data, **config.model_dump(mode="json")}
        if file.exists():
            found = self.values()
            kept = {key: value for key, value in wanted.items() if key not in config.extent}
            check_same_settings(self.path, "run", found, kept)
        elif self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir())):
            raise InvalidArgumentError(
                f"{self.path}: it is something other than a run; choose another folder"
            )
        write_text(file, yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))

    def values(self) -> dict[str, Any]:
        """The configuration as it was written down, with the version.

        Raises:
            InvalidArgumentError: There is no run in the folder, or its configuration is damaged.
        """
        file = self.path / CONFIG
        if not file.is_file():
            raise InvalidArgumentError(f"{self.path}: no run in it; name the folder of a run")
        return read_yaml(file)

    def configuration(self) -> dict[str, Any]:
        """The configuration's keys and values alone."""
        own = (_VERSION, _DATA)
        return {key: value for key, value in self.values().items() if key not in own}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run out of the folder.

        Raises:
            InvalidArgumentError: Another one is at work in it.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise InvalidArgumentError(
                f"{self.path}: another process runs in it; wait for it, or choose another folder"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """The rows that are done; the start of one that was not is left out.

        Raises:
            InvalidArgumentError: A row is damaged.
        """
        file = self.path / METRICS
        if not file.exists():
            return []
        lines = file.read_text().splitlines(keepends=True)
        found = []
        for number, line in enumerate(lines, 1):
            if line.endswith("\n"):
                try:
                    found.append(json.loads(line))
                except ValueError as error:
                    raise InvalidArgumentError(
                        f"{file}: line {number} is damaged; remove it, and its cell is run again"
                    ) from error
        return found

    def append(self, row: dict[str, Any]) -> None:
        """Adds a row, which is on the disk when this returns.

        Raises:
            OSError: It cannot be written.
        """
        file = self.path / METRICS
        line = json.dumps(row) + "\n"
        with file.open("r+b" if file.exists() else "w+b") as out:
            out.seek(0, os.SEEK_END)
            if out.tell():
                out.seek(-1, os.SEEK_END)
                if out.read(1) != b"\n":  # The start of a row that was never done.
                    out.seek(0)
                    out.truncate(out.read().rfind(b"\n") + 1)
                    out.seek(0, os.SEEK_END)
            out.write(line.encode())
            out.flush()
            os.fsync(out.fileno())
