"""The configuration and the cells of reversion."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.arms import (
    MODEL,
    ArmName,
    ArmSource,
    BaseSamples,
    CorpusTexts,
    SideTexts,
)
from elastic_core.experiments.cells import (
    Cell,
    Label,
    Measure,
    RangedRows,
    Rows,
    RunCells,
    TrainingStep,
)
from elastic_core.experiments.claims import Claim, ClaimsConfig
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.first_order import TEXTS, FirstOrderMeasure
from elastic_core.experiments.instruments import (
    DEFAULT_INSTRUMENTS,
    InstrumentName,
    Instruments,
)
from elastic_core.experiments.rows import PretrainTexts
from elastic_core.experiments.studies.study import OPPOSITE, base
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.train import check_checkpoints

_MOST_DRAWS = 100

_UNTRAINED = -1
"""The draw of samples that models are measured on; none is trained on them."""


class ReversionConfig(ClaimsConfig):
    """The configuration of reversion.

    Attributes:
        align: Numbers of texts to align with; each a multiple of the rows of a step.
        dose: Numbers of texts of an arm to train on afterwards; likewise.
        arms: The arms: `neutral` is text like the pre-training, `opposite` the other side, `novel`
            text unlike both, `same` more of the alignment.
        first: The side of the alignment.
        draws: How often each seed draws other texts to train on. Draws of a seed share the texts
            they are measured on; their mean counts as one estimate.
        neutral: Where neutral texts come from.
        novel: Where novel texts come from.
        measure: The instruments; `rates` and `score` are measured at the ends of curves only,
            `first_order` of the base and the aligned models.
        pretrained: For `first_order`, tokens that an `hf:` model was pre-trained on; None:
            `pretrain.tokens`, or all of the corpus.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "dose", "arms", "draws"})
    registered: ClassVar[Mapping[str, Claim]] = {
        "returns": Claim(sign="positive", smallest=0.1),
        "distribution_returns": Claim(sign="positive", smallest=0.1),
        "pretraining_pulls": Claim(sign="positive", smallest=0.1),
        "faster_after_more": Claim(sign="negative", smallest=0.1),
        "larger_first_loss": Claim(sign="positive", smallest=0.02),
        "neutral_like_opposite": Claim(test="equivalence", smallest=0.1, primary=False),
    }

    study: Literal["reversion"] = "reversion"
    align: Counts = Field([96, 192, 384])
    dose: Counts = Field([16, 64, 128, 256])
    arms: list[ArmName] = Field(["neutral", "opposite", "novel"], min_length=1)
    first: Literal["positive", "negative"] = "positive"
    draws: int = Field(default=1, ge=1, le=_MOST_DRAWS)
    neutral: ArmSource = ArmSource(source=MODEL, text_key=["text"])
    novel: ArmSource | None = None
    measure: list[InstrumentName] = Field(DEFAULT_INSTRUMENTS, min_length=1)
    pretrained: Count | None = None

    @model_validator(mode="after")
    def _check_arms(self) -> Self:
        if "novel" in self.arms and self.novel is None:
            raise InvalidArgumentError(
                "the novel arm needs text; set novel.source, or leave novel out of arms"
            )
        if "opposite" in self.arms and self.data.negative is None:
            raise InvalidArgumentError(
                "the opposite arm needs the other side; set data.negative.source, or leave "
                "opposite out of arms"
            )
        if self.novel is not None and self.novel.source == MODEL:
            raise InvalidArgumentError("novel.source model: only neutral texts are samples")
        if "margin" not in self.measure:
            raise InvalidArgumentError("measure: the claims of reversion need the margin; add it")
        for key, counts in (("align", self.align), ("dose", self.dose)):
            if len(set(counts)) < len(counts):
                raise InvalidArgumentError(f"{key}: a number is repeated; write each once")
        return self

    @model_validator(mode="after")
    def _check_curves(self) -> Self:
        for key, counts, reverse in (("align", self.volumes, False), ("dose", self.doses, True)):
            recipe = self.build_recipe(reverse=reverse)
            if recipe.algorithm != "sft":
                raise InvalidArgumentError(
                    f"recipe.algorithm {recipe.algorithm}: reversion trains on whole texts; choose "
                    "sft"
                )
            try:
                check_checkpoints(counts, counts[-1], recipe, is_tree=self.spec.is_tree)
            except InvalidArgumentError as error:
                raise InvalidArgumentError(f"{key}: {error}") from error
        return self

    @property
    def volumes(self) -> tuple[int, ...]:
        """The alignment volumes, increasing."""
        return tuple(sorted(self.align))

    @property
    def doses(self) -> tuple[int, ...]:
        """The doses, increasing."""
        return tuple(sorted(self.dose))

    @property
    def first_dose(self) -> int:
        """The index of the first dose after the warm-up, during which a model hardly moves."""
        recipe = self.build_recipe(reverse=True)
        warm_up = 0 if self.spec.is_tree else recipe.warm_up * recipe.batch * recipe.accumulation
        return next((at for at, dose in enumerate(self.doses) if dose > warm_up), -1)


def run(config: ReversionConfig, run_cells: RunCells) -> None:
    """Requests all cells: one training gives a whole curve."""
    cells = [cell for seed in config.seed_range for cell in _cells(config, seed)]
    run_cells(cells)


def _cells(config: ReversionConfig, seed: int) -> Iterator[Cell]:
    """The cells of a seed: the base, aligned models, and each of them on every arm."""
    root = replace(base(config, seed), is_drawn=False, has_rates=False)
    first = _first_order(config, root, root, config.volumes[-1], 0)
    yield _measured(config, root, root, first, is_end=True)
    recipe, further = config.build_recipe(), config.build_recipe(reverse=True)
    for draw in range(config.draws):
        parents = [root]
        for count in config.volumes:
            labels: dict[str, Label] = {"stage": "align", "align": count, "draw": draw}
            rows: RangedRows = SideTexts(config.first, draw, count)
            parents.append(_trained(root, labels, rows, recipe, config.volumes))
            first = _first_order(config, root, parents[-1], count, draw)
            yield _measured(config, parents[-1], root, first, is_end=True)
        for parent, volume in zip(parents, (0, *config.volumes), strict=True):
            for arm, dose in product(config.arms, config.doses):
                labels = {"stage": "arm", "align": volume, "draw": draw, "arm": arm, "dose": dose}
                rows = _rows(config, root, arm, draw, dose)
                cell = _trained(parent, labels, rows, further, config.doses)
                yield _measured(config, cell, root, is_end=dose == config.doses[-1])


def _measured(
    config: ReversionConfig,
    cell: Cell,
    root: Cell,
    more: tuple[Measure, ...] = (),
    *,
    is_end: bool,
) -> Cell:
    """A cell with its instruments, some of them at the end of a curve only, and more measures."""
    names = tuple(
        name
        for name in config.measure
        if name not in ("rates", "first_order") and (is_end or name != "score")
    )
    has_rates = is_end and "rates" in config.measure
    return replace(cell, measures=(Instruments(root, names), *more), has_rates=has_rates)


def _first_order(
    config: ReversionConfig, root: Cell, cell: Cell, volume: int, draw: int
) -> tuple[Measure, ...]:
    """The reaction of a cell's rates to one small step on each arm, if it is to be measured."""
    if "first_order" not in config.measure:
        return ()
    tokens = config.build_recipe().max_length - 1
    pretrain: Rows = (
        PretrainTexts() if config.pretrain else BaseSamples(root, tokens, _UNTRAINED, TEXTS)
    )
    arms = []
    for arm in config.arms:
        is_sampled = arm == "neutral" and config.neutral.source == MODEL
        count = TEXTS if is_sampled else min(TEXTS, config.doses[-1])
        arms.append((arm, _rows(config, root, arm, draw, count)))
    return (
        FirstOrderMeasure(
            pretrain=pretrain,
            align=SideTexts(config.first, draw, volume),
            arms=tuple(arms),
            is_aligned=cell is not root,
            held_out=config.first,
            pretrained=config.pretrained,
        ),
    )


def _trained(
    parent: Cell,
    labels: Mapping[str, Label],
    rows: RangedRows,
    recipe: Recipe,
    curve: tuple[int, ...],
) -> Cell:
    """A cell on a curve of ordered training."""
    return Cell(
        labels=(*labels.items(), ("seed", parent.seed)),
        seed=parent.seed,
        model=parent.model,
        parent=parent,
        training=TrainingStep(rows, recipe, is_ordered=True),
        is_drawn=False,
        has_rates=False,
        curve=curve,
    )


def _rows(config: ReversionConfig, root: Cell, arm: ArmName, draw: int, dose: int) -> RangedRows:
    """The first texts of an arm."""
    match arm:
        case "opposite":
            return SideTexts(OPPOSITE[config.first], draw, dose)
        case "same":
            after = config.volumes[-1]
            return SideTexts(config.first, draw, after + dose, after)
        case "novel" if config.novel is not None:
            return CorpusTexts.of("novel", config.novel, draw, dose)
        case _ if config.neutral.source == MODEL:
            # With its first token a sample fills a row, so that no end is added to a cut-off text.
            return BaseSamples(root, config.build_recipe().max_length - 1, draw, dose)
        case _:
            return CorpusTexts.of("neutral", config.neutral, draw, dose)
