"""First order in experiments: what a cell is measured on, and the tables of its report."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.cells import Measure, Metrics, Row, Rows, SeedData
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Table
from elastic_core.scoring.loss import size_of
from elastic_core.statistics.effects import over_seeds, seed_means
from elastic_core.statistics.intervals import Interval
from elastic_core.statistics.ratios import ratios_of_means

if TYPE_CHECKING:
    from elastic_core.models.protocol import LanguageModel

Array = NDArray[np.float64]

TEXTS = 256
"""Texts of a set, or of an arm, that gradients are taken on, at most."""

PRETRAIN, ALIGN, HELD_OUT = "pretrain", "align", "held_out"
"""D_p, D_a, and texts like D_a that were not trained on, by their names in the metrics."""


@dataclass(frozen=True, slots=True)
class FirstOrderMeasure(Measure):
    """Measures how the rates of D_p and D_a react to one small step on each of several arms.

    The class and its fields are part of the hashes of rows in run folders.

    Attributes:
        pretrain: Texts like those of the pre-training. For a tree model, those that it has learned
            take their place.
        align: The texts of D_a.
        arms: The texts of each arm, with its name.
        is_aligned: Whether the model has learned D_a.
        held_out: The side whose held-out texts are measured beside those of D_a; None: none are.
        pretrained: Tokens that the model was pre-trained on; None: `pretrain.tokens`, or all of the
            corpus.
        replay: Further texts of the pre-training that the model has learned with D_a; they then
            are D_p, together with the pre-training for a tree model, which forgets nothing.
    """

    pretrain: Rows
    align: Rows
    arms: tuple[tuple[str, Rows], ...]
    is_aligned: bool = True
    held_out: str | None = None
    pretrained: int | None = None
    replay: Rows | None = None

    def take(self, model: "LanguageModel", seed_context: SeedData) -> Metrics:
        """Measures a model; see `elastic_core.scoring.first_order.FirstOrder.metrics`.

        Returns:
            These metrics, with the sets `pretrain`, `align` and `held_out`, and `first_order_k`,
            |D_p| / |D_a| in bytes, which is None if the configuration does not tell it.

        Raises:
            InvalidArgumentError: A set has no text, or a tree model is used without the texts that
                it has learned.
        """
        from elastic_core.scoring.first_order import first_order

        align = texts_of(self.align.resolve(seed_context))
        sample = texts_of(self.pretrain.resolve(seed_context))
        replay = texts_of(self.replay.resolve(seed_context)) if self.replay else None
        volume = learned_volume(model, sample, seed_context, self.pretrained, replay)
        sets = {PRETRAIN: sample[:TEXTS], ALIGN: align[:TEXTS]}
        volumes = {PRETRAIN: volume or 0.0}
        if model.learns_online:
            sets = {PRETRAIN: learned_texts(seed_context, replay), ALIGN: align}
            volumes[ALIGN] = float(bytes_of(align)) if self.is_aligned else 0.0
        if self.held_out is not None:
            sets[HELD_OUT] = texts_of(seed_context.held_out(self.held_out))[:TEXTS]
        arms = {name: texts_of(rows.resolve(seed_context))[:TEXTS] for name, rows in self.arms}
        metrics = first_order(model, sets, arms, volumes).metrics()
        return {**metrics, "first_order_k": volume / bytes_of(align) if volume else None}


def texts_of(rows: Sequence[Row]) -> list[str]:
    """The whole text of each row."""
    return [row["text"] if "text" in row else row["prompt"] + row["completion"] for row in rows]


def bytes_of(texts: Sequence[str]) -> int:
    """The size of texts in UTF-8."""
    return sum(map(size_of, texts))


def learned_texts(seed_context: SeedData, replay: Sequence[str] | None = None) -> list[str]:
    """The texts of the pre-training that a tree model has learned.

    Args:
        seed_context: The data of the seed.
        replay: Texts of the pre-training that it learned later.

    Raises:
        InvalidArgumentError: The configuration names no corpus.
    """
    settings = seed_context.config.pretrain
    if settings is None:
        raise InvalidArgumentError(
            "the slopes of token trees need the texts that the tree model was pre-trained on; name "
            "them as pretrain.corpus"
        )
    return [*seed_context.pretraining(settings.tokens), *(replay or ())]


def learned_volume(
    model: "LanguageModel",
    sample: Sequence[str],
    seed_context: SeedData,
    pretrained: int | None,
    replay: Sequence[str] | None = None,
) -> float | None:
    """|D_p| in bytes; None if the configuration does not tell it.

    Args:
        model: The model, whose tokens are converted to bytes.
        sample: Texts of the pre-training, which tell the size of a token.
        seed_context: The data of the seed.
        pretrained: Tokens of the pre-training; None: `pretrain.tokens`, or all of the corpus.
        replay: Texts of the pre-training that were learned with D_a, and are D_p for a model that
            forgets; a model of counts has both.
    """
    again = float(bytes_of(replay or ()))
    if replay and not model.learns_online:
        return again
    settings = seed_context.config.pretrain
    tokens = pretrained or (settings.tokens if settings else None)
    if tokens is not None:
        return tokens * bytes_per_token(model, sample) + again
    return bytes_of(seed_context.pretraining(None)) + again if settings else None


def bytes_per_token(model: "LanguageModel", texts: Sequence[str]) -> float:
    """Mean bytes of a token of the pre-training; 1 for tree models of bytes."""
    if model.settings.get("alphabet") == "byte":
        return 1.0
    return bytes_of(texts) / sum(map(len, model.tokens(texts)))


Lookup = Callable[[str], Array]
"""The values of a metric, shape (seeds, draws)."""


def tables(cells: Sequence[tuple[tuple[TableCell, ...], str, Lookup]], labels: Sequence[str],
           *, has_held_out: bool) -> tuple[Table, Table]:  # fmt: skip
    """The cosines and ratios, and the predicted and measured changes.

    Args:
        cells: For each row its labels, the name of the arm, and the metrics of the cell.
        labels: The headings of the labels.
        has_held_out: Whether held-out texts of the alignment were measured.
    """
    sets = (PRETRAIN, ALIGN, *((HELD_OUT,) if has_held_out else ()))
    products, changes = [], []
    for label, arm, values in cells:
        cosines = [over_seeds(values(f"first_order_cos_{name}_{arm}")) for name in sets]
        ratios = [_ratio(values, name, arm) for name in sets[1:]]
        products.append((*label, *cosines, *ratios, over_seeds(-values("first_order_k"))))
        changes.append(
            (
                *label,
                *(
                    over_seeds(1000 * values(f"first_order_{kind}_{name}_{arm}"))
                    for name in sets
                    for kind in ("predicted", "measured")
                ),
            )
        )
    heads = tuple((label, "") for label in labels)
    short = {PRETRAIN: "p", ALIGN: "a", HELD_OUT: "held-out a"}
    return (
        Table(
            name="first-order",
            title="First order: gradients of the rates",
            headings=(
                *heads,
                *((f"cos({short[name]}, t)", "") for name in sets),
                *((f"{short[name]}.t / p.t", "") for name in sets[1:]),
                ("law", "-k"),
            ),
            rows=tuple(products),
            note=(
                "p: texts like the pre-training; a: texts of the alignment that were trained on, "
                "or are going to be; t: texts of the arm. a.t is the inner product of the "
                "gradients of two rates. Ratios are of means over seeds, with Fieller's interval, "
                "which has no ends where p.t may be 0; the law says -k."
            ),
            text_columns=(*labels,),
        ),
        Table(
            name="steps",
            title="One small step on the texts of an arm",
            headings=(
                *heads,
                *(
                    (f"{kind} {short[name]}", "bits/kB")
                    for name in sets
                    for kind in ("predicted", "measured")
                ),
            ),
            rows=tuple(changes),
            note=(
                "Change of each rate, predicted by first order and measured after the step was "
                "taken on a copy. A step of gradient descent lowers the rate of its own texts by "
                "0.1 bits/kB; token trees get a hundred-thousandth of their volume."
            ),
            digits=5,
            text_columns=(*labels,),
        ),
    )


def _ratio(values: Lookup, name: str, arm: str) -> Interval | None:
    """The change of a set over that of the pre-training; a ratio of means over seeds."""
    above, below = (
        seed_means(values(f"first_order_predicted_{one}_{arm}")) for one in (name, PRETRAIN)
    )
    known = np.isfinite(above) & np.isfinite(below)
    if not known.any() or not below[known].any():
        return None
    (ratio,) = ratios_of_means(above[known, None], below[known, None])
    return ratio if math.isfinite(ratio.mean) else None
