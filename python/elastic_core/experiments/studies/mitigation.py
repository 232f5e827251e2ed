"""Mitigation (App. C.2): what makes an alignment withstand more reverse data?"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.config import Changes, Count, ExperimentConfig, Section
from elastic_core.experiments.curvesets import METRICS, Curve, curve_figure, volume_table
from elastic_core.experiments.grid import Grid, notes_on
from elastic_core.experiments.half_dose import withstood
from elastic_core.experiments.rows import Mixed, Subset
from elastic_core.experiments.studies.lineage import OTHER, SIGN, against, aligned, base
from elastic_core.experiments.studies.mitigation_report import (
    Measured,
    figure,
    findings,
    notes,
    table,
)
from elastic_core.experiments.studies.study import Study

PLAIN = "plain"
"""The variant that all others are compared with."""

_FIRST = "positive"
_TREE_KEYS = frozenset({"epochs", "weight"})


class Variant(Section):
    """A way to align a model.

    Attributes:
        mix: How many texts of the pre-training corpus are learned with each row, in the same
            training.
        recipe: What is different in the training: `lora_rank` for an adapter, `beta` for a KL
            divergence to the base that counts in the loss.
    """

    mix: float = Field(default=0.0, ge=0)
    recipe: Changes = Field(default={})


class MitigationConfig(ExperimentConfig):
    """The configuration of mitigation.

    Attributes:
        variants: The ways to align by name; `plain`, without any change, is always among them.
        align: How many positive rows models are aligned with.
        reverse: How many negative rows each of them is then trained on, as `reverse_recipe` says.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds", "align", "reverse"})

    study: Literal["mitigation"] = "mitigation"
    variants: dict[str, Variant] = Field(default={"mixed": Variant(mix=0.5)})
    align: Count = 2000
    reverse: list[Count] = Field([100, 200, 500, 1000, 2000], min_length=1)

    @model_validator(mode="after")
    def _check_variants(self) -> Self:
        if self.variants.get(PLAIN, Variant()) != Variant():
            raise InvalidArgumentError(
                "variants.plain: the others are compared with it, so nothing in it can differ; "
                "give this variant another name"
            )
        for name, variant in self.variants.items():
            if variant.mix and self.pretrain is None:
                raise InvalidArgumentError(
                    f"variants.{name}: there is no text to mix in; name a corpus as pretrain.corpus"
                )
            if self.spec.is_tree and (other := set(variant.recipe) - _TREE_KEYS):
                raise InvalidArgumentError(
                    f"variants.{name}: a tree model has no {', '.join(sorted(other))}; use mix "
                    "alone, or choose a scratch: or hf: model"
                )
            self.build_recipe(**variant.recipe)
        return self

    @property
    def all_variants(self) -> dict[str, Variant]:
        """The variants, `plain` first."""
        return {PLAIN: Variant(), **self.variants}


def run(config: MitigationConfig, run_cells: RunCells) -> None:
    """Asks for an alignment by each variant, and for every reverse volume after it."""
    cells = []
    for seed in config.seed_range:
        root = base(config, seed)
        cells.append(root)
        for name, variant in config.all_variants.items():
            rows = Subset(_FIRST, config.align)
            start = aligned(
                config,
                root,
                _FIRST,
                config.align,
                rows=Mixed(rows, variant.mix, config.held_out.texts) if variant.mix else rows,
                labels={"variant": name},
                **variant.recipe,
            )
            cells += [start, *(against(config, start, n) for n in sorted(config.reverse))]
    run_cells(cells)


def analyse(config: MitigationConfig, rows: Sequence[Metrics]) -> Analysis:
    """Says how much reverse data each variant withstands, and what it costs."""
    grid = Grid(rows, config.seed_range)
    metric = "score" if grid.has("score") else "kl"
    found = [_measured(config, grid, metric, name) for name in config.all_variants]
    curves = [each.curve for each in found]
    return Analysis(
        study="mitigation",
        question=(
            "Reverse data undo an alignment. Does it withstand more of them if pre-training text "
            "is mixed into it, or if it is held near the base model in another way?"
        ),
        protocol=(
            f"{config.model} was aligned with {config.align:,} {_FIRST} rows in "
            f"{len(found)} ways ({'; '.join(f'{each.curve.name}: {each.words}' for each in found)})"
            f", and each result was trained on up to {max(config.reverse):,} {OTHER[_FIRST]} "
            f"rows, with {config.seeds} seeds. An alignment withstands as many of them as leave "
            f"half of what it gained in the {metric}."
        ),
        findings=tuple(findings(found, metric)),
        tables=(
            table(found, metric),
            *(
                volume_table(
                    curves, grid, each, f"mitigation-{each.replace('_', '-')}", METRICS[each][1]
                )
                for each in METRICS
                if grid.has(each)
            ),
        ),
        figures=(
            curve_figure(
                curves,
                grid,
                "mitigation",
                f"Models aligned with {config.align:,} {_FIRST} rows, then trained on "
                f"{OTHER[_FIRST]} ones. Each line is a way to align; bands are 95% intervals over "
                "seeds.",
            ),
            figure(found, metric),
        ),
        notes=(*notes_on(grid), *notes(found)),
    )


def _measured(config: MitigationConfig, grid: Grid, metric: str, name: str) -> Measured:
    curve = Curve(
        name,
        {"first": _FIRST, "align": config.align, "variant": name},
        tuple(sorted(config.reverse)),
        SIGN[_FIRST],
    )
    gains = curve.gains(grid, metric)
    return Measured(
        curve,
        _in_words(config.all_variants[name]),
        withstood((0, *curve.volumes), gains),
        gains[:, 0],
        grid.values("loss_pretrain", stage="align", **curve.labels),
    )


def _in_words(variant: Variant) -> str:
    """A variant in words."""
    changes: dict[str, Any] = variant.recipe
    parts = [f"pre-training texts mixed in, {variant.mix:g} to a row"] if variant.mix else []
    parts += [f"{key} {value}" for key, value in changes.items()]
    return ", ".join(parts) or "as the recipe says"


STUDY = Study("mitigation", MitigationConfig, run, analyse)
