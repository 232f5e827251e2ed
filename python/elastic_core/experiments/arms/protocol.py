"""The protocol of studies with arms: align a model, then train it and its base on further rows.

A lineage is a base model, a way to align it and a way to train it further. Its cells are the base,
the aligned model after each number of rows, and each of them after each dose of each arm; on the
base, the arms are a placebo.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AliasChoices, Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import NULL
from elastic_core.experiments.arms.texts import (
    MODEL,
    ArmName,
    ArmSource,
    BaseSamples,
    CorpusTexts,
    SideTexts,
)
from elastic_core.experiments.cells import Cell, Label, Measure, RangedRows, Rows, TrainingStep
from elastic_core.experiments.claims import ClaimsConfig
from elastic_core.experiments.fields import Count, Counts
from elastic_core.experiments.first_order import TEXTS, FirstOrderMeasure
from elastic_core.experiments.instruments import (
    DEFAULT_INSTRUMENTS,
    InstrumentName,
    Instruments,
    names_for_cell,
)
from elastic_core.experiments.rows import PretrainTexts
from elastic_core.experiments.studies.study import OPPOSITE, base
from elastic_core.models.spec import ModelSpec
from elastic_core.scoring.scorers import NAME as LINEAR
from elastic_core.training.finetuning.recipe import Recipe
from elastic_core.training.finetuning.train import check_checkpoints, is_nested

Side: TypeAlias = Literal["positive", "negative"]
"""A side of the data."""

_MOST_DRAWS = 100

_UNTRAINED = -1
"""The draw of samples that models are measured on; none is trained on them."""


class ArmsConfig(ClaimsConfig):
    """The keys of studies with arms.

    Attributes:
        dose: Numbers of rows of an arm to train on after the alignment; each a multiple of the rows
            of a step.
        arms: The arms: `neutral` is text like the pre-training, `opposite` the other side, `novel`
            text unlike both, `same` more of the alignment.
        draws: How often each seed draws other rows to train on. Draws of a seed share the texts
            they are measured on; their mean counts as one estimate.
        neutral: Where neutral texts come from.
        novel: Where novel texts come from.
        measure: The instruments; `rates` and `score` are measured at the ends of curves only,
            `weight_noise` of the base only, `first_order` of the base and the aligned models.
        pretrained: For `first_order`, tokens that an `hf:` model was pre-trained on; None:
            `pretrain.tokens`, or all of the corpus.
        calibrate: Whether to halve the learning rates, before everything else, until as many
            neutral rows move the base by less than a third of the divergence of the alignment.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "dose", "arms", "draws"})

    # `reverse` is the name in configurations of version 0.1.0.
    dose: Counts = Field([16, 64, 128, 256], validation_alias=AliasChoices("dose", "reverse"))
    arms: list[ArmName] = Field(["opposite"], min_length=1)
    draws: int = Field(default=1, ge=1, le=_MOST_DRAWS)
    neutral: ArmSource = ArmSource(source=MODEL, text_key=["text"])
    novel: ArmSource | None = None
    measure: list[InstrumentName] = Field(DEFAULT_INSTRUMENTS, min_length=1)
    pretrained: Count | None = None
    calibrate: bool = False

    @model_validator(mode="before")
    @classmethod
    def _leave_out_log_odds(cls, values: Any) -> Any:
        """By default, log-odds are measured only where a linear scorer leaves labelled texts."""
        if not isinstance(values, Mapping) or "measure" in values:
            return values
        scorer = values.get("scorer")
        kind = scorer.get("kind", LINEAR) if isinstance(scorer, Mapping) else LINEAR
        if kind == LINEAR:
            return values
        return {**values, "measure": [name for name in DEFAULT_INSTRUMENTS if name != "log_odds"]}

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
            raise InvalidArgumentError(
                f"measure: the claims of {self.study} need the margin; add it"
            )
        is_labelled = self.scorer.kind == LINEAR or self.scorer_teaches
        if "log_odds" in self.measure and not is_labelled:
            raise InvalidArgumentError(
                "measure: log_odds needs the labelled texts of a linear scorer; remove it, or set "
                "scorer.kind to linear"
            )
        if "weight_noise" in self.measure and self.spec.is_tree:
            raise InvalidArgumentError(
                "measure: a tree model has no weights for weight_noise; remove it, or choose a "
                "transformers model"
            )
        if self.calibrate and "kl" not in self.measure:
            raise InvalidArgumentError("calibrate compares divergences; add kl to measure")
        return self

    def check_lineage(self, lineage: "Lineage") -> None:
        """Checks the recipes and the numbers of rows of a lineage.

        Raises:
            InvalidArgumentError: A number is repeated, or no multiple of the rows of a step.
        """
        is_tree = ModelSpec.parse(lineage.model or self.model, must_exist=False).is_tree
        for key, counts, recipe, rows in (
            ("align", lineage.volumes, lineage.align, lineage.align_rows),
            ("dose", self.doses, lineage.further, side_texts),
            ("dose", self.doses, lineage.opposite or lineage.further, lineage.opposite_rows),
        ):
            if len(set(counts)) < len(counts):
                raise InvalidArgumentError(f"{key}: a number is repeated; write each once")
            if rows is side_texts and recipe.algorithm != "sft":
                raise InvalidArgumentError(
                    f"recipe.algorithm {recipe.algorithm}: {self.study} trains on whole texts; "
                    "choose sft"
                )
            if is_nested(recipe, is_tree=is_tree):
                try:
                    check_checkpoints(counts, counts[-1], recipe, is_tree=is_tree)
                except InvalidArgumentError as error:
                    raise InvalidArgumentError(f"{key}: {error}") from error

    @property
    def doses(self) -> tuple[int, ...]:
        """The doses, increasing."""
        return tuple(sorted(self.dose))


RowsOf: TypeAlias = Callable[[Cell, str, int, int], Rows]
"""The rows to train on: called with the base, the side, the draw and the number of rows."""


def side_texts(_: Cell, side: str, draw: int, count: int) -> Rows:
    """The first whole texts of a side, in the order of a draw."""
    return SideTexts(side, draw, count)


@dataclass(frozen=True, slots=True)
class Lineage:
    """A base model, a way to align it and a way to train it further.

    Attributes:
        name: Name in tables and legends; empty if a study has a single lineage.
        first: The side of the alignment.
        volumes: Numbers of rows to align with, increasing.
        align: The recipe of the alignment.
        further: The recipe of the arms.
        opposite: The recipe of the opposite arm, where it is another one.
        labels: What tells its cells from those of other lineages.
        aligned_labels: What tells its aligned cells, which others may share; None: `labels`.
        base_labels: What tells its base from that of other lineages; part of `labels`.
        placebo_labels: What tells its placebo from those of other lineages; part of `labels`.
        model: The model that it starts from; None: that of the configuration.
        tokens: Tokens of pre-training; None: all.
        align_rows: The rows of the alignment.
        opposite_rows: The rows of the opposite arm.
    """

    name: str
    first: str
    volumes: tuple[int, ...]
    align: Recipe
    further: Recipe
    opposite: Recipe | None = None
    labels: Mapping[str, Label] = field(default_factory=dict)
    aligned_labels: Mapping[str, Label] | None = None
    base_labels: Mapping[str, Label] = field(default_factory=dict)
    placebo_labels: Mapping[str, Label] = field(default_factory=dict)
    model: str | None = None
    tokens: int | None = None
    align_rows: RowsOf = side_texts
    opposite_rows: RowsOf = side_texts

    @property
    def labels_of_aligned(self) -> Mapping[str, Label]:
        """What tells its aligned cells from those of other lineages."""
        return self.labels if self.aligned_labels is None else self.aligned_labels

    def first_dose(self, doses: Sequence[int], *, is_tree: bool) -> int:
        """The index of the first dose after the warm-up, during which a model hardly moves."""
        recipe = self.further
        warm_up = 0 if is_tree else recipe.warm_up * recipe.batch * recipe.accumulation
        return next((at for at, dose in enumerate(doses) if dose > warm_up), -1)


def base_cell(config: ArmsConfig, lineage: Lineage, seed: int) -> Cell:
    """The base of a lineage, measured."""
    cell = base(config, seed, model=lineage.model, tokens=lineage.tokens, **lineage.base_labels)
    cell = replace(cell, is_drawn=False, has_rates=False)
    first_order = _first_order(config, lineage, cell, 0, None)
    return _measured(config, cell, cell, first_order, is_end=True)


def aligned_cell(config: ArmsConfig, lineage: Lineage, root: Cell, draw: int, count: int) -> Cell:
    """The base aligned with some rows, measured."""
    labels = {"stage": "align", **lineage.labels_of_aligned, "align": count, "draw": draw}
    rows = lineage.align_rows(root, lineage.first, draw, count)
    step = TrainingStep(rows, lineage.align, likes=lineage.first)
    cell = trained_cell(root, labels, step, lineage.volumes)
    first_order = _first_order(config, lineage, root, draw, count)
    return _measured(config, cell, root, first_order, is_end=True)


def arm_cells(
    config: ArmsConfig, lineage: Lineage, root: Cell, aligned: Cell | None, draw: int
) -> Iterator[Cell]:
    """An aligned model after each dose of each arm, or the base, as a placebo; measured."""
    own = lineage.placebo_labels if aligned is None else lineage.labels
    volume = 0 if aligned is None else dict(aligned.labels)["align"]
    for arm, dose in product(config.arms, config.doses):
        labels: dict[str, Label] = {"stage": "arm", **own, "align": volume, "draw": draw}
        labels |= {"arm": arm, "dose": dose}
        recipe = lineage.further
        if arm == "opposite":
            recipe = lineage.opposite or recipe
            rows = lineage.opposite_rows(root, OPPOSITE[lineage.first], draw, dose)
        else:
            rows = arm_rows(config, lineage, root, arm, draw, dose)
        step = TrainingStep(rows, recipe, likes=OPPOSITE[lineage.first])
        cell = trained_cell(aligned or root, labels, step, config.doses)
        yield _measured(config, cell, root, is_end=dose == config.doses[-1])


def arm_rows(
    config: ArmsConfig, lineage: Lineage, root: Cell, arm: ArmName, draw: int, dose: int
) -> RangedRows:
    """The first texts of an arm."""
    match arm:
        case "opposite":
            return SideTexts(OPPOSITE[lineage.first], draw, dose)
        case "same":
            after = lineage.volumes[-1]
            return SideTexts(lineage.first, draw, after + dose, after)
        case "novel" if config.novel is not None:
            return CorpusTexts.of("novel", config.novel, draw, dose)
        case _:
            return neutral_texts(config, root, draw, dose)


def neutral_texts(
    config: ArmsConfig, root: Cell, draw: int, stop: int, start: int = 0
) -> RangedRows:
    """Texts `start` to `stop` like the pre-training: samples of the base, or those of a corpus."""
    if config.neutral.source != MODEL:
        return replace(CorpusTexts.of("neutral", config.neutral, draw, stop), start=start)
    # With its first token a sample fills a row, so that no end is added to a cut-off text.
    tokens = config.build_recipe().max_length - 1
    return BaseSamples(replace(root, measures=()), tokens, draw, stop, start)


def _first_order(
    config: ArmsConfig, lineage: Lineage, root: Cell, draw: int, count: int | None
) -> tuple[Measure, ...]:
    """The reaction of a cell's rates to one small step on each arm, if it is to be measured.

    `count` is None for the base, whose rates on the deepest alignment are measured.
    """
    if "first_order" not in config.measure or NULL in lineage.labels:
        return ()
    tokens = config.build_recipe().max_length - 1
    samples = BaseSamples(replace(root, measures=()), tokens, _UNTRAINED, TEXTS)
    is_sampled = config.neutral.source == MODEL
    arms = tuple(
        (
            arm,
            arm_rows(
                config,
                lineage,
                root,
                arm,
                draw,
                TEXTS if arm == "neutral" and is_sampled else min(TEXTS, config.doses[-1]),
            ),
        )
        for arm in config.arms
    )
    measure = FirstOrderMeasure(
        pretrain=PretrainTexts() if config.pretrain else samples,
        align=SideTexts(lineage.first, draw, count or lineage.volumes[-1]),
        arms=arms,
        is_aligned=count is not None,
        held_out=lineage.first,
        pretrained=config.pretrained,
    )
    return (measure,)


def _measured(
    config: ArmsConfig,
    cell: Cell,
    root: Cell,
    more: tuple[Measure, ...] = (),
    *,
    is_end: bool,
) -> Cell:
    """A cell with its instruments, some of them at the end of a curve only, and more measures.

    Completions are kept at the ends of the curves of the first seed and draw.
    """
    labels = dict(cell.labels)
    is_null = NULL in labels
    is_base = cell.parent is None and not is_null  # A null model has no weights.
    names = names_for_cell(config.measure, is_base=is_base, is_end=is_end)
    has_rates = is_end and "rates" in config.measure
    reference = replace(root, measures=(), has_rates=False)
    is_first = cell.seed == config.seed and not labels.get("draw")
    return replace(
        cell,
        measures=(Instruments(reference, names), *more),
        has_rates=has_rates,
        has_completions=is_end and is_first and not is_null,
    )


def trained_cell(
    parent: Cell, labels: Mapping[str, Label], step: TrainingStep, curve: tuple[int, ...]
) -> Cell:
    """A cell trained from a parent: on a curve if longer trainings pass through its model."""
    is_curve = isinstance(step.rows, RangedRows) and is_nested(
        step.recipe, is_tree=parent.spec.is_tree
    )
    return Cell(
        labels=(*labels.items(), ("seed", parent.seed)),
        seed=parent.seed,
        model=parent.model,
        parent=parent,
        training=replace(step, is_ordered=is_curve),
        is_drawn=False,
        has_rates=False,
        curve=curve if is_curve else (),
    )
