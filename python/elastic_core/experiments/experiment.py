"""`experiment`: a study in one call, from its configuration to its result."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress

if TYPE_CHECKING:
    from elastic_core.experiments.result import ExperimentResult


@shows_progress
def experiment(
    study: str,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    jobs: int | str | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **keys: Any,
) -> "ExperimentResult":
    """Runs a study and writes its report, or resumes it.

    An interrupted run resumes after its last finished cell, with identical results. A run may be
    extended in its folder with more seeds, volumes or models.

    Args:
        study: The study, such as `rebound` or `reversion`; `docs/experiments.md` lists them all.
        config: Its configuration: a YAML file or a mapping; None: the keys are all of it.
        out: Folder of the run; None: `runs/STUDY`.
        jobs: Cells to process at once: a number, `ray`, or None for one per GPU, or one per core on
            a machine without GPUs. Results do not depend on it.
        cache: Folder of models that several runs share; None: `checkpoints` in the run's folder.
        progress: Receives steps with the phase `run`, the study as subject, and finished cells.
        **keys: Keys that replace those of the configuration, such as `seeds=3`; nested ones as
            mappings.

    Returns:
        The result: claims with verdicts, tables and figures.

    Raises:
        InvalidArgumentError: The configuration is invalid or refers to missing data, the folder
            holds something else, or the extra `experiments` is not installed.
        CorpusError: Data are damaged.
        ModelError: A model cannot be loaded or trained, or a worker died. Finished cells are kept.
        OSError: The configuration cannot be read, the disk is full, or a file cannot be written.
    """
    with requires_extra("experiment", "experiments", InvalidArgumentError):
        from elastic_core.experiments import run as runs
        from elastic_core.experiments.config import parse_config, read_yaml
        from elastic_core.experiments.report import write_report
        from elastic_core.experiments.result import ExperimentResult
        from elastic_core.experiments.studies.registry import find_study
    if config is None or isinstance(config, Mapping):
        values, where = dict(config or {}), "config"
    else:
        values, where = read_yaml(Path(config)), os.fspath(config)
    parsed = parse_config({"study": study, **values, **keys}, find_study(study).config, where)
    folder = Path("runs") / study if out is None else Path(out)
    run = runs.experiment(
        parsed, folder, jobs=jobs, cache=None if cache is None else Path(cache), progress=progress
    )
    write_report([run], run.folder.report)
    return ExperimentResult.of([run])
