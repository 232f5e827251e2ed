"""Files of an experiment: the folder of a run, and the store of models that runs may share.

The folder of a run holds `config.yaml`, `metrics.jsonl`, `completions.jsonl`, `times.jsonl`,
`checkpoints/` and `report/`. `metrics.jsonl` has a row for each finished cell and is only ever
appended to, so an interrupted run loses at most the row that was being written.
"""

import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastic_core._core import (
    InvalidArgumentError,
    __version__,
    partial_prefix,
    remove_leftovers,
)
from elastic_core.common.files import (
    read_json_lines,
    read_sealed_json,
    write_sealed_json,
    write_text,
)
from elastic_core.common.folders import PARTIAL
from elastic_core.common.manifest import check_manifest
from elastic_core.common.sealed import SEAL, sealed
from elastic_core.common.yaml import parse_yaml, yaml_text
from elastic_core.experiments.cells import Metrics, Row
from elastic_core.experiments.config import ExperimentConfig, read_yaml
from elastic_core.training.folder import TREE_MODEL, check_same_settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

LABEL = "label.txt"
"""The file in the folder of a model with the name of its cell, such as `stage base, seed 0`."""

_LOCK = ".lock"
_LOCKS = ".locks"
_CONFIG = "config.yaml"
_ROW_KEYS = {"key", "labels", "seed"}
_POSITIONS = "_positions"
"""The end of the names of metrics that have a value at each position of a text."""

_TEXT_KEYS = {"key", "made", "time", "name"}
_VERSION, _DATA = "elastic_core", "data_sha256"


class RunFolder:
    """The folder of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.completions = path / "completions.jsonl"
        self.checkpoints = path / "checkpoints"
        self.report = path / "report"

    def check(self, config: ExperimentConfig, data: str) -> None:
        """Checks that the folder is new, or that of a run that differs only in its extent.

        Args:
            config: The configuration.
            data: The hash of the rows to train on.

        Raises:
            InvalidArgumentError: The folder holds something else, or a run by another version.
        """
        file = self.path / _CONFIG
        if file.exists():
            stored, values = read_yaml(file), _all_values(config, data)
            fixed = {key: value for key, value in values.items() if key not in config.extent}
            check_same_settings(self.path, "run", stored, fixed)
        elif self.path.is_file() or (self.path.is_dir() and any(self._others())):
            raise InvalidArgumentError(
                f"{self.path}: it holds something other than a run; choose another folder"
            )

    def extensions(self, config: ExperimentConfig) -> list[str]:
        """The keys but `seeds` with which a configuration extends the run in the folder.

        Returns:
            A sentence for each; none where the folder holds no run yet.

        Raises:
            InvalidArgumentError: The stored configuration is not YAML.
        """
        file = self.path / _CONFIG
        stored = read_yaml(file) if file.is_file() else {}
        values = config.model_dump(mode="json")
        return [
            f"{key} was {stored[key]} in the run in {self.path}, and is {values[key]} now"
            for key in sorted(config.extent - {"seeds"})
            if key in stored and stored[key] != values[key]
        ]

    def begin(self, config: ExperimentConfig, data: str) -> None:
        """Checks the folder, creates it if necessary and writes the configuration to it.

        Call it while the folder is locked. Arguments and exceptions are those of `check`.

        Raises:
            OSError: The folder cannot be written.
        """
        remove_leftovers(self.path)
        self.check(config, data)
        values = _all_values(config, data)
        text = yaml_text(values)
        seal = sealed(parse_yaml(text, _CONFIG))[SEAL]
        write_text(self.path / _CONFIG, yaml_text({SEAL: seal}) + text)

    def values(self) -> dict[str, Any]:
        """Reads the configuration, with the version and the hash of the data.

        Raises:
            InvalidArgumentError: The folder holds no run, or its configuration is damaged.
        """
        file = self.path / _CONFIG
        if not file.is_file():
            raise InvalidArgumentError(f"{self.path}: no run in it; name the folder of a run")
        values = read_yaml(file)
        seal = values.pop(SEAL, None)
        if seal is not None and seal != sealed(values)[SEAL]:
            raise InvalidArgumentError(
                f"{file}: changed since the run wrote it; repeat the command of the run, which "
                "rewrites it"
            )
        return values

    def scorer_rows(self) -> int | None:
        """The `scorer.rows` of the run that the folder holds; None if it holds none.

        Raises:
            InvalidArgumentError: The configuration is not YAML.
        """
        file = self.path / _CONFIG
        scorer = read_yaml(file).get("scorer") if file.is_file() else None
        rows = scorer.get("rows") if isinstance(scorer, dict) else None
        return rows if isinstance(rows, int) else None

    def configuration(self) -> dict[str, Any]:
        """Reads the keys of the configuration alone; raises as `values` does."""
        return {k: value for k, value in self.values().items() if k not in (_VERSION, _DATA)}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from running in the folder.

        Raises:
            InvalidArgumentError: Another process is running in it.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path / _LOCK, timeout=0):
                yield
        except Timeout as error:
            raise InvalidArgumentError(
                f"{self.path}: another process is running in it; wait for it, or choose another "
                "folder"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """Reads the rows of the finished cells, one for each.

        Raises:
            InvalidArgumentError: A row is damaged.
        """
        rows = {}
        for number, row in enumerate(read_json_lines(self.metrics), 1):
            if not _is_of_cell(row):
                raise InvalidArgumentError(
                    f"{self.metrics}: row {number} is not that of a cell; remove that line and run "
                    "the command again"
                )
            rows[row["key"]] = row
        return list(rows.values())

    def _others(self) -> Iterator[Path]:
        """What is in the folder besides the lock and what was not finished."""
        return (
            place
            for place in self.path.iterdir()
            if place.name != _LOCK and not place.name.startswith(PARTIAL)
        )


def _all_values(config: ExperimentConfig, data: str) -> dict[str, Any]:
    """A configuration with the version and the hash of the data."""
    return {_VERSION: __version__, **config.model_dump(mode="json"), _DATA: data}


def _is_of_cell(row: dict[str, Any]) -> bool:
    """Whether an object has what the row of a cell has, and values of the right kinds."""
    if not row.keys() >= _ROW_KEYS or not isinstance(row["labels"], dict):
        return False
    labels = row["labels"].values()
    texts = [row[key] for key in _TEXT_KEYS & row.keys()]
    others = {key: value for key, value in row.items() if key not in _TEXT_KEYS | {"labels"}}
    lists = [others.pop(key) for key in list(others) if key.endswith(_POSITIONS)]
    return (
        all(isinstance(value, str) for value in texts)
        and _is_time(row.get("time"))
        and all(isinstance(value, str) or _is_number(value) for value in labels)
        and all(value is None or _is_number(value) for value in others.values())
        and all(isinstance(value, list) and all(map(_is_number, value)) for value in lists)
    )


def _is_time(value: str | None) -> bool:
    """Whether a value is a time in ISO 8601, or missing."""
    try:
        return value is None or bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    """Whether a value is a number, or a boolean, of the size that metrics and labels have."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**64)


def last_time(rows: Iterable[Mapping[str, Any]]) -> str | None:
    """When the last of some rows was written, in ISO 8601; None without any."""
    return max((row["time"] for row in rows if row.get("time")), default=None)


def flatten_row(row: dict[str, Any]) -> Metrics:
    """A row of `metrics.jsonl` with its labels among its metrics."""
    return {**{key: value for key, value in row.items() if key != "labels"}, **row["labels"]}


class ModelStore:
    """A folder of models, each named by its hash; several runs may share it.

    Args:
        folder: The folder; created when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._intact: set[Path] = set()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps other runs that use the store from removing models while the block runs.

        Removes what runs that were killed left behind.
        """
        from filelock import FileLock

        with self._lock("users"):
            self._running()
            remove_leftovers(self.folder)
            user = FileLock(self._users / f"{secrets.token_hex(8)}.lock")
            user.acquire()
        try:
            yield
        finally:
            user.release()
            Path(user.lock_file).unlink(missing_ok=True)

    @contextmanager
    def making(self, model_hash: str) -> Iterator[None]:
        """Lets one process at a time make a model; the others wait, and then find it."""
        with self._lock(model_hash):
            yield

    def path(self, model_hash: str) -> Path:
        """The folder of a model, which may not exist yet."""
        return self.folder / model_hash

    def find(self, model_hash: str) -> str | None:
        """A model as `load_model` takes it; None if it does not exist.

        Raises:
            InvalidArgumentError: A file of it is damaged.
        """
        folder = self.path(model_hash)
        if folder not in self._intact and folder.is_dir():
            check_manifest(folder, f"delete {folder} and run the command again")
            # There is one if the process was killed when the model was finished.
            shutil.rmtree(folder.with_name(f"{folder.name}.partial"), ignore_errors=True)
            self._intact.add(folder)
        if (folder / TREE_MODEL).is_file():
            return str(folder / TREE_MODEL)
        return str(folder) if (folder / "config.json").is_file() else None

    def label(self, model_hash: str, name: str) -> None:
        """Writes the name of a cell into the folder of its model, if there is one without.

        Raises:
            OSError: The file cannot be written.
        """
        file = self.path(model_hash) / LABEL
        if file.parent.is_dir() and not file.exists():
            write_text(file, f"{name}\n")

    def rows(self, name: str, create: Callable[[], list[Row]]) -> list[Row]:
        """Reads rows that a model wrote, or creates and stores them.

        Args:
            name: The name of the file, without `.json`.
            create: Creates the rows.

        Raises:
            InvalidArgumentError: The file is damaged.
            OSError: The file cannot be written.
        """
        file = self.folder / f"{name}.json"
        if not file.exists():
            write_sealed_json(file, {"rows": create()})
        remedy = f"delete {file} and run the command again"
        return read_sealed_json(file, remedy, _stored_rows)

    def drop(self, model_hash: str) -> None:
        """Removes a model if it exists, unless another run uses the store and may need it."""
        folder = self.path(model_hash)
        if not folder.exists():
            return
        with self._lock("users"):
            if self._running() > 1:
                return
            self._intact.discard(folder)
            # As a whole: half a model would pass for a finished training.
            removed = folder.rename(folder.with_name(f"{partial_prefix()}{secrets.token_hex(4)}"))
            shutil.rmtree(removed, ignore_errors=True)

    def _lock(self, name: str) -> "BaseFileLock":
        from filelock import FileLock

        self._users.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / _LOCKS / f"{name}.lock")

    @property
    def _users(self) -> Path:
        """The folder of a lock for each run that uses the store, held while it runs."""
        return self.folder / _LOCKS / "users"

    def _running(self) -> int:
        """The number of runs that use the store; removes the locks of dead ones."""
        from filelock import FileLock, Timeout

        running = 0
        for file in self._users.glob("*.lock"):
            try:
                with FileLock(file, timeout=0):
                    file.unlink(missing_ok=True)
            except Timeout:
                running += 1
        return running


def _stored_rows(values: Any) -> list[Row]:
    """The rows of a file; earlier versions wrote the list itself."""
    rows = values if isinstance(values, list) else values["rows"]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("not rows")
    return list(rows)


def copy_model(source: Path, place: Path, remedy: str) -> None:
    """Copies the folder of a model, which appears when it is complete and intact."""
    partial = place.with_name(f"{place.name}.copied")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    check_manifest(partial, remedy)
    partial.rename(place)
