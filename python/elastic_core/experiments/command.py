"""What the command line asks of experiments: a call, its plan in words, its execution."""

from dataclasses import dataclass
from pathlib import Path

from elastic_core.common.progress import Progress
from elastic_core.common.units import counted
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate import estimate
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.plan import plan
from elastic_core.experiments.reading import overridden, parse, read_yaml
from elastic_core.experiments.run import Run, experiment
from elastic_core.experiments.store import Store
from elastic_core.experiments.studies import find_study


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `elastic-core experiment`.

    Attributes:
        study: The study.
        file: Its configuration; None: what the overrides say is all.
        overrides: `KEY=VALUE` each.
        out: Folder of the run; None: `runs/STUDY`.
        jobs: Cells at once.
        cache: Folder of models that runs share.
    """

    study: str
    file: Path | None
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    jobs: str | None = None
    cache: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out or Path("runs") / self.study

    def config(self) -> ExperimentConfig:
        """The configuration.

        Raises:
            InvalidArgumentError: A key is unknown, missing or has a wrong value.
            OSError: The file cannot be read.
        """
        values = overridden(read_yaml(self.file) if self.file else {}, self.overrides)
        values.setdefault("study", self.study)
        found: ExperimentConfig = parse(
            values, find_study(self.study).config, str(self.file or "the call")
        )
        return found


def describe(call: Call) -> str:
    """The plan of a call in words; nothing is trained or written.

    Raises:
        InvalidArgumentError: The configuration asks for what there is not.
    """
    config, folder = call.config(), RunFolder(call.folder)
    context = RunContext(config, Store(call.cache or folder.checkpoints))
    planned = plan(find_study(call.study), config, context)
    rows = folder.rows()
    done = {row["key"] for row in rows}
    finished = sum(context.key(cell) in done for cell in planned.cells)
    seconds = estimate(planned, context, [{**row["labels"], **row} for row in rows], call.jobs)
    left = "unknown, for the size of a model cannot be found out"
    if seconds is not None:
        left = _duration(seconds)
    return "\n".join(
        [
            f"{call.study}: {', '.join(planned.models)}, {counted(config.seeds, 'seed', 'seeds')}",
            *(
                f"{side}: {each.name}, {len(each):,} rows"
                for side, each in context.sides.rows.items()
            ),
            f"{counted(planned.pretrainings, 'pre-training', 'pre-trainings')}, "
            f"{counted(planned.trainings, 'training', 'trainings')}, "
            f"{counted(len(planned.cells), 'cell', 'cells')} to measure"
            + (f", {finished:,} of them done" if finished else ""),
            f"time left: about {left}",
        ]
    )


def execute(call: Call, progress: Progress | None) -> Run:
    """Runs a call.

    Raises:
        ElasticCoreError: As for `experiment`.
        OSError: Likewise.
    """
    return experiment(
        call.config(), call.folder, jobs=call.jobs, cache=call.cache, progress=progress
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
