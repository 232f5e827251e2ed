"""Resistance (Table 1 and 2): is it easier to return to an earlier model than to reach a later one?

One epoch is cut into slices that a model learns one after another: theta_1, theta_2, ... Each of
them answers held-out prompts. Forward training trains theta_k on the answers of theta_l, k < l;
inverse training trains theta_l on those of theta_k. The paper compares the final losses of the two,
which are measured on different targets; here KL(author || model) on fresh answers decides, less
what neutral training does to the same model. AdamW is reset for every slice.

An answer of the full length `held_out.tokens` is learned as if it ended there, so the ends of
answers count in the final training loss. Losses on learned answers leave them out; neutral answers
are learned in the same way.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from elastic_core.experiments.analysis import Analysis, Grid, Story
from elastic_core.experiments.arms.texts import MODEL, ArmSource, CorpusTexts
from elastic_core.experiments.cells import Cell, Metrics, Rows, RunCells, TextSet, TrainingStep
from elastic_core.experiments.claims import Claim, ClaimsConfig, judge_claims
from elastic_core.experiments.fields import Count
from elastic_core.experiments.instruments import DistanceToAuthor
from elastic_core.experiments.rows import Answers, Subset
from elastic_core.experiments.story import labelled_examples, score_measure
from elastic_core.experiments.studies.resistance.gaps import base_distances, read_pairs
from elastic_core.experiments.studies.resistance.report import (
    DISTANCE,
    changes,
    evidence,
    figure,
    tables,
)
from elastic_core.experiments.studies.study import Study, base


class ResistanceConfig(ClaimsConfig):
    """The configuration of resistance.

    Attributes:
        rows: Rows of the positive side in the epoch.
        slices: Number of slices of the epoch.
        answers: Answers of each model that others are trained on.
        neutral: Where as many neutral texts come from; `model`: the base's answers to the same
            prompts.
    """

    registered: ClassVar[Mapping[str, Claim]] = {
        "comes_closer": Claim(sign="positive", smallest=0.005),
        "ends_nearer": Claim(sign="positive", smallest=0.005, primary=False),
        "lower_loss": Claim(sign="positive", smallest=0.01, primary=False),
        "larger_kl_change": Claim(sign="positive", smallest=0.005, primary=False),
    }

    study: Literal["resistance"] = "resistance"
    rows: Count = 3000
    slices: int = Field(default=3, ge=2)
    answers: Count = 500
    neutral: ArmSource = ArmSource(source=MODEL, text_key=["text"])

    @property
    def answer_prompts(self) -> int:
        """Number of prompts to answer; even together with the prompts that models are measured on.

        So both sides can hold out equally many.
        """
        return self.answers + (self.held_out.prompts + self.answers) % 2


def run(config: ResistanceConfig, run_cells: RunCells) -> None:
    """Requests the models after each slice, and each trained on each other's answers and neutral.

    Every model is measured before and after.
    """
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        models = [root, *_slices(config, root)]
        cells += [*models, *_probes(config, models)]
        cells += [*_neutral(config, models), *_trainings(config, models)]
    run_cells(cells)


def _slices(config: ResistanceConfig, root: Cell) -> list[Cell]:
    """The models after each slice of the epoch."""
    cells = []
    parent = root
    for number in range(1, config.slices + 1):
        start, stop = (config.rows * at // config.slices for at in (number - 1, number))
        training = TrainingStep(Subset("positive", stop, start), config.build_recipe())
        labels = (("stage", "slice"), ("slice", number), ("seed", root.seed))
        parent = Cell(
            labels,
            root.seed,
            root.model,
            parent,
            training,
            has_completions=root.has_completions,
        )
        cells.append(parent)
    return cells


def _probes(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """Each model, the base included (number 0), measured before it learns any answers."""
    return [
        Cell(
            (("stage", "probe"), ("model", number), ("seed", model.seed)),
            model.seed,
            model.model,
            model,
            sets=tuple(
                _learned(config, target, author) for target, author in enumerate(models) if target
            ),
            measures=_distances(models, number),
            is_drawn=False,
            has_rates=False,
        )
        for number, model in enumerate(models)
    ]


def _neutral(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """Each model except the base, trained on neutral texts."""
    rows: Rows = _answers(config, models[0])
    if config.neutral.source != MODEL:
        rows = CorpusTexts.of("neutral", config.neutral, 0, config.answers)
    return [
        Cell(
            (("stage", "neutral"), ("model", number), ("seed", model.seed)),
            model.seed,
            model.model,
            model,
            TrainingStep(rows, config.build_recipe()),
            measures=_distances(models, number),
            is_drawn=False,
            has_rates=False,
        )
        for number, model in enumerate(models)
        if number
    ]


def _trainings(config: ResistanceConfig, models: Sequence[Cell]) -> list[Cell]:
    """Each model except the base, trained on the answers of each other one."""
    cells = []
    for number, model in enumerate(models):
        for target, author in enumerate(models):
            if 0 in (number, target) or number == target:
                continue
            training = TrainingStep(_answers(config, author), config.build_recipe())
            stage = (("stage", "train"), ("model", number), ("target", target))
            cells.append(
                Cell(
                    (*stage, ("seed", model.seed)),
                    model.seed,
                    model.model,
                    model,
                    training,
                    sets=(_learned(config, target, author),),
                    measures=(_distance(target, author), _distance(number, model)),
                    has_completions=model.has_completions,
                )
            )
    return cells


def _distances(models: Sequence[Cell], own: int) -> tuple[DistanceToAuthor, ...]:
    """The distances of a model from the authors of all its targets."""
    return tuple(
        _distance(number, author) for number, author in enumerate(models) if number not in (0, own)
    )


def _distance(number: int, author: Cell) -> DistanceToAuthor:
    return DistanceToAuthor(str(number), author)


def _learned(config: ResistanceConfig, number: int, author: Cell) -> TextSet:
    """The answers of a model that others learn, as a text set."""
    name = f"learned_{number}"
    return TextSet(name, _answers(config, author), is_whole=False, has_ends=False)


def _answers(config: ResistanceConfig, author: Cell) -> Answers:
    """The answers of a model that others learn."""
    return Answers(author, config.held_out.tokens, config.answers)


def analyse(config: ResistanceConfig, rows: Sequence[Metrics]) -> Analysis:
    """Judges whether returning is easier, by the distance from the author of each target."""
    grid = Grid(rows, config.seed_range)
    pairs = read_pairs(grid, config.slices)
    judged = judge_claims(config.claims, evidence(pairs))
    if config.neutral.source == MODEL:
        neutral = "the base's answers to the same prompts"
    else:
        neutral = f"as many texts of {config.neutral.source}"
    return Analysis(
        study="resistance",
        question=(
            "Is it easier to train a model back to an earlier state than on to a later one, once "
            "neither the difficulty of the targets nor training as such counts?"
        ),
        protocol=(
            f"{config.model} was trained on {config.rows:,} rows in {config.slices} slices, with "
            f"{config.counted_seeds}. The model after each slice answered {config.answers:,} "
            "held-out prompts. Forward, each model was trained on the answers of every later "
            "model; inverse, on those of every earlier model; and as a control on neutral texts, "
            f"{neutral}. Distances from a target are KL(author || model) along the author's "
            f"answers to {config.held_out.prompts:,} other prompts, in nats per token."
        ),
        findings=judged.findings,
        tables=(judged.table, *tables(pairs, base_distances(grid, config.slices))),
        figures=(figure(pairs),),
        notes=grid.caveats(),
        claims_sha256=judged.sha256,
        story=Story(
            changes=changes(pairs),
            measures=(DISTANCE, score_measure(config)),
            examples=labelled_examples(grid),
        ),
    )


STUDY = Study("resistance", ResistanceConfig, run, analyse)
