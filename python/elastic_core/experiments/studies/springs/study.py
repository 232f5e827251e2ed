"""Springs: does the law of the token trees predict what a model does with the same texts?

The model is aligned on positive rows and then trained on negative ones. The rates of the texts of
pre-training and alignment are measured before and after, and compared with those that the elastic
law predicts from the token trees of the same texts; `elastic_core.experiments.spring_law` defines
forces, ratio and verdict. Rates are in bits per byte, volumes in bytes of text.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Cell, Metrics, RunCells, TextSet, TrainingStep
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.rows import Openings, Subset
from elastic_core.experiments.studies.springs.prediction import TreeLaw
from elastic_core.experiments.studies.springs.report import figures, findings, tables
from elastic_core.experiments.studies.springs.result import SpringResult
from elastic_core.experiments.studies.study import Study, base


class SpringsConfig(ExperimentConfig):
    """The configuration of the springs study.

    Attributes:
        align: Number of positive rows to align the model with: D_a.
        reverse: Numbers of negative rows to train the aligned model on, each from the start: D_t.
        characters: Characters of each row, prompt and completion together; the rest is cut off.
            Set it to what the model sees, so that it learns exactly what is measured.
        depths: Depths of the token trees, in bytes.
        pretrained: Tokens that an `hf:` model was pre-trained on; None: `pretrain.tokens`, or all
            of the corpus.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "reverse"})

    study: Literal["springs"] = "springs"
    align: Count = 1000
    reverse: Counts = Field([50, 100, 200, 500, 1000])
    characters: int = Field(default=300, ge=1)
    depths: list[int] = Field([1, 2, 4, 8], min_length=1)
    pretrained: Count | None = None

    @model_validator(mode="after")
    def _check_texts(self) -> "SpringsConfig":
        if self.pretrain is None:
            raise ValueError("springs measures pre-training texts; name some as pretrain.corpus")
        if not all(1 <= depth <= 64 for depth in self.depths):
            raise ValueError(f"depths {self.depths}: each must be from 1 to 64")
        return self


def run(config: SpringsConfig, run_cells: RunCells) -> None:
    """Trains and measures the aligned model, and that model after each perturbation."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        aligned = _aligned(config, root)
        cells += [root, aligned]
        for count in sorted(config.reverse):
            cells += _perturbed(config, aligned, count)
    run_cells(cells)


def _aligned(config: SpringsConfig, root: Cell) -> Cell:
    training = TrainingStep(_rows(config, "positive", config.align), config.build_recipe())
    labels = (("stage", "align"), ("seed", root.seed))
    sets = (TextSet("align", training.rows),)
    return Cell(labels, root.seed, root.model, root, training, sets=sets)


def _perturbed(config: SpringsConfig, aligned: Cell, count: int) -> list[Cell]:
    """The aligned model measured with a perturbation's texts and law, and after learning it."""
    align = _rows(config, "positive", config.align)
    perturb = _rows(config, "negative", count)
    before, after = (
        (("stage", stage), ("reverse", count), ("seed", aligned.seed))
        for stage in ("before", "reverse")
    )
    training = TrainingStep(perturb, config.build_recipe(reverse=True), "negative")
    sets = (TextSet("align", align), TextSet("perturb", perturb))
    law = TreeLaw(align, perturb, tuple(config.depths), config.pretrained)
    seed, model = aligned.seed, aligned.model
    return [
        Cell(before, seed, model, aligned, sets=sets[1:], measures=(law,), is_drawn=False),
        Cell(after, seed, model, aligned, training, sets=sets),
    ]


def _rows(config: SpringsConfig, side: str, count: int) -> Openings:
    return Openings(Subset(side, count), config.characters)


def analyse(config: SpringsConfig, rows: Sequence[Metrics]) -> Analysis:
    """Compares the measured changes with those that the token trees predict."""
    grid = Grid(rows, config.seed_range)
    depths = sorted(config.depths)
    results = [SpringResult.of(grid, count, depths) for count in sorted(config.reverse)]
    return Analysis(
        study="springs",
        question=(
            "When an aligned model learns reverse data, how do its rates on the texts of "
            "pre-training and alignment change? Does the law of the token trees predict it?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} positive rows and then trained on "
            f"{', '.join(f'{result.count:,}' for result in results)} negative ones, with "
            f"{config.counted_seeds}, using the first {config.characters:,} characters of each "
            "row. The rates on pre-training texts, on the alignment rows and on the reverse rows "
            "were measured before and after, and predicted from the joint token trees of the same "
            "texts."
        ),
        findings=findings(results, depths),
        tables=tables(results, depths),
        figures=figures(results, depths),
        notes=grid.notes(),
    )


STUDY = Study("springs", SpringsConfig, run, analyse)
