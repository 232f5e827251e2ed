"""Springs: does the law of the token trees predict what a model does with the same texts?

The model is aligned on positive rows and perturbed with negative ones, in both orders of learning:
one after the other, and in one mixture with texts of the pre-training. The rates of the texts of
pre-training and alignment are measured without and with the perturbation, and compared with those
that the elastic law predicts from the token trees of the same texts;
`elastic_core.experiments.spring_law` defines forces and ratio. Rates are in bits per byte, volumes
in bytes of text. All rows are learned as whole texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from elastic_core.experiments.cells import Cell, Label, Rows, RunCells, TextSet, TrainingStep
from elastic_core.experiments.claims import Claim, ClaimsConfig
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.first_order import FirstOrderMeasure
from elastic_core.experiments.rows import PretrainTexts, Subset
from elastic_core.experiments.spring_law import IMBALANCE
from elastic_core.experiments.studies.springs.prediction import TreeLaw
from elastic_core.experiments.studies.springs.rows import PretrainOpenings, Union, WholeTexts
from elastic_core.experiments.studies.study import base


class SpringsConfig(ClaimsConfig):
    """The configuration of the springs study.

    Attributes:
        align: Number of positive rows to align the model with: D_a.
        reverse: Numbers of negative rows to perturb the model with, each from the start: D_t.
        mix: Texts of the pre-training for each row of D_a in the joint order.
        characters: Characters of each text; the rest is cut off. Set it to what the model sees, so
            that it learns exactly what is measured.
        depths: Depths of the token trees, in bytes.
        pretrained: Tokens that an `hf:` model was pre-trained on; None: `pretrain.tokens`, or all
            of the corpus.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "reverse"})
    registered: ClassVar[Mapping[str, Claim]] = {
        "slopes_joint": Claim(test="equivalence", smallest=IMBALANCE),
        "slopes_sequential": Claim(test="equivalence", smallest=IMBALANCE),
        "trees_joint": Claim(sign="positive", smallest=0.1),
        "trees_sequential": Claim(sign="positive", smallest=0.1),
        "changes_joint": Claim(test="equivalence", smallest=IMBALANCE, primary=False),
        "changes_sequential": Claim(test="equivalence", smallest=IMBALANCE, primary=False),
        "alignment_rises": Claim(sign="positive", smallest=0.001, primary=False),
        "pretraining_falls": Claim(sign="negative", smallest=0.001, primary=False),
    }

    study: Literal["springs"] = "springs"
    align: Count = 1000
    reverse: Counts = Field([100, 200, 500, 1000, 2000])
    mix: Count = 4
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
    """Trains and measures, in both orders, the aligned model and that with each perturbation."""
    run_cells([cell for seed in config.seed_range for cell in _cells(config, seed)])


def _cells(config: SpringsConfig, seed: int) -> Iterator[Cell]:
    """The cells of a seed."""
    align = WholeTexts(Subset("positive", config.align), config.characters)
    replay = PretrainOpenings(config.mix * config.align, config.characters)
    root = replace(base(config, seed), sets=(TextSet("align", align),))
    yield root
    yield from _in_order(config, root, "sequential", align, None)
    yield from _in_order(config, root, "joint", align, replay)


def _in_order(
    config: SpringsConfig, root: Cell, order: str, align: Rows, replay: Rows | None
) -> Iterator[Cell]:
    """The aligned model, and for each perturbation its law and the model that learned it.

    Args:
        config: The configuration.
        root: The base.
        order: The name of the order.
        align: D_a.
        replay: The texts of D_p to learn with D_a and D_t in one mixture from the base; None: learn
            D_a and then D_t.
    """
    seed, model = root.seed, root.model
    learned: tuple[Rows, ...] = (align,) if replay is None else (replay, align)
    sets = [TextSet("align", align)] + ([TextSet("replay", replay)] if replay else [])

    def labels(stage: str, **more: Label) -> tuple[tuple[str, Label], ...]:
        return (("stage", stage), ("order", order), *more.items(), ("seed", seed))

    def perturbation(count: int) -> Rows:
        return WholeTexts(Subset("negative", count), config.characters)

    slopes = FirstOrderMeasure(
        pretrain=replay or PretrainTexts(),
        align=align,
        arms=(("perturb", perturbation(max(config.reverse))),),
        pretrained=config.pretrained,
        replay=replay,
    )
    recipe, reverse = config.build_recipe(), config.build_recipe(reverse=True)
    training = TrainingStep(Union(learned), recipe)
    aligned = Cell(
        labels("align"),
        seed,
        model,
        root,
        training,
        sets=tuple(sets),
        measures=(slopes,),
        has_completions=root.has_completions,
    )
    yield aligned
    for count in sorted(config.reverse):
        perturb = perturbation(count)
        law = TreeLaw(align, perturb, tuple(config.depths), config.pretrained, replay)
        measured = (*sets, TextSet("perturb", perturb))
        if replay is None:
            parent, training = aligned, TrainingStep(perturb, reverse, "negative")
        else:
            parent, training = root, TrainingStep(Union((*learned, perturb)), recipe)
        yield Cell(
            labels("before", reverse=count),
            seed,
            model,
            aligned,
            sets=measured,
            measures=(law,),
            is_drawn=False,
        )
        yield Cell(
            labels("reverse", reverse=count),
            seed,
            model,
            parent,
            training,
            sets=measured,
            has_completions=root.has_completions,
        )
