"""Resistance (Table 1 and 2): is it easier to go back to an earlier model than on to a later?

An epoch is cut into slices, which a model learns one after another: theta_1, theta_2, ... Each of
them answers held-out prompts. Forward, theta_k is trained on the answers of theta_l, k < l;
inverse, theta_l on those of theta_k. The paper compares the final losses of the two, which are on
different targets; `elastic_core.experiments.studies.targets` says how their difficulty is told
apart from resistance. AdamW begins anew with every slice.

An answer that is as long as `held_out.tokens` allows is learned as if it ended there. So the ends
of answers are in the final training loss, and left out of all other losses.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Cell, Metrics, RunCells, TextSet, TrainingStep
from elastic_core.experiments.config import Count, ExperimentConfig
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.rows import Answers, Subset
from elastic_core.experiments.studies.lineage import base
from elastic_core.experiments.studies.resistance_findings import findings
from elastic_core.experiments.studies.resistance_report import figure, tables
from elastic_core.experiments.studies.study import Study
from elastic_core.experiments.studies.targets import FRESH, LEARNED, pairs


class ResistanceConfig(ExperimentConfig):
    """The configuration of resistance.

    Attributes:
        rows: Rows of the positive side in the epoch.
        slices: How many slices it is cut into.
        answers: Answers of each model that another is trained on; it gives as many again, which
            losses are taken on.
    """

    study: Literal["resistance"] = "resistance"
    rows: Count = 3000
    slices: int = Field(default=3, ge=2)
    answers: Count = 500

    @property
    def answer_prompts(self) -> int:
        """Prompts to answer, an even number together with those that are measured on."""
        count = 2 * self.answers
        return count + (self.held_out.prompts + count) % 2


def run(config: ResistanceConfig, run_cells: RunCells) -> None:
    """Asks for the models after each slice, and for every training of one on another's answers."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        models = [root, *_slices(config, root)]
        cells += [*models, *_probes(config, models), *_trainings(config, models)]
    run_cells(cells)


def _slices(config: ResistanceConfig, root: Cell) -> list[Cell]:
    """The models after each slice of the epoch."""
    found = []
    parent = root
    for number in range(1, config.slices + 1):
        start, stop = (config.rows * at // config.slices for at in (number - 1, number))
        training = TrainingStep(Subset("positive", stop, start), config.build_recipe())
        labels = (("stage", "slice"), ("slice", number), ("seed", root.seed))
        parent = Cell(labels, root.seed, root.model, parent, training)
        found.append(parent)
    return found


def _probes(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """The base (number 0) and each later model as they are, held against all answers."""
    sets = tuple(
        _set(f"{answers}_{number}", _answers(config, author, answers))
        for number, author in enumerate(models)
        if number
        for answers in (LEARNED, FRESH)
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
    """Each model but the base, trained on the answers of each other."""
    found = []
    for number, model in enumerate(models):
        for target, author in enumerate(models):
            if 0 in (number, target) or number == target:
                continue
            training = TrainingStep(_answers(config, author, LEARNED), config.build_recipe())
            sets = (
                _set(LEARNED, _answers(config, author, LEARNED)),
                _set(FRESH, _answers(config, author, FRESH)),
                _set("own", _answers(config, model, FRESH)),
            )
            stage = (("stage", "train"), ("model", number), ("target", target))
            labels = (*stage, ("seed", model.seed))
            found.append(Cell(labels, model.seed, model.model, model, training, sets=sets))
    return found


def _set(name: str, answers: Answers) -> TextSet:
    """What losses on answers are taken on."""
    return TextSet(name, answers, is_whole=False, has_ends=False)


def _answers(config: ResistanceConfig, author: Cell, kind: str) -> Answers:
    """The answers that are learned, or as many others."""
    start = config.answers if kind == FRESH else 0
    return Answers(author, config.held_out.tokens, start + config.answers, start)


def analyse(config: ResistanceConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says whether going back is easier, as printed and with the targets' difficulty taken out."""
    grid = Grid(rows, config.seed_range)
    found = pairs(grid, config.slices)
    return Analysis(
        study="resistance",
        question=(
            "Is it easier to train a model back to what it was than on to what it is going to be? "
            "And is that resistance, or are later models' answers merely harder to learn?"
        ),
        protocol=(
            f"{config.model} was trained on {config.rows:,} rows in {config.slices} slices, with "
            f"{config.seeds} seeds. The model after each slice answered {2 * config.answers:,} "
            "held-out prompts. Forward, each model was trained on one half of the answers of every "
            "later model; inverse, on those of every earlier one. Losses are on completions alone, "
            "in nats per token: on the half that was learned, and on the other, which was not."
        ),
        findings=findings(found),
        tables=tables(found),
        figures=(figure(found),),
        notes=notes_on(grid),
    )


STUDY = Study("resistance", ResistanceConfig, run, analyse)
