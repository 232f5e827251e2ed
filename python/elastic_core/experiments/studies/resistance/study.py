"""Resistance (Table 1 and 2): is it easier to return to an earlier model than to reach a later one?

One epoch is cut into slices that a model learns one after another: theta_1, theta_2, ... Each of
them answers held-out prompts. Forward training trains theta_k on the answers of theta_l, k < l;
inverse training trains theta_l on those of theta_k. The paper compares the final losses of the two,
which are measured on different targets; `gaps` separates the difficulty of the targets from
resistance. AdamW is reset for every slice.

An answer of the full length `held_out.tokens` is learned as if it ended there, so the ends of
answers count in the final training loss; all other losses leave them out.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Cell, Metrics, RunCells, TextSet, TrainingStep
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.fields import Count
from elastic_core.experiments.rows import Answers, Subset
from elastic_core.experiments.studies.resistance.gaps import FRESH, LEARNED, read_pairs
from elastic_core.experiments.studies.resistance.report import figure, findings, tables
from elastic_core.experiments.studies.study import Study, base


class ResistanceConfig(ExperimentConfig):
    """The configuration of resistance.

    Attributes:
        rows: Rows of the positive side in the epoch.
        slices: Number of slices of the epoch.
        answers: Answers of each model that others are trained on; as many again are held out.
    """

    study: Literal["resistance"] = "resistance"
    rows: Count = 3000
    slices: int = Field(default=3, ge=2)
    answers: Count = 500

    @property
    def answer_prompts(self) -> int:
        """Number of prompts to answer; even together with the prompts that models are measured on.

        So both sides can hold out equally many.
        """
        count = 2 * self.answers
        return count + (self.held_out.prompts + count) % 2


def run(config: ResistanceConfig, run_cells: RunCells) -> None:
    """Requests the model after each slice, and each model trained on the answers of each other."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        models = [root, *_slices(config, root)]
        cells += [*models, *_probes(config, models), *_trainings(config, models)]
    run_cells(cells)


def _slices(config: ResistanceConfig, root: Cell) -> list[Cell]:
    """The models after each slice of the epoch."""
    cells = []
    parent = root
    for number in range(1, config.slices + 1):
        start, stop = (config.rows * at // config.slices for at in (number - 1, number))
        training = TrainingStep(Subset("positive", stop, start), config.build_recipe())
        labels = (("stage", "slice"), ("slice", number), ("seed", root.seed))
        parent = Cell(labels, root.seed, root.model, parent, training)
        cells.append(parent)
    return cells


def _probes(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """The losses of each model, the base included (number 0), on the answers of all models."""
    sets = tuple(
        _text_set(f"{kind}_{number}", _answers(config, author, kind))
        for number, author in enumerate(models)
        if number
        for kind in (LEARNED, FRESH)
    )
    return [
        Cell(
            (("stage", "probe"), ("model", number), ("seed", model.seed)),
            model.seed,
            model.model,
            model,
            sets=sets,
            is_drawn=False,
        )
        for number, model in enumerate(models)
    ]


def _trainings(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """Each model except the base, trained on the answers of each other one."""
    cells = []
    for number, model in enumerate(models):
        for target, author in enumerate(models):
            if 0 in (number, target) or number == target:
                continue
            training = TrainingStep(_answers(config, author, LEARNED), config.build_recipe())
            sets = (
                _text_set(LEARNED, _answers(config, author, LEARNED)),
                _text_set(FRESH, _answers(config, author, FRESH)),
                _text_set("own", _answers(config, model, FRESH)),
            )
            stage = (("stage", "train"), ("model", number), ("target", target))
            labels = (*stage, ("seed", model.seed))
            cells.append(Cell(labels, model.seed, model.model, model, training, sets=sets))
    return cells


def _text_set(name: str, answers: Answers) -> TextSet:
    return TextSet(name, answers, is_whole=False, has_ends=False)


def _answers(config: ResistanceConfig, author: Cell, kind: str) -> Answers:
    """The answers of a model that others learn, or the other half."""
    start = config.answers if kind == FRESH else 0
    return Answers(author, config.held_out.tokens, start + config.answers, start)


def analyse(config: ResistanceConfig, rows: Sequence[Metrics]) -> Analysis:
    """Tests whether returning is easier, as the paper measures it and adjusted for difficulty."""
    grid = Grid(rows, config.seed_range)
    pairs = read_pairs(grid, config.slices)
    return Analysis(
        study="resistance",
        question=(
            "Is it easier to train a model back to an earlier state than on to a later one? And "
            "is that resistance, or are the answers of later models just harder to learn?"
        ),
        protocol=(
            f"{config.model} was trained on {config.rows:,} rows in {config.slices} slices, with "
            f"{config.counted_seeds}. The model after each slice answered {2 * config.answers:,} "
            "held-out prompts. Forward, each model was trained on one half of the answers of every "
            "later model; inverse, on one half of those of every earlier model. Losses are in nats "
            "per token of the completions, on the half that was learned and on the half that was "
            "not."
        ),
        findings=findings(pairs),
        tables=tables(pairs),
        figures=(figure(pairs),),
        notes=grid.notes(),
    )


STUDY = Study("resistance", ResistanceConfig, run, analyse)
