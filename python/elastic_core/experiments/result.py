"""The result of runs: their analyses, their configurations, and where their rows come from.

`ExperimentResult.to_dict` is the schema `elastic-core/experiment/1`: `schema`, the `versions` and
the `platform` of the report, and `runs`, each with `name`, `analysis`, `config` and `provenance`,
whose keys are the attributes of the classes here. NaN and infinity are null.
"""

import math
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any, Self

from elastic_core.common import schemas
from elastic_core.common.files import slugs, without_nan
from elastic_core.common.versions import versions, versions_here
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.estimate.times import read_times
from elastic_core.experiments.folder import last_time
from elastic_core.report.presented import Presented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastic_core.experiments.config import ExperimentConfig
    from elastic_core.experiments.run import Run

_LIBRARIES = ("torch", "transformers", "trl")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the rows of a run come from.

    Attributes:
        cells: Number of finished cells.
        missing: Number of cells that are not finished; None: unknown, as the data are elsewhere.
        diverged: Number of those without metrics, because their training, or that of a model they
            start from, diverged.
        seconds: Time spent on all of them, added up.
        estimated: Estimated seconds of the run, up to its end; None: there was no estimate.
        took: The seconds that it took; None: there was no estimate.
        last: When the last one was finished, in ISO 8601; None: none is.
        elastic_core: The version that ran them.
        data_sha256: The start of the hash of the training rows.
    """

    cells: int
    missing: int | None
    diverged: int
    seconds: float
    estimated: float | None
    took: float | None
    last: str | None
    elastic_core: str | None
    data_sha256: str | None


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run as it is reported.

    Attributes:
        name: The name of its folder, made fit for file names.
        analysis: The results of its finished cells.
        config: Its configuration.
        provenance: Where its rows come from.
    """

    name: str
    analysis: Analysis
    config: "ExperimentConfig"
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """The entry of `runs` in the JSON."""
        return {
            "name": self.name,
            "analysis": without_nan(self.analysis.to_dict()),
            "config": self.config.model_dump(mode="json"),
            "provenance": asdict(self.provenance),
        }


@dataclass(frozen=True, slots=True, repr=False)
class ExperimentResult(Presented):
    """The result of one or several runs.

    Attributes:
        runs: The runs, whose names all differ.
    """

    runs: tuple[ReportedRun, ...]

    def __repr__(self) -> str:
        runs = (f"{run.name}, {run.provenance.cells} cells" for run in self.runs)
        return f"ExperimentResult({'; '.join(runs)})"

    @classmethod
    def of(cls, runs: "Sequence[Run]") -> Self:
        """The result of runs as far as they are finished."""
        names = slugs([run.folder.path.resolve().name for run in runs])
        return cls(tuple(map(_reported, names, runs)))

    def to_dict(self) -> dict[str, Any]:
        """The result as the schema has it."""
        here = versions_here()
        platform = here.pop("platform")
        return {
            "schema": schemas.EXPERIMENT,
            "versions": {**here, **training_versions()},
            "platform": platform,
            "runs": [run.to_dict() for run in self.runs],
        }


def training_versions() -> dict[str, str]:
    """The versions of the training libraries that are installed."""
    installed: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            installed[name] = versions(name)[name]
        except PackageNotFoundError:
            continue
    return installed


def _reported(name: str, run: "Run") -> ReportedRun:
    rows, values, times = run.folder.rows(), run.folder.values(), read_times(run.folder.path)
    provenance = Provenance(
        cells=len(rows),
        missing=run.missing,
        diverged=sum(bool(row.get("diverged")) for row in rows),
        seconds=math.fsum(row.get("seconds") or 0.0 for row in rows),
        estimated=math.fsum(estimated for estimated, _ in times) if times else None,
        took=math.fsum(took for _, took in times) if times else None,
        last=last_time(rows),
        elastic_core=values.get("elastic_core"),
        data_sha256=values.get("data_sha256"),
    )
    return ReportedRun(name, run.analysis, run.config, provenance)
