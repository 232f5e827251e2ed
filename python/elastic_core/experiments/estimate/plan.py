"""What a run is going to do, without training anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_core.experiments.bases import check_root, check_scorer
from elastic_core.experiments.cells import Cell, Label, Metrics, Rows
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import flatten_row
from elastic_core.experiments.studies.study import Study


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a run.

    Attributes:
        study: The name of the study.
        cells: All cells that it requests. Where later cells depend on results that are missing,
            those after the best ones: every training succeeds, and calibration tries one rate.
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


def list_cells(
    study: Study[Any], config: ExperimentConfig, rows: Sequence[Metrics] = ()
) -> tuple[Cell, ...]:
    """All cells of a study; see `Plan.cells`.

    Args:
        study: The study.
        config: Its configuration.
        rows: The rows of the finished cells, as in `metrics.jsonl`.

    Raises:
        InvalidArgumentError: The text of an arm is missing.
        CorpusError: The text of an arm is damaged.
        OSError: A file is missing.
    """
    finished = {_place(row["labels"]): flatten_row(row) for row in rows}
    cells: dict[Cell, None] = {}

    def answer(requested: Sequence[Cell]) -> list[Metrics]:
        cells.update(dict.fromkeys(requested))
        places = [_place(dict(cell.labels)) for cell in requested]
        if all(place in finished for place in places):
            return [finished[place] for place in places]
        return list(map(_expected, requested))

    study.run(config, answer)
    return tuple(cells)


def _expected(cell: Cell) -> Metrics:
    """The metrics of a cell that has not been processed, as far as later cells depend on them."""
    labels = dict(cell.labels)
    calibration = {"kl_base": float(labels.get("arm") == "same")}
    return {
        "seed": cell.seed,
        **(calibration if labels.get("stage") == "calibrate" else {}),
        **labels,
    }


def plan(
    study: Study[Any],
    config: ExperimentConfig,
    context: RunContext,
    rows: Sequence[Metrics] = (),
) -> Plan:
    """Lists and checks the cells of a study, and that models and scorer exist.

    Args:
        study: The study.
        config: Its configuration.
        context: Data, scorer and models.
        rows: The rows of the finished cells, as in `metrics.jsonl`.

    Raises:
        InvalidArgumentError: A cell refers to missing data or to a missing model.
        ModelError: A checkpoint is incomplete or does not exist.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """
    cells = list_cells(study, config, rows)
    roots = {(cell.model, cell.tokens): cell for cell in cells if cell.parent is None}
    for cell in roots.values():
        check_root(config, cell)
    check_scorer(config)
    checked = set[tuple[Rows, int]]()
    for cell in cells:
        training = [cell.training.rows] if cell.training else []
        for needed in (*training, *(texts.rows for texts in cell.sets)):
            if (needed, cell.seed) not in checked:
                checked.add((needed, cell.seed))
                needed.check(context.seed_context(cell.seed))
    return Plan(study.name, cells)


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
    finished = {_place(row["labels"]) for row in rows}
    cells = list_cells(study, config, rows)
    return sum(_place(dict(cell.labels)) not in finished for cell in cells), len(cells)


def _place(labels: Mapping[str, Label]) -> frozenset[tuple[str, Label]]:
    """Labels in a form that can be looked up."""
    return frozenset(labels.items())
