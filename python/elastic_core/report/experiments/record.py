"""What a report tells of runs: what each came to, its configuration, and where its rows are from.

`ExperimentReport.to_dict` is the schema `elastic-core/experiment/1`: `schema`, the `versions` and
the `platform` of the report, and `runs`, each with `name`, `analysis`, `config` and `provenance`,
which are the fields of the records here. What is no number is null.
"""

import math
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any, Self

from elastic_core.common import schemas
from elastic_core.common.files import slugs
from elastic_core.common.versions import versions, versions_here
from elastic_core.experiments.analysis import Analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastic_core.experiments.config import ExperimentConfig
    from elastic_core.experiments.run import Run

_LIBRARIES = ("torch", "transformers", "trl")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the rows of a run are from.

    Attributes:
        cells: How many cells are done.
        diverged: How many of them have no metrics, for their training diverged, or that of a model
            that they go on from.
        seconds: How long was worked on them, all added up.
        last: When the last one was done, in ISO 8601; None: none is.
        elastic_core: The version that ran them.
        data_sha256: The start of the hash of the rows that were trained on.
    """

    cells: int
    diverged: int
    seconds: float
    last: str | None
    elastic_core: str | None
    data_sha256: str | None


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run as it is reported.

    Attributes:
        name: The name of its folder, as a part of file names.
        analysis: What its rows come to.
        config: Its configuration.
        provenance: Where its rows are from.
    """

    name: str
    analysis: Analysis
    config: "ExperimentConfig"
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """The entry of `runs` in the JSON."""
        return {
            "name": self.name,
            "analysis": _plain(self.analysis.to_dict()),
            "config": self.config.model_dump(mode="json"),
            "provenance": asdict(self.provenance),
        }


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """A report of runs.

    Attributes:
        runs: The runs.
    """

    runs: tuple[ReportedRun, ...]

    @classmethod
    def of(cls, runs: "Sequence[Run]") -> Self:
        """The report of runs as they are; no two are called alike."""
        names = slugs([run.folder.path.resolve().name for run in runs])
        return cls(tuple(map(_reported, names, runs)))

    def to_dict(self) -> dict[str, Any]:
        """The report as the schema has it."""
        found = versions_here()
        platform = found.pop("platform")
        return {
            "schema": schemas.EXPERIMENT,
            "versions": {**found, **installed()},
            "platform": platform,
            "runs": [run.to_dict() for run in self.runs],
        }


def installed() -> dict[str, str]:
    """The versions of the libraries that train, of those that are installed."""
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = versions(name)[name]
        except PackageNotFoundError:
            continue
    return found


def _reported(name: str, run: "Run") -> ReportedRun:
    rows, values = run.folder.rows(), run.folder.values()
    provenance = Provenance(
        cells=len(rows),
        diverged=sum(bool(row.get("diverged")) for row in rows),
        seconds=math.fsum(row.get("seconds") or 0.0 for row in rows),
        last=max((row["time"] for row in rows if row.get("time")), default=None),
        elastic_core=values.get("elastic_core"),
        data_sha256=values.get("data_sha256"),
    )
    return ReportedRun(name, run.analysis, run.config, provenance)


def _plain(value: Any) -> Any:
    """The value with None for what is no number, which JSON has no word for."""
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
