"""What a run is going to do, before it does any of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import NEW, RunContext
from elastic_core.experiments.pretrained import check_root
from elastic_core.experiments.studies.study import Study
from elastic_core.experiments.work import Metrics


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a run.

    Attributes:
        study: Name of the study.
        cells: All that it asks for; where that depends on what comes of others, as many as it may
            come to.
    """

    study: str
    cells: tuple[Cell, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that lineages begin with."""
        return tuple(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def pretrainings(self) -> int:
        """How many models are pre-trained."""
        roots = (cell for cell in self.cells if cell.parent is None)
        return len({(cell.model, cell.tokens, cell.seed) for cell in roots if _is_new(cell)})

    @property
    def trainings(self) -> int:
        """How many trainings there are besides."""
        return sum(cell.training is not None for cell in self.cells)


def plan(study: Study[Any], config: ExperimentConfig, context: RunContext) -> Plan:
    """Goes through a study without training anything.

    Raises:
        InvalidArgumentError: A cell asks for what there is not.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """
    cells: dict[Cell, None] = {}

    def ask(asked: Sequence[Cell]) -> list[Metrics]:
        cells.update(dict.fromkeys(asked))
        return [{"seed": cell.seed, **dict(cell.labels)} for cell in asked]

    study.run(config, ask)
    found = Plan(study.name, tuple(cells))
    for cell in found.cells:
        if cell.parent is None:
            check_root(config, cell)
    checked = set[Any]()
    for cell in found.cells:
        for rows in ([cell.training.rows] if cell.training else []) + [s.rows for s in cell.sets]:
            if (rows, cell.seed) not in checked:
                checked.add((rows, cell.seed))
                rows.check(context.seed_context(cell.seed))
    return found


def _is_new(cell: Cell) -> bool:
    return cell.model.startswith(NEW)
