"""Experiments from configuration to analysis: run one, resume one, or describe what it would do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastic_core._core import ElasticCoreError
from elastic_core.common.progress import Progress
from elastic_core.common.units import counted, rough_duration
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.bases import pretraining_schedule
from elastic_core.experiments.cells import Cell, Metrics
from elastic_core.experiments.completions import COMPLETIONS, read_completions
from elastic_core.experiments.config import (
    ExperimentConfig,
    apply_overrides,
    parse_config,
    read_yaml,
)
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import (
    Plan,
    check_models,
    count_unfinished,
    list_cells,
    plan,
)
from elastic_core.experiments.estimate.schedule import Costs, Schedule
from elastic_core.experiments.estimate.times import timed
from elastic_core.experiments.executors import count_jobs, open_executor
from elastic_core.experiments.folder import ModelStore, RunFolder, flatten_row
from elastic_core.experiments.progress import RunProgress
from elastic_core.experiments.prompts import describe_losses
from elastic_core.experiments.runner import Runner, Task, pending_tasks
from elastic_core.experiments.scorer_rows import open_with_scorer_rows
from elastic_core.experiments.studies.registry import find_study
from elastic_core.experiments.studies.study import Study
from elastic_core.models.spec import ModelKind, ModelSpec

if TYPE_CHECKING:
    from concurrent.futures import Future

    from elastic_core.experiments.estimate.trial import ModelCosts


@dataclass(frozen=True, slots=True)
class Run:
    """A finished or interrupted run.

    Attributes:
        folder: Its folder.
        config: Its configuration.
        analysis: The results of its finished cells.
        missing: Number of cells that are not finished; None: unknown, as the data are elsewhere.
    """

    folder: RunFolder
    config: ExperimentConfig
    analysis: Analysis
    missing: int | None = 0


def read_config(study: str, file: Path | None, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Reads the configuration of a study.

    Args:
        study: The name of the study.
        file: A YAML file; None: the overrides are the whole configuration.
        overrides: `KEY=VALUE` each, with a dotted key.

    Raises:
        InvalidArgumentError: A key is unknown or missing, or a value is invalid.
        OSError: The file cannot be read.
    """
    values = apply_overrides(read_yaml(file) if file else {}, overrides)
    values.setdefault("study", study)
    where = str(file) if file else "the command line"
    if file and overrides:
        where += " with the command line"
    config: ExperimentConfig = parse_config(values, find_study(study).config, where)
    return config


def experiment(
    config: ExperimentConfig,
    out: str | Path,
    *,
    jobs: int | str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    notify: Callable[[str], object] | None = None,
) -> Run:
    """Runs a study, or resumes it.

    An interrupted run resumes after its last finished cell, with identical results. A run may be
    extended in its folder with more seeds, volumes or models.

    Args:
        config: The configuration of a study, such as
            `elastic_core.experiments.studies.rebound.ReboundConfig`.
        out: Folder of the run; see `elastic_core.experiments.folder`.
        jobs: Cells to process at once: a number, `ray`, or None for one per GPU, or one per core on
            a machine without GPUs. Results do not depend on it.
        cache: Folder of models that several runs share; None: `checkpoints` in the run's folder.
        progress: Receives steps with the phase `run`, the study as subject, finished cells and the
            time left, which a trial of a few training steps and measurements estimates first.
        notify: Receives a sentence for each key that extends an earlier run, and for each choice
            that loses many rows.

    Raises:
        InvalidArgumentError: The configuration refers to missing data, or the folder holds
            something else.
        CorpusError: Data are damaged.
        ModelError: A model cannot be loaded or trained, or a worker died. Finished cells are kept.
        OSError: The disk is full, or a file cannot be written.
    """
    folder = RunFolder(Path(out))
    opened = _open(config, folder, cache)
    config, context, study = opened.config, opened.context, opened.study
    folder.check(config, context.datasets.identity)
    if notify:
        for sentence in (*folder.extensions(config), *describe_losses(context)):
            notify(sentence)
    run_progress = RunProgress(study.name, len(opened.plan.cells), progress)
    executor = open_executor(jobs, context, run_progress.on_step)
    try:
        with folder.locked():
            folder.begin(config, context.datasets.identity)
            tasks = opened.tasks()
            schedule = None
            if progress and tasks:
                run_progress.on_trial(opened.count_finished())
                schedule = _schedule(opened, tasks, executor.submit_trial, executor.width)
            with (
                context.store.in_use(),
                timed(folder.path, schedule.duration if schedule else None),
            ):
                run_progress.begin(schedule)
                runner = Runner(context, folder, executor, run_progress)
                study.run(config, runner.run_cells)
    finally:
        executor.close()
    return open_run(folder.path)


def open_run(path: str | Path) -> Run:
    """Opens the folder of a run and analyses its finished cells.

    Raises:
        InvalidArgumentError: The folder holds no run.
    """
    folder = RunFolder(Path(path))
    values = folder.configuration()
    study = find_study(str(values.get("study")))
    config = parse_config(values, study.config, str(folder.path))
    rows, written = folder.rows(), read_completions(folder.completions)
    analysis = study.analyse(
        config, [{**flatten_row(row), COMPLETIONS: written.get(row["key"])} for row in rows]
    )
    if config.scorer_teaches:
        analysis = replace(analysis, notes=(*analysis.notes, _judge_note(config)))
    missing, note = _missing(study, config, rows)
    if note:
        analysis = replace(analysis, notes=(note, *analysis.notes))
    return Run(folder, config, analysis, missing)


def _missing(
    study: Study[Any], config: ExperimentConfig, rows: Sequence[Metrics]
) -> tuple[int | None, str]:
    """How many cells are missing (None: unknown), and a sentence on it, empty if none is."""
    try:
        missing, cells = count_unfinished(study, config, rows)
    except (ElasticCoreError, OSError) as error:
        # The rows of an arm are named by their hash, for which the corpus has to be read.
        return None, (
            f"Whether all cells are finished is unknown, because the data are elsewhere: {error}."
        )
    if not missing:
        return 0, ""
    return missing, (
        f"These are not the final results, because {missing:,} of "
        f"{counted(cells, 'cell', 'cells')} {'is' if missing == 1 else 'are'} missing. Repeat the "
        "command of the run to finish it."
    )


def describe_plan(
    config: ExperimentConfig,
    out: str | Path,
    *,
    jobs: int | str | None = None,
    cache: str | Path | None = None,
) -> str:
    """Describes what `experiment` would do with the same arguments, and how long it would take.

    For the time, a trial trains a few steps and takes every measurement once; nothing is kept.

    Raises:
        InvalidArgumentError: The configuration refers to missing data.
    """
    folder = RunFolder(Path(out))
    opened = _open(config, folder, cache)
    config, context, planned = opened.config, opened.context, opened.plan
    width = count_jobs(jobs, config.spec)
    finished = opened.count_finished()
    time = _estimated_time(opened, width)
    steps = (
        counted(planned.pretrainings, "pre-training", "pre-trainings"),
        counted(planned.trainings, "training", "trainings"),
        f"{counted(len(planned.cells), 'cell', 'cells')} to measure",
        *([f"{finished:,} of them finished"] if finished else []),
    )
    sides = context.datasets.rows.items()
    lines = (
        f"{config.study}: {', '.join(planned.models)}, {config.counted_seeds}",
        *(f"{side}: {examples.name}, {len(examples):,} rows" for side, examples in sides),
        ", ".join(steps),
        *_cost_of_separate(planned),
        *_branch_lines(config, planned.models),
        *_scorer_line(context),
        *describe_losses(context),
        *folder.extensions(config),
        f"time left: {time}",
    )
    return "\n".join(lines)


def _cost_of_separate(planned: Plan) -> tuple[str, ...]:
    """What it costs that one training does not pass through the models of all volumes."""
    trainings, curves = planned.separate
    if curves == trainings:
        return ()
    sentence = (
        f"{trainings:,} of the trainings would be {curves:,} if each number of rows could be taken "
        "from one training: with sft, dpo or simpo, one epoch, a constant learning rate, and "
        "warm_up in steps"
    )
    return (sentence,)


def _branch_lines(config: ExperimentConfig, models: Sequence[str]) -> Iterator[str]:
    """What the branches of pre-training cost, for each model that is pre-trained with branches."""
    if config.pretrain is None or not config.pretrain.branches:
        return
    for model in models:
        if ModelSpec.parse(model).kind is ModelKind.SCRATCH:
            schedule = pretraining_schedule(config, model)
            yield (
                f"{model}: {schedule.tokens:,} tokens for each pre-training, and "
                f"{schedule.decay_tokens:,} more to anneal its branches"
            )


def _judge_note(config: ExperimentConfig) -> str:
    """Which scorer taught models and which judged them."""
    return (
        f"Models learned from the {config.scorer.kind} scorer, by its rewards or the preferences "
        "it picked. The scores in this report are those of another: a linear classifier, trained "
        "on other rows, from which no model learned."
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run that is about to start or to be described.

    Attributes:
        study: The study.
        config: The configuration, with the number of rows of the scorer.
        context: Data, scorer and models.
        plan: The plan.
        rows: The rows of the finished cells.
    """

    study: Study[Any]
    config: ExperimentConfig
    context: RunContext
    plan: Plan
    rows: list[dict[str, Any]]

    def count_finished(self) -> int:
        """How many cells of the plan are finished."""
        finished = {row["key"] for row in self.rows}
        return sum(self.context.row_hash(cell) in finished for cell in self.plan.cells)

    def tasks(self) -> list[Task]:
        """The tasks that are left."""
        finished = {row["key"] for row in self.rows}
        diverged = {row.get("made") for row in self.rows if row.get("diverged")}

        def is_settled(cell: Cell) -> bool:
            has_model = self.context.path(cell) is not None
            return has_model or self.context.model_hash(cell) in diverged

        return pending_tasks(self.context, self.plan.cells, finished, is_settled)


def _open(config: ExperimentConfig, folder: RunFolder, cache: str | Path | None) -> _Opened:
    study = find_study(config.study)
    rows = folder.rows()
    cells = list_cells(study, config, rows)
    check_models(config, cells)
    config, context = open_with_scorer_rows(
        config,
        cells,
        ModelStore(Path(cache) if cache else folder.checkpoints),
        folder.scorer_rows(),
    )
    return _Opened(study, config, context, plan(study, config, context, rows), rows)


def _schedule(
    opened: _Opened,
    tasks: Sequence[Task],
    submit: "Callable[[Sequence[Cell]], Future[dict[str, ModelCosts]]]",
    width: int,
) -> Schedule | None:
    """The schedule of tasks from a trial; None if the trial is impossible."""
    try:
        models = submit([task.cell for task in tasks]).result()
    except ElasticCoreError:  # If it concerns the run, too, the run says so.
        return None
    costs = Costs(opened.config, models)
    return Schedule.of(costs, tasks, width, opened.context.model_hash)


def _estimated_time(opened: _Opened, width: int) -> str:
    """How long the tasks that are left take, in words."""
    tasks = opened.tasks()
    if not tasks:
        return "none, all cells are finished"
    executor = open_executor(1, opened.context, None)
    try:
        schedule = _schedule(opened, tasks, executor.submit_trial, width)
    finally:
        executor.close()
    return f"about {rough_duration(schedule.duration)}" if schedule else "unknown"


def _scorer_line(context: RunContext) -> Iterator[str]:
    """How many rows the linear scorers take, if there are any."""
    if not context.datasets.scorers:
        return
    what = "the scorer" if context.datasets.scorers == 1 else "each of two scorers"
    sides = (f"{len(rows):,} {side}" for side, rows in context.datasets.judge.items())
    yield f"rows for {what}: {', '.join(sides)}"
