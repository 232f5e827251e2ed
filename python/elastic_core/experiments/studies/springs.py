"""Springs: does the law of the token trees foretell what a network does with the same texts?

The paper takes data sets for springs in series: the stiffness of D_i is its volume |D_i|, its
stretch the change of the divergence of the model from P_i, and the product of the two is claimed to
be the same for all. Here the divergence is KL(P_i || model). It is gamma_i, the cross-entropy, less
the entropy of P_i, which no training changes. So its change is that of the rate gamma_i, which is
measured, in bits per byte; and |D_i| is in bytes of text.

Where the joint token tree of the data takes the place of the model, the elastic law says how the
rates change; see `elastic_core.experiments.studies.springs_law`.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Cell, Metrics, RunCells, TextSet, TrainingStep
from elastic_core.experiments.config import Count, ExperimentConfig
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.rows import Openings, Subset
from elastic_core.experiments.studies.lineage import base
from elastic_core.experiments.studies.springs_findings import findings
from elastic_core.experiments.studies.springs_law import TreeLaw
from elastic_core.experiments.studies.springs_report import figures, tables
from elastic_core.experiments.studies.stretches import SpringResult
from elastic_core.experiments.studies.study import Study


class SpringsConfig(ExperimentConfig):
    """The configuration of springs.

    Attributes:
        align: Positive rows that the model is aligned with: D_a.
        reverse: Negative rows that it is then trained on, one number after another: D_t.
        characters: Characters of each row, prompt and completion; the rest is cut. As many as the
            model sees, so that it learns what is measured and foretold.
        depths: Depths of the token trees, in bytes.
        pretrained: Tokens that an `hf:` model was pre-trained on; None: `pretrain.tokens`, or all
            of the corpus.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "reverse"})

    study: Literal["springs"] = "springs"
    align: Count = 1000
    reverse: list[Count] = Field([50, 100, 200, 500, 1000], min_length=1)
    characters: int = Field(default=300, ge=1)
    depths: list[int] = Field([1, 2, 4, 8], min_length=1)
    pretrained: Count | None = None

    @model_validator(mode="after")
    def _check_texts(self) -> "SpringsConfig":
        if self.pretrain is None:
            raise ValueError("springs measures texts of pre-training; name some as pretrain.corpus")
        if not all(1 <= depth <= 64 for depth in self.depths):
            raise ValueError(f"depths {self.depths}: each must be from 1 to 64")
        return self


def run(config: SpringsConfig, run_cells: RunCells) -> None:
    """Asks for the aligned model, and for what each perturbation makes of it."""
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
    """The aligned model as it is, held against a perturbation; and after it."""
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
    """Sets what was measured beside what the token trees foretell."""
    grid = Grid(rows, config.seed_range)
    depths = sorted(config.depths)
    found = [SpringResult.of(grid, count, depths) for count in sorted(config.reverse)]
    return Analysis(
        study="springs",
        question=(
            "When an aligned model learns reverse data, how do its rates on the texts of "
            "pre-training and alignment change? And is that what the law of the token trees says?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} positive rows and then trained on "
            f"{', '.join(f'{each.count:,}' for each in found)} negative ones, with {config.seeds} "
            f"seeds; of each row the first {config.characters:,} characters. The rates on texts "
            "of pre-training, on the rows of the alignment and on the reverse rows were measured "
            "before and after, and foretold from the joint token trees of the same texts."
        ),
        findings=findings(found, depths),
        tables=tables(found, depths),
        figures=figures(found, depths),
        notes=notes_on(grid),
    )


STUDY = Study("springs", SpringsConfig, run, analyse)
