"""A trial: how long the parts of a run take here, measured on its own model, rows and instruments.

Nothing is kept. Models that do not exist yet are replaced by the base, and the rows that they would
write by rows of the data.
"""

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.progress import Step
from elastic_core.experiments.arms.texts import BaseSamples
from elastic_core.experiments.bases import pretrain_root, pretraining_schedule
from elastic_core.experiments.cells import Cell, Measure, Row
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.shapes import (
    Shape,
    count_rows,
    instruments_of,
    rate_free,
    sampled_in,
    shape_of,
)
from elastic_core.experiments.estimate.stand_ins import StandIns, count_units, expansion
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.sections import Pretraining
from elastic_core.experiments.worker import measure_model, one_thread, reward_of
from elastic_core.models.protocol import DrawingModel
from elastic_core.models.spec import ModelKind, ModelSpec
from elastic_core.training.finetuning.recipe import ONLINE, Recipe
from elastic_core.training.finetuning.train import train
from elastic_core.training.pretraining.pretrain import choose_batch

_STEPS = 4
_ROWS = 64
_TOKENS = 8
_LONG = 1.5
_LONG_SAMPLING = 3.0
"""Seconds after which a part of the trial stops early, and the rest is extrapolated."""

_PRETRAINING_STEPS = 6
_TREE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelCosts:
    """How long the parts of cells of one model take, in seconds.

    Attributes:
        pretraining: Before the first step of its pre-training, and per token, or byte of a tree
            model; 0 if it exists.
        pretraining_volume: Tokens, or bytes, of all of it, annealed branches included.
        start: Before the first measurement in a process.
        loading: To load it.
        rates: To measure the losses of every cell.
        drawn: To sample completions of the held-out prompts, score and compare them.
        reference: To prepare that, once per seed and process.
        measures: By shape, to take a measurement or a loss, per row if it has any rows.
        preparations: By name of the instruments, to prepare them, once per seed and process.
        trainings: By recipe, before the first step, and per padded token, or per row of an
            algorithm that samples.
        lengths: By recipe and shape, padded tokens per row.
        sampling: By number of tokens, to sample a text.
    """

    pretraining: tuple[float, float]
    pretraining_volume: int
    start: float
    loading: float
    rates: float
    drawn: float
    reference: float
    measures: dict[Shape, float]
    preparations: dict[tuple[str, ...], float]
    trainings: dict[Recipe, tuple[float, float]]
    lengths: dict[tuple[Recipe, Shape], float]
    sampling: dict[int, float]


def run_trial(context: RunContext, cells: Sequence[Cell]) -> dict[str, ModelCosts]:
    """Measures how long the parts of cells take, for each model that lineages start from.

    Args:
        context: Data, scorer and models.
        cells: The cells. Of those that take equally long, one is tried, in the seed of the first.

    Raises:
        InvalidArgumentError: The cells refer to missing data.
        ModelError: A model cannot be loaded, trained or measured.
        OSError: The disk is full, or a file cannot be written.
    """
    by_model: dict[str, list[Cell]] = {}
    for cell in cells:
        by_model.setdefault(cell.model, []).append(cell)
    costs = {}
    for model, some in by_model.items():
        with TemporaryDirectory() as folder, one_thread(context, some[0]):
            costs[model] = _ModelTrial(context, some, Path(folder)).costs()
    return costs


class _ModelTrial:
    """The trial of one model.

    Args:
        context: Data, scorer and models.
        cells: The cells whose lineage starts from the model.
        folder: An empty folder for everything that the trial writes.
    """

    def __init__(self, context: RunContext, cells: Sequence[Cell], folder: Path) -> None:
        self._cells = cells
        self._folder = folder
        self._root = next((cell for cell in cells if cell.parent is None), cells[0].root)
        self._context = context.with_store(
            ModelStore(folder / "models"), shares_models=not self._root.spec.is_new
        )
        self._seed_context = self._context.seed_context(self._root.seed)

    def costs(self) -> ModelCosts:
        """Measures everything."""
        pretraining = self._pretraining()
        empty = Cell((), self._root.seed, self._root.model, is_drawn=False, has_rates=False)
        base = replace(empty, parent=self._root)
        start = _seconds(measure_model, self._context, base)  # Imports libraries, fits the scorer.
        loading = _seconds(measure_model, self._context, base)
        model = self._context.model(self._root)
        rates = drawn = reference = 0.0
        if any(cell.has_rates for cell in self._cells):
            rated = replace(base, has_rates=True)
            rates = _seconds(measure_model, self._context, rated) - loading
        if any(cell.is_drawn for cell in self._cells):
            drawing = replace(base, is_drawn=True)
            reference = _seconds(self._context.reference, self._root)
            drawn = _seconds(measure_model, self._context, drawing) - loading
        preparations, measures = self._measures(model)
        trainings, lengths = self._trainings(model)
        return ModelCosts(
            pretraining=pretraining,
            pretraining_volume=self._volume(),
            start=max(0.0, start - loading),
            loading=loading,
            rates=max(0.0, rates),
            drawn=max(0.0, drawn),
            reference=reference,
            measures=measures,
            preparations=preparations,
            trainings=trainings,
            lengths=lengths,
            sampling=self._sampling(model),
        )

    def _pretraining(self) -> tuple[float, float]:
        """Pre-trains a base on little, which then takes the place of the root."""
        root = self._root
        if not root.spec.is_new:
            self._root = replace(root, measures=(), sets=())
            return 0.0, 0.0
        settings = self._context.config.pretrain
        whole = Cell((("stage", "trial"),), root.seed, root.model)
        times: list[tuple[int, float]] = []

        def note(step: Step) -> None:
            if step.phase == "train":
                times.append((step.done, time.monotonic()))

        start = time.monotonic()
        trial = self._context
        if root.spec.kind is ModelKind.SCRATCH:
            trial = _with_little_pretraining(trial, root.model)
            pretrain_root(trial, whole, note)
            costs = _line(start, times)
        else:
            size = _TREE_BYTES
            if settings and settings.tokens:
                size = min(size, settings.tokens)
            texts = self._seed_context.pretraining(size)
            rows = [{"text": text} for text in texts]
            train(root.model, rows, Recipe(), trial.store.path(trial.model_hash(whole)), seed=0)
            per_byte = (time.monotonic() - start) / sum(len(text.encode()) for text in texts)
            costs = 0.0, per_byte
        made = trial.existing_path(whole)
        self._root = Cell((("stage", "trial"),), root.seed, made)
        return costs

    def _volume(self) -> int:
        """Tokens, or bytes of a tree model, that the whole pre-training reads."""
        context, model = self._context, self._cells[0].model
        settings = context.config.pretrain
        if settings is None:
            return 0
        if ModelSpec.parse(model, must_exist=False).kind is ModelKind.SCRATCH:
            schedule = pretraining_schedule(context.config, model)
            return schedule.tokens + schedule.decay_tokens
        return settings.tokens or (context.corpus.size if context.corpus else 0)

    def _measures(
        self, model: DrawingModel
    ) -> tuple[dict[tuple[str, ...], float], dict[Shape, float]]:
        """Times the preparation of instruments, and every kind of measurement and text set."""
        stand_ins = StandIns(self._context, self._root)
        preparations: dict[tuple[str, ...], float] = {}
        measures: dict[Shape, float] = {}
        empty = Cell((), self._root.seed, self._root.model, self._root, is_drawn=False)
        empty = replace(empty, has_rates=False)
        for cell in self._cells:
            for part in (*cell.measures, *cell.sets):
                if (shape := shape_of(part)) in measures:
                    continue
                tried = stand_ins.part(part)
                if (names := instruments_of(tried)) and names not in preparations:
                    preparations[names] = _seconds(
                        self._seed_context.instruments, self._root, names
                    )
                for rows in sampled_in(tried):
                    rows.resolve(self._seed_context)
                if isinstance(tried, Measure):
                    seconds = _seconds(tried.take, model, self._seed_context)
                else:
                    cell_of_set = replace(empty, sets=(tried,))
                    seconds = _seconds(measure_model, self._context, cell_of_set)
                measures[shape] = seconds / (count_rows(tried) or 1)
        return preparations, measures

    def _trainings(
        self, model: DrawingModel
    ) -> tuple[dict[Recipe, tuple[float, float]], dict[tuple[Recipe, Shape], float]]:
        """Trains a few steps with each recipe, and measures the rows of each training."""
        stand_ins = StandIns(self._context, self._root)
        trainings: dict[Recipe, tuple[float, float]] = {}
        lengths: dict[tuple[Recipe, Shape], float] = {}
        for cell in self._cells:
            if cell.training is None:
                continue
            recipe, rows = rate_free(cell.training.recipe), cell.training.rows
            if (recipe, shape_of(rows)) in lengths:
                continue
            step = recipe.batch * recipe.accumulation
            some = stand_ins.rows(rows, max(_ROWS, _STEPS * step))
            per_row = count_units(model, some, recipe) / len(some) * expansion(rows)
            lengths[recipe, shape_of(rows)] = per_row
            if recipe not in trainings:
                used = some[: _STEPS * step]
                fixed, per_unit = self._training(cell, recipe, used, len(trainings))
                trainings[recipe] = fixed, per_unit / (count_units(model, used, recipe) / len(used))
        return trainings, lengths

    def _training(
        self, cell: Cell, recipe: Recipe, rows: list[Row], number: int
    ) -> tuple[float, float]:
        """Seconds before the first step, and per row."""
        training = cell.training
        reward = None
        if training is not None and recipe.algorithm in ONLINE:
            reward = reward_of(self._context, training)
        out = self._folder / f"trained-{number}"
        base = self._context.existing_path(self._root)
        times: list[tuple[int, float]] = []
        steps = 0

        def note(step: Step) -> None:
            nonlocal steps
            steps = step.total
            times.append((step.done, time.monotonic()))
            if len(times) > 2 and times[-1][1] - times[0][1] > _LONG:
                raise _EnoughError

        rate = cell.training.recipe.learning_rate if cell.training else 1e-6
        recipe = replace(recipe, learning_rate=rate)
        start = time.monotonic()
        if self._root.spec.is_tree:
            fixed = _seconds(partial(train, base, rows[:1], recipe, self._folder / "one", seed=0))
            seconds = _seconds(partial(train, base, rows, recipe, out, seed=0))
            return fixed, max(0.0, seconds - fixed) / len(rows)
        try:
            train(base, rows, recipe, out, seed=0, reward=reward, progress=note)
        except _EnoughError:
            fixed, per_step = _line(start, times)
        else:
            per_step = _line(start, times)[1]
            fixed = time.monotonic() - start - steps * per_step
        return max(0.0, fixed), per_step * steps / len(rows)

    def _sampling(self, model: DrawingModel) -> dict[int, float]:
        """Times the sampling of texts that models write."""
        sampling: dict[int, float] = {}
        for cell in self._cells:
            for rows in sampled_in((cell.training, cell.sets, cell.measures)):
                tokens, prompts = rows.tokens, [""]
                if tokens in sampling:
                    continue
                if not isinstance(rows, BaseSamples):
                    prompts = self._seed_context.prompts()
                prompts = (prompts * _ROWS)[:_ROWS]
                few = min(tokens, _TOKENS)
                seconds = _seconds(partial(model.generate, prompts, tokens=few))
                if few < tokens:
                    more = min(tokens, max(2 * few, int(few * _LONG_SAMPLING / max(seconds, 1e-9))))
                    longer = _seconds(partial(model.generate, prompts, tokens=more))
                    seconds += max(0.0, longer - seconds) * (tokens - few) / (more - few)
                sampling[tokens] = seconds / _ROWS
        return sampling


def _with_little_pretraining(context: RunContext, model: str) -> RunContext:
    """The same context, with a pre-training of a few steps."""
    settings = context.config.pretrain
    if settings is None:
        raise InvalidArgumentError(f"{model}: no corpus to pre-train on; set pretrain.corpus")
    _, batch = choose_batch(model, settings.context)
    few = Pretraining(
        corpus=settings.corpus,
        text_key=settings.text_key,
        split=settings.split,
        tokens=_PRETRAINING_STEPS * batch,
        context=settings.context,
    )
    other = copy(context)
    other.config = context.config.model_copy(update={"pretrain": few})
    return other


class _EnoughError(Exception):
    """Ends a trial training that has taken long enough."""


def _line(start: float, times: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Seconds before the first unit, and per unit, from the times at which some were done."""
    known = [(done, at) for done, at in times if done]
    if len(known) < 2:
        end = known[-1] if known else (1, time.monotonic())
        return 0.0, (end[1] - start) / end[0]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(known) if b[0] > a[0]]
    per_unit = fmean(slopes)
    return max(0.0, known[0][1] - start - known[0][0] * per_unit), per_unit


def _seconds(work: Callable[..., object], *arguments: Any) -> float:
    start = time.monotonic()
    work(*arguments)
    return time.monotonic() - start
