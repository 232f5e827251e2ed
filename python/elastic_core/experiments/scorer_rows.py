"""How many rows the linear scorer is trained on, where the configuration leaves it open."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import Config, ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.sections import MOST_SCORER_ROWS

_FEWEST = 2
_ROUNDS = 8


def open_with_scorer_rows(
    config: Config, cells: Sequence[Cell], store: ModelStore, stored: int | None = None
) -> tuple[Config, RunContext]:
    """Opens the data of a configuration, with `scorer.rows` set to a number.

    Where the configuration names none, it is the largest one, up to `MOST_SCORER_ROWS`, that leaves
    every cell its rows to train on. If there is none, the cells have too few rows anyway, and their
    own check says so.

    Args:
        config: The configuration.
        cells: All cells of the study.
        store: Where models are stored.
        stored: The number of an earlier run in the same folder, which stays.

    Returns:
        The configuration with the number, and its context.

    Raises:
        InvalidArgumentError: The configuration refers to missing data.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """
    if config.scorer.rows is not None:
        return config, RunContext(config, store)
    needed = _needed_rows(cells)
    rows = stored or MOST_SCORER_ROWS
    for _ in range(_ROUNDS):
        fixed, context = _opened(config, rows, store)
        spare = 0 if stored else _spare(context, needed)
        if spare is None:  # The scorer alone would take all rows; see how many there are.
            rows, fixed, context = _FEWEST, *_opened(config, _FEWEST, store)
            spare = _spare(context, needed) or 0
            if spare > 0:
                rows = min(MOST_SCORER_ROWS, rows + spare // context.datasets.scorers)
                continue
        if spare >= 0 or rows == _FEWEST:
            break
        rows = max(_FEWEST, rows + spare // context.datasets.scorers)
    return fixed, context


def _opened(config: Config, rows: int, store: ModelStore) -> tuple[Config, RunContext]:
    scorer = config.scorer.model_copy(update={"rows": rows})
    fixed = config.model_copy(update={"scorer": scorer})
    return fixed, RunContext(fixed, store)


def _spare(context: RunContext, needed: dict[str, int]) -> int | None:
    """Rows of the scarcest side that no cell needs, below 0 if some are missing.

    None: there are not even as many rows as the scorers take.
    """
    try:
        datasets = context.datasets
    except InvalidArgumentError:
        if context.config.scorer.rows == _FEWEST:
            raise
        return None
    if not datasets.scorers:
        return 0
    config: ExperimentConfig = context.config
    own = {side for side in datasets.sides if getattr(config.scorer, side) is not None}
    return min(
        (
            len(datasets.split(seed).pool[side]) - needed.get(side, 0)
            for seed in config.seed_range
            for side in datasets.sides
            if side not in own
        ),
        default=0,
    )


def _needed_rows(cells: Sequence[Cell]) -> dict[str, int]:
    """The rows of each side that the cells train on or are measured on, from the first one on."""
    needed: dict[str, int] = {}
    seen = set[Any]()
    for cell in cells:
        for part in _parts((cell.training, cell.sets, cell.measures), seen):
            side, stop = getattr(part, "side", None), getattr(part, "stop", None)
            if isinstance(side, str) and isinstance(stop, int):
                needed[side] = max(needed.get(side, 0), stop)
    return needed


def _parts(value: Any, seen: set[Any]) -> Iterator[Any]:
    """A value and all dataclasses in it, except cells and what has been seen."""
    if isinstance(value, tuple):
        for item in value:
            yield from _parts(item, seen)
    elif is_dataclass(value) and not isinstance(value, (Cell, type)) and value not in seen:
        seen.add(value)
        yield value
        for field in fields(value):
            yield from _parts(getattr(value, field.name), seen)
