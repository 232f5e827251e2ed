"""What a run is going to do and roughly how long it takes, without training anything.

An estimate serves to plan a day; it is right within a factor of about two.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Any

from elastic_core.experiments.bases import check_root, check_scorer
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.executors import count_jobs
from elastic_core.experiments.folder import flatten_row
from elastic_core.experiments.studies.study import Study
from elastic_core.models.spec import ModelKind, ModelSpec, load_tree

_BYTES_PER_TOKEN = 4.0
_TRIAL_BYTES = 50_000
_TRIAL_PROMPTS = 8
_MATRIX = 512
_SHARE_OF_PEAK = 0.35
_GENERATION_SHARE = 0.07
_SECONDS_PER_TRAINING = 1.5
_SECONDS_OF_INSTRUMENTS = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a run.

    Attributes:
        study: The name of the study.
        cells: All cells that it requests; where later cells depend on results, the most that there
            can be.
    """

    study: str
    cells: tuple[Cell, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that lineages start from."""
        return tuple(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def pretrainings(self) -> int:
        """How many models are pre-trained."""
        roots = [cell for cell in self.cells if cell.parent is None and cell.spec.is_new]
        return len({(cell.model, cell.tokens, cell.seed) for cell in roots})

    @property
    def trainings(self) -> int:
        """How many other trainings there are; one gives all models of its curve."""
        return sum(cell.is_trained for cell in self.cells)

    @property
    def separate(self) -> tuple[int, int]:
        """The trainings that could be curves but for their recipe, and how many curves they are."""
        trainings = [
            cell
            for cell in self.cells
            if cell.training and cell.measures and not cell.training.is_ordered
        ]
        growing = {"align": "align", "arm": "dose"}
        curves = set()
        for cell in trainings:
            labels = dict(cell.labels)
            labels.pop(growing.get(str(labels["stage"]), ""), None)
            curves.add((cell.parent, tuple(labels.items())))
        return len(trainings), len(curves)


def plan(study: Study[Any], config: ExperimentConfig, context: RunContext) -> Plan:
    """Lists and checks the cells of a study, and that models and scorer exist.

    Raises:
        InvalidArgumentError: A cell refers to missing data or to a missing model.
        ModelError: A checkpoint is incomplete or does not exist.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """
    cells: dict[Cell, None] = {}

    def collect(requested: Sequence[Cell]) -> list[Metrics]:
        cells.update(dict.fromkeys(requested))
        return [{"seed": cell.seed, **dict(cell.labels)} for cell in requested]

    study.run(config, collect)
    roots = {(cell.model, cell.tokens): cell for cell in cells if cell.parent is None}
    for cell in roots.values():
        check_root(config, cell)
    check_scorer(config)
    checked = set[tuple[Rows, int]]()
    for cell in cells:
        training = [cell.training.rows] if cell.training else []
        for rows in (*training, *(texts.rows for texts in cell.sets)):
            if (rows, cell.seed) not in checked:
                checked.add((rows, cell.seed))
                rows.check(context.seed_context(cell.seed))
    return Plan(study.name, tuple(cells))


def count_unfinished(
    study: Study[Any], config: ExperimentConfig, rows: Sequence[Metrics]
) -> tuple[int, int]:
    """Counts the cells of a study that have no row, and all of them.

    Where later cells depend on results that are missing, there are at most so many.

    Args:
        study: The study.
        config: Its configuration.
        rows: The rows of the finished cells, as in `metrics.jsonl`.
    """
    finished = {_place(row["labels"]): flatten_row(row) for row in rows}
    cells: dict[Cell, bool] = {}

    def answer(requested: Sequence[Cell]) -> list[Metrics]:
        places = [_place(dict(cell.labels)) for cell in requested]
        cells.update(
            (cell, place in finished) for cell, place in zip(requested, places, strict=True)
        )
        if all(cells.values()):
            return [finished[place] for place in places]
        return [{"seed": cell.seed, **dict(cell.labels)} for cell in requested]

    study.run(config, answer)
    return list(cells.values()).count(False), len(cells)


def _place(labels: Mapping[str, Label]) -> frozenset[tuple[str, Label]]:
    """Labels in a form that can be looked up."""
    return frozenset(labels.items())


def estimate(
    plan: Plan, context: RunContext, rows: Sequence[Metrics], jobs: int | str | None
) -> float | None:
    """Estimates the seconds that the unfinished cells of a plan take.

    Finished cells of the same stage are the best guide; without any, a short trial is run here.

    Args:
        plan: The plan.
        context: Data, scorer and models.
        rows: The rows of the finished cells, labels included.
        jobs: How many cells are processed at once, as in `open_executor`.

    Returns:
        The seconds; None if the size of a model is unknown.

    Raises:
        InvalidArgumentError: `jobs` is invalid.
    """
    width = count_jobs(jobs, plan.cells[0].spec)
    done = {row["key"] for row in rows}
    times: dict[str, list[float]] = {}
    for row in rows:
        if "seconds" in row:
            times.setdefault(str(row.get("stage")), []).append(row["seconds"])
    total = 0.0
    for cell in plan.cells:
        if context.row_hash(cell) in done:
            continue
        if similar := times.get(str(dict(cell.labels).get("stage"))):
            total += fmean(similar)
            continue
        seconds = _cell_seconds(context, cell)
        if seconds is None:
            return None
        total += seconds
    return total / width


def _cell_seconds(context: RunContext, cell: Cell) -> float | None:
    held_out = context.config.held_out
    drawn = held_out.prompts * held_out.tokens if cell.is_drawn else 0
    learned = _bytes_to_learn(context, cell)
    spec = cell.spec
    if spec.is_tree:
        per_byte, per_symbol = _tree_trial(context, cell.model)
        return 3 * learned * per_byte + drawn * per_symbol
    parameters = _parameters(spec)
    if parameters is None:
        return None
    speed = _operations_per_second()
    tokens = learned / _BYTES_PER_TOKEN
    training = 6 * parameters * tokens / (speed * _SHARE_OF_PEAK)
    measuring = 2 * parameters * drawn / speed * (4 / _SHARE_OF_PEAK + 1 / _GENERATION_SHARE)
    return (
        training
        + measuring
        + (_SECONDS_PER_TRAINING if cell.is_trained else 0.0)
        + (_SECONDS_OF_INSTRUMENTS if cell.measures else 0.0)
    )


def _bytes_to_learn(context: RunContext, cell: Cell) -> float:
    """The bytes that a cell's training reads, over all epochs."""
    if cell.parent is None:
        pretrain = context.config.pretrain
        if pretrain is None or context.path(cell) is not None:
            return 0.0
        tokens = cell.tokens or pretrain.tokens
        if tokens is None:
            return float(context.corpus.size if context.corpus else 0)
        return tokens * (1.0 if cell.spec.is_tree else _BYTES_PER_TOKEN)
    if cell.training is None or not cell.is_trained:
        return 0.0
    recipe = cell.training.recipe
    per_row = _bytes_per_row(context, recipe.max_length * _BYTES_PER_TOKEN)
    if recipe.steps is not None:
        return recipe.steps * recipe.batch * recipe.accumulation * per_row
    return _count_rows(cell.training.rows) * per_row * recipe.epochs


def _count_rows(rows: Rows) -> float:
    """How many rows there are, including those mixed in."""
    if inner := getattr(rows, "rows", None):
        return _count_rows(inner) * (1 + getattr(rows, "ratio", 0.0))
    return float(getattr(rows, "stop", 0) - getattr(rows, "start", 0))


def _bytes_per_row(context: RunContext, limit: float) -> float:
    rows = next(iter(context.datasets.rows.values()))
    return min(limit, fmean(len(text.encode()) for text in rows.texts()[:200]))


@cache
def _tree_trial(context: RunContext, model: str) -> tuple[float, float]:
    """Seconds per byte that a tree model learns, and per symbol that it draws and measures."""
    rows = next(iter(context.datasets.rows.values()))
    texts = "".join(rows.texts()[:200])[:_TRIAL_BYTES]
    tree = load_tree(model)
    start = time.monotonic()
    tree.update([texts])
    per_byte = (time.monotonic() - start) / len(texts)
    prompts, tokens = rows.prompts()[:_TRIAL_PROMPTS], context.config.held_out.tokens
    start = time.monotonic()
    drawn = tree.draw(prompts, tokens=tokens)
    tree.log_distributions(prompts, drawn, tokens=tokens)
    per_symbol = 4 * (time.monotonic() - start) / (len(prompts) * tokens)
    return per_byte, per_symbol


@cache
def _parameters(spec: ModelSpec) -> int | None:
    """The number of parameters, without loading weights; None if it cannot be found out."""
    if spec.kind is ModelKind.SCRATCH:
        return spec.size.parameters
    if spec.kind is not ModelKind.TRANSFORMERS:
        return None
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from elastic_core.models.transformers.checkpoint import check_layers

    try:
        config = AutoConfig.from_pretrained(spec.name, trust_remote_code=False)
        check_layers(config)
        with torch.device("meta"):
            return int(AutoModelForCausalLM.from_config(config).num_parameters())
    except Exception:
        return None


@cache
def _operations_per_second() -> float:
    """Floating-point operations per second of one worker, measured on a matrix product."""
    import torch

    is_gpu = torch.cuda.is_available()
    size = _MATRIX * (8 if is_gpu else 1)
    kind = torch.bfloat16 if is_gpu else torch.float32
    matrix = torch.ones(size, size, device="cuda" if is_gpu else "cpu", dtype=kind)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(5):
        start = time.monotonic()
        float((matrix @ matrix)[0, 0])
        times.append(time.monotonic() - start)
    torch.set_num_threads(threads)
    return float(2 * size**3 / min(times))
