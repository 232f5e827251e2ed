"""Proposes a configuration: looks at the data, chooses sizes, tries them, estimates the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import counted, format_duration
from elastic_core.experiments.bases import check_exists
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import ExperimentConfig, apply_overrides, parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import list_cells, plan
from elastic_core.experiments.estimate.schedule import Costs, Schedule
from elastic_core.experiments.estimate.trial import run_trial
from elastic_core.experiments.executors import count_jobs
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.proposal.data import read_sides
from elastic_core.experiments.proposal.draft import MOST_SEEDS, Draft
from elastic_core.experiments.proposal.text import config_text
from elastic_core.experiments.runner import pending_tasks
from elastic_core.experiments.scorer_rows import open_with_scorer_rows
from elastic_core.experiments.studies.registry import find_study
from elastic_core.models.spec import ModelKind, ModelSpec

_FEWEST_SEEDS = 3
_ENOUGH_SECONDS = 200.0
"""More seeds than the fewest are proposed only as long as the run takes no longer."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed configuration.

    Attributes:
        text: The configuration, YAML with comments.
        sentences: What was found in the data and chosen, line by line.
        config: The configuration, validated.
        seconds: How long the run is expected to take here.
    """

    text: str
    sentences: tuple[str, ...]
    config: ExperimentConfig
    seconds: float


def propose(
    study: str,
    models: Sequence[str],
    positive: str,
    negative: str,
    *,
    corpus: str | None = None,
    overrides: Sequence[str] = (),
    notify: Callable[[str], object] | None = None,
) -> Proposal:
    """Proposes a configuration for one's own model and data.

    A trial trains a few steps and takes every measurement once; nothing is kept.

    Args:
        study: The name of the study.
        models: The model, as `ExperimentConfig.model` names it; for `scaling` several, from small
            to large.
        positive: The source of the rows of the positive side.
        negative: The source of those of the negative side.
        corpus: Text like the pre-training, which `springs` and new models need.
        overrides: `KEY=VALUE` each, which replace what is proposed.
        notify: Receives what is being done, for a person who waits.

    Raises:
        InvalidArgumentError: A file has no usable columns, there are too few rows, both sides are
            of one class, or the study does not fit the model.
        CorpusError: Data are damaged.
        ModelError: A model does not exist, or cannot be loaded or trained.
        OSError: A file is missing.
    """
    notify = notify or (lambda _: None)
    _check_models(study, models, corpus)
    values: dict[str, Any] = {
        "study": study,
        "model": models[0],
        "data": {"positive": {"source": positive}, "negative": {"source": negative}},
    }
    if corpus is not None:
        values["pretrain"] = {"corpus": corpus}
    chosen = apply_overrides(values, overrides)
    kind = find_study(study).config
    common = {key: value for key, value in chosen.items() if key in ExperimentConfig.model_fields}
    given = _parse(common, ExperimentConfig)
    notify("reading the data")
    draft = Draft(study, models, read_sides(given.data, models[0]), given)
    values |= draft.values()
    if draft.words is not None:
        values["data"]["prompt_words"] = draft.words
    config = _parse(apply_overrides(values, overrides), kind)
    notify("measuring how long training and measuring take")
    seeds, seconds, jobs = _choose_seeds(config, is_fixed="seeds" in chosen)
    values["seeds"] = seeds
    final = apply_overrides(values, overrides)
    config = _parse(final, kind)
    time = f"{counted(seeds, 'seed', 'seeds')}, about {format_duration(seconds)} on this machine"
    time += f" with {counted(jobs, 'job', 'jobs')}"
    sentences = (*draft.sentences(), time)
    return Proposal(config_text(draft.sections(final, time)), sentences, config, seconds)


def _check_models(study: str, models: Sequence[str], corpus: str | None) -> None:
    if study == "scaling" and len(models) < 2:
        raise InvalidArgumentError(
            "scaling compares models of several sizes; name each with `models`, from small to "
            "large, or choose another study for a single model"
        )
    if study != "scaling" and len(models) > 1:
        raise InvalidArgumentError(f"{study} takes one model; name one, or choose scaling")
    specs = [ModelSpec.parse(model) for model in models]
    for spec in specs:
        if spec.kind is ModelKind.TRANSFORMERS:
            check_exists(spec)
    needs = [spec.text for spec in specs if spec.is_new] or (
        ["springs"] if study == "springs" else []
    )
    if needs and corpus is None:
        raise InvalidArgumentError(
            f"{needs[0]} needs text like the pre-training; name some with --pretrain CORPUS"
        )
    if study == "algorithms" and specs[0].is_tree:
        raise InvalidArgumentError(
            f"algorithms: {models[0]} is a tree model, which only learns by sft; name a checkpoint"
        )


def _parse(values: Mapping[str, Any], kind: type[ExperimentConfig]) -> ExperimentConfig:
    return parse_config(values, kind, "proposed configuration")


def _choose_seeds(config: ExperimentConfig, *, is_fixed: bool) -> tuple[int, float, int]:
    """The number of seeds, the seconds that the run takes with them, and the jobs."""
    study = find_study(config.study)
    jobs = count_jobs(None, config.spec)
    most = config.seeds if is_fixed else MOST_SEEDS
    with TemporaryDirectory() as folder:
        whole = config.model_copy(update={"seeds": most})
        whole, context = open_with_scorer_rows(
            whole, list_cells(study, whole), ModelStore(Path(folder))
        )
        cells = plan(study, whole, context).cells
        costs = Costs(whole, run_trial(context, cells))

        def seconds(seeds: int) -> float:
            some = [cell for cell in cells if cell.seed < config.seed + seeds]
            tasks = pending_tasks(context, some, (), lambda cell: _exists(context, cell))
            return Schedule.of(costs, tasks, jobs, context.model_hash).duration

        if is_fixed:
            return most, seconds(most), jobs
        times = {seeds: seconds(seeds) for seeds in range(_FEWEST_SEEDS, most + 1)}
    affordable = list(takewhile(lambda seeds: times[seeds] <= _ENOUGH_SECONDS, times))
    seeds = affordable[-1] if affordable else _FEWEST_SEEDS
    return seeds, times[seeds], jobs


def _exists(context: RunContext, cell: Cell) -> bool:
    return context.path(cell) is not None
