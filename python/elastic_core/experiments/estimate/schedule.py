"""How long a run takes: what each cell costs, and how cells share the workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from elastic_core.experiments.arms.texts import BLOCK, BaseSamples
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.estimate.shapes import (
    count_rows,
    instruments_of,
    rate_free,
    sampled_in,
    shape_of,
)
from elastic_core.experiments.estimate.trial import ModelCosts
from elastic_core.experiments.rows import PAIRS_BLOCK, Answers
from elastic_core.experiments.runner import Task
from elastic_core.models.spec import ModelKind


@dataclass(frozen=True, slots=True)
class Costs:
    """What the cells of a run cost, from a trial.

    Attributes:
        config: The configuration.
        models: The costs of each model that lineages start from.
    """

    config: ExperimentConfig
    models: Mapping[str, ModelCosts]

    def seconds(self, cell: Cell, *, is_measured: bool) -> float:
        """Seconds to train and measure a cell, without what `once` lists."""
        costs = self.models[cell.model]
        total = 0.0
        if cell.parent is None and cell.spec.is_new:
            total += self._pretraining(cell, costs)
        if cell.training is not None and cell.is_trained:
            recipe, rows = cell.training.recipe, cell.training.rows
            free = rate_free(recipe)
            fixed, per_unit = costs.trainings[free]
            count = count_rows(rows) * recipe.epochs
            if recipe.steps is not None:
                count = recipe.steps * recipe.batch * recipe.accumulation
            total += fixed + count * costs.lengths[free, shape_of(rows)] * per_unit
        if is_measured:
            total += costs.loading + cell.has_rates * costs.rates + cell.is_drawn * costs.drawn
            for part in (*cell.measures, *cell.sets):
                total += costs.measures[shape_of(part)] * (count_rows(part) or 1)
        return total

    def once(
        self, cell: Cell, model_hash: Callable[[Cell], str], *, is_measured: bool
    ) -> Iterator[tuple[Any, float, bool]]:
        """What the first of several cells prepares for all.

        Args:
            cell: The cell.
            model_hash: The hash of a cell's model.
            is_measured: Whether the cell is measured, not only trained.

        Yields:
            What it is, the seconds that it takes, and whether each process does it again.
        """
        costs = self.models[cell.model]
        yield "start", costs.start, True
        parts: list[Any] = [cell.training] if cell.is_trained else []
        if is_measured:
            parts += [*cell.measures, *cell.sets]
            if cell.is_drawn:
                yield ("reference", cell.model, cell.root.tokens, cell.seed), costs.reference, True
            for measure in cell.measures:
                if names := instruments_of(measure):
                    place = (names, cell.model, cell.root.tokens, cell.seed)
                    yield place, costs.preparations.get(names, 0.0), True
        for rows in sampled_in(tuple(parts)):
            per_text, author = costs.sampling[rows.tokens], model_hash(rows.author)
            if isinstance(rows, BaseSamples):
                for block in range(rows.start // BLOCK, -(-rows.stop // BLOCK)):
                    yield (author, rows.tokens, rows.draw, block), per_text * BLOCK, False
            elif isinstance(rows, Answers):
                yield (author, rows.tokens), per_text * self.config.answer_prompts, False
            else:
                texts = PAIRS_BLOCK * rows.candidates
                for block in range(-(-rows.stop // PAIRS_BLOCK)):
                    yield (author, rows.side, block), per_text * texts, False

    def _pretraining(self, cell: Cell, costs: ModelCosts) -> float:
        """Seconds to pre-train a root, or to copy it from a pre-training."""
        settings = self.config.pretrain
        is_copied = cell.tokens is not None and cell.spec.kind is ModelKind.SCRATCH
        if settings is None or is_copied:
            return 0.0
        fixed, per_unit = costs.pretraining
        return fixed + per_unit * (cell.tokens or costs.pretraining_volume)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the tasks of a run are expected to go.

    Attributes:
        costs: The costs of its cells.
        seconds: Seconds of each task, by the name of its cell.
        duration: Seconds from the first to the last, with several workers.
    """

    costs: Costs
    seconds: Mapping[str, float]
    duration: float

    @classmethod
    def of(
        cls,
        costs: Costs,
        tasks: Sequence[Task],
        width: int,
        model_hash: Callable[[Cell], str],
    ) -> "Schedule":
        """Simulates how workers process tasks, each as soon as the models it needs exist.

        Args:
            costs: The costs of the cells.
            tasks: The tasks, each after those whose models it needs.
            width: The number of workers.
            model_hash: The hash of a cell's model.
        """
        made = [model_hash(task.cell) for task in tasks]
        needs = [frozenset(map(model_hash, task.cell.needs)) for task in tasks]
        awaited = set(made)
        seconds: dict[str, float] = {}
        waiting, now = list(range(len(tasks))), 0.0
        running: list[tuple[float, int, int]] = []
        idle = list(range(min(width, max(1, len(tasks)))))
        prepared: list[set[Any]] = [set() for _ in idle]
        shared: set[Any] = set()
        while waiting or running:
            busy = {made[at] for _, at, _ in running}
            ready = (at for at in waiting if made[at] not in busy and not (needs[at] & awaited))
            at = next(ready, None) if idle else None
            if at is None:
                now, at, worker = heappop(running)
                awaited.discard(made[at])
                idle.append(worker)
                continue
            waiting.remove(at)
            task, worker = tasks[at], idle.pop(0)
            own = costs.seconds(task.cell, is_measured=task.is_measured)
            for place, extra, each in costs.once(
                task.cell, model_hash, is_measured=task.is_measured
            ):
                known = prepared[worker] if each else shared
                own += 0.0 if place in known else extra
                known.add(place)
            seconds[task.cell.name] = own
            heappush(running, (now + own, at, worker))
        return cls(costs, seconds, now)
