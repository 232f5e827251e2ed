"""An experiment from its configuration to what it comes to."""

from dataclasses import dataclass
from pathlib import Path

from elastic_core.common.progress import Progress
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.executors import open_executor
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.plan import plan
from elastic_core.experiments.progress import RunProgress
from elastic_core.experiments.reading import parse
from elastic_core.experiments.runner import Runner, flat
from elastic_core.experiments.store import Store
from elastic_core.experiments.studies import find_study


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is done, or as far as it is.

    Attributes:
        folder: Its folder.
        config: Its configuration.
        analysis: What its rows come to.
    """

    folder: RunFolder
    config: ExperimentConfig
    analysis: Analysis


def experiment(
    config: ExperimentConfig,
    out: str | Path,
    *,
    jobs: int | str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Runs a study, or what is left of it.

    Whatever ended a run before, it goes on from the last cell that was done, and comes to the same
    result as one that was not ended. In the same folder it may be extended: more seeds, volumes or
    models.

    Args:
        config: The configuration of a study, such as
            `elastic_core.experiments.studies.rebound.ReboundConfig`.
        out: Folder of the run; see `elastic_core.experiments.folder`.
        jobs: Cells that are worked on at once: a number, `ray`, or None for one on each GPU, or
            on each core of a machine without. The result does not depend on it.
        cache: Folder of models that several runs share; None: `checkpoints` in the run's folder.
        progress: Called with `run STUDY` and what is under way, the cells done, and all of them.

    Raises:
        InvalidArgumentError: The configuration asks for what there is not, or the folder holds
            something else.
        CorpusError: Data are damaged.
        ModelError: A model cannot be had, or a worker died. What was finished is kept.
        OSError: The disk is full, or something cannot be written.
    """
    study = find_study(config.study)
    folder = RunFolder(Path(out))
    context = RunContext(config, Store(Path(cache) if cache else folder.checkpoints))
    planned = plan(study, config, context)
    folder.begin(config, context.sides.identity)
    with folder.locked():
        tell = RunProgress(study.name, len(planned.cells), progress)
        executor = open_executor(jobs, context, tell.within)
        try:
            study.run(config, Runner(context, folder, executor, tell.told).ask)
        finally:
            executor.close()
    return open_run(folder.path)


def open_run(path: str | Path) -> Run:
    """A run's folder as it is.

    Raises:
        InvalidArgumentError: There is no run in it.
    """
    folder = RunFolder(Path(path))
    values = folder.configuration()
    study = find_study(str(values.get("study")))
    config = parse(values, study.config, str(folder.path))
    rows = [flat(row) for row in folder.rows()]
    return Run(folder, config, study.analyse(config, rows))
