"""How long a plan is likely to take: from cells that are done, else from a short trial here.

An estimate is for planning a day, not for a table: it is right to a factor of two or so.
"""

import time
from collections.abc import Sequence
from functools import cache
from statistics import fmean

from elastic_core.experiments.cells import Cell, Rows
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.executors import RAY, default_jobs
from elastic_core.experiments.plan import Plan
from elastic_core.experiments.work import Metrics
from elastic_core.models.spec import load_tree, scratch_size

_BYTES_PER_TOKEN = 4.0
_TRIAL_BYTES = 50_000
_TRIAL_PROMPTS = 8
_MATRIX = 512
_SHARE_OF_PEAK = 0.35
_GENERATION_SHARE = 0.07
_SECONDS_PER_TRAINING = 1.5


def estimate(
    plan: Plan, context: RunContext, rows: Sequence[Metrics], jobs: int | str | None
) -> float | None:
    """The seconds that what is left of a plan may take.

    Args:
        plan: The plan.
        context: What its cells are made with.
        rows: The rows that are done already, whose time is the best guide to that of their like.
        jobs: How many cells are worked on at once.

    Returns:
        The seconds; None where the size of a model cannot be found out.
    """
    done = {row["key"] for row in rows}
    times: dict[str, list[float]] = {}
    for row in rows:
        if "seconds" in row:
            times.setdefault(str(row.get("stage")), []).append(row["seconds"])
    total = 0.0
    for cell in plan.cells:
        if context.key(cell) in done:
            continue
        if like := times.get(str(dict(cell.labels).get("stage"))):
            total += fmean(like)
            continue
        seconds = _seconds(context, cell)
        if seconds is None:
            return None
        total += seconds
    width = default_jobs(plan.models[0]) if jobs in (None, RAY) else int(jobs or 1)
    return total / width


def _seconds(context: RunContext, cell: Cell) -> float | None:
    """The time of one cell."""
    held_out = context.config.held_out
    drawn = held_out.prompts * held_out.tokens if cell.is_drawn else 0
    learned = _bytes_to_learn(context, cell)
    if cell.model.startswith("tree:"):
        per_byte, per_symbol = _tree_trial(context, cell.model)
        return 3 * learned * per_byte + drawn * per_symbol
    parameters = _parameters(cell.model)
    if parameters is None:
        return None
    speed = _flops()
    tokens = learned / _BYTES_PER_TOKEN
    training = 6 * parameters * tokens / (speed * _SHARE_OF_PEAK)
    measuring = 2 * parameters * drawn / speed * (4 / _SHARE_OF_PEAK + 1 / _GENERATION_SHARE)
    return training + measuring + (_SECONDS_PER_TRAINING if cell.training else 0.0)


def _bytes_to_learn(context: RunContext, cell: Cell) -> float:
    """The bytes that a cell's training goes over."""
    if cell.parent is None:
        pretrain = context.config.pretrain
        if pretrain is None or context.path(cell) is not None:
            return 0.0
        tokens = cell.tokens or pretrain.tokens
        is_tree = cell.model.startswith("tree:")
        if tokens is None:
            return float(context.corpus.size if context.corpus else 0)
        return tokens * (1.0 if is_tree else _BYTES_PER_TOKEN)
    if cell.training is None:
        return 0.0
    recipe = cell.training.recipe
    each = _bytes_of_a_row(context, recipe.max_length * _BYTES_PER_TOKEN)
    if recipe.steps is not None:
        return recipe.steps * recipe.batch * recipe.accumulation * each
    return _count(cell.training.rows) * each * recipe.epochs


def _count(rows: Rows) -> float:
    """How many rows there are, with those that are mixed into others."""
    if inner := getattr(rows, "rows", None):
        return _count(inner) * (1 + getattr(rows, "ratio", 0.0))
    stop = getattr(rows, "stop", getattr(rows, "count", 0))
    return float(stop - getattr(rows, "start", 0))


def _bytes_of_a_row(context: RunContext, most: float) -> float:
    rows = next(iter(context.sides.rows.values()))
    return min(most, fmean(len(text.encode()) for text in rows.texts()[:200]))


@cache
def _tree_trial(context: RunContext, model: str) -> tuple[float, float]:
    """Seconds for a byte that a tree model learns, and for one that it draws and tells about."""
    rows = next(iter(context.sides.rows.values()))
    texts = "".join(rows.texts()[:200])[:_TRIAL_BYTES]
    tree = load_tree(model)
    began = time.monotonic()
    tree.update([texts])
    per_byte = (time.monotonic() - began) / len(texts)
    prompts, tokens = rows.prompts()[:_TRIAL_PROMPTS], context.config.held_out.tokens
    began = time.monotonic()
    drawn = tree.draw(prompts, tokens=tokens)
    tree.log_distributions(prompts, drawn, tokens=tokens)
    per_symbol = 4 * (time.monotonic() - began) / (len(prompts) * tokens)
    return per_byte, per_symbol


@cache
def _parameters(model: str) -> int | None:
    """The parameters of a model, none of whose weights are loaded; None where it is not found."""
    if model.startswith("scratch:"):
        return scratch_size(model).parameters
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(model.removeprefix("hf:"), trust_remote_code=False)
        with torch.device("meta"):
            return int(AutoModelForCausalLM.from_config(config).num_parameters())
    except Exception:
        return None


@cache
def _flops() -> float:
    """Floating-point operations a second of one worker: a large product of matrices, tried."""
    import torch

    is_gpu = torch.cuda.is_available()
    size = _MATRIX * (8 if is_gpu else 1)
    kind = torch.bfloat16 if is_gpu else torch.float32
    matrix = torch.ones(size, size, device="cuda" if is_gpu else "cpu", dtype=kind)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(5):
        began = time.monotonic()
        float((matrix @ matrix)[0, 0])
        times.append(time.monotonic() - began)
    torch.set_num_threads(threads)
    return float(2 * size**3 / min(times))
