"""The instruments that a study measures its cells with, prepared for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.cells import Cell, Measure, Metrics, Row, SeedData
from elastic_core.models.protocol import DrawingModel, as_weighted

if TYPE_CHECKING:
    from elastic_core.scoring import Scorer
    from elastic_core.scoring.instruments import Instrument

InstrumentName: TypeAlias = Literal[
    "margin", "log_odds", "kl", "rates", "score", "weight_noise", "first_order"
]
"""The names of instruments.

`rates` are the losses and rates of every cell; `weight_noise` is measured of bases only, and
`first_order` by `elastic_core.experiments.first_order`.
"""

DEFAULT_INSTRUMENTS: list[InstrumentName] = ["margin", "log_odds", "kl", "rates"]
"""What a cell is measured with unless the configuration says otherwise."""


def names_for_cell(
    names: Sequence[InstrumentName], *, is_base: bool, is_end: bool
) -> tuple[str, ...]:
    """The instruments that a cell is measured with, without `rates` and `first_order`.

    Args:
        names: The instruments of the study.
        is_base: Whether the cell is the base, of which alone `weight_noise` is measured.
        is_end: Whether the cell ends a curve; `score` is measured there only.
    """
    left_out = {
        "rates",
        "first_order",
        *(() if is_end else ("score",)),
        *(() if is_base else ("weight_noise",)),
    }
    return tuple(name for name in names if name not in left_out)


@dataclass(frozen=True, slots=True)
class FixedTexts:
    """What the instruments of a seed measure on.

    Attributes:
        held_out: Held-out rows, with `prompt` and `completion`, by side.
        labelled: Labelled texts that are used for nothing else, by side.
        prompts: Held-out prompts for the score.
        tokens: Maximum number of tokens in a sample, or of contexts in a text.
        longest: Maximum number of tokens of a held-out text, the rest of which is cut off as in
            training; None: texts are read whole.
        samples: Number of samples for divergences.
        seed: The seed of samples.
    """

    held_out: dict[str, list[Row]]
    labelled: dict[str, list[str]]
    prompts: list[str]
    tokens: int
    longest: int | None
    samples: int
    seed: int


def prepare(
    names: Sequence[str], base: DrawingModel, texts: FixedTexts, scorer: "Scorer | None"
) -> "list[Instrument]":
    """The instruments with these names, without `rates` and `first_order`.

    Args:
        names: The names, as in `InstrumentName`, or `kl_author`.
        base: The base model; for `kl_author`, the author.
        texts: What to measure on.
        scorer: The scorer for `score`.

    Raises:
        InvalidArgumentError: An instrument lacks data, or the base has no weight matrices.
        ModelError: The base cannot read a text.
    """
    from elastic_core.scoring.instruments import (
        AuthorDivergence,
        Divergences,
        LogOdds,
        Margin,
        Score,
        WeightNoise,
    )
    from elastic_core.scoring.loss import beginnings

    rows = [row for side in texts.held_out.values() for row in side]
    whole = {
        side: [row["prompt"] + row["completion"] for row in texts.held_out.get(side, [])]
        for side in ("positive", "negative")
    }
    if texts.longest is not None and not base.learns_online:
        whole = {side: beginnings(base, some, texts.longest) for side, some in whole.items()}
    instruments: list[Instrument] = []
    for name in names:
        match name:
            case "margin":
                instruments.append(Margin(base, whole["positive"], whole["negative"]))
            case "log_odds":
                instruments.append(
                    LogOdds(
                        base,
                        texts.labelled.get("positive", []),
                        texts.labelled.get("negative", []),
                        [row["prompt"] for row in rows],
                        [row["completion"] for row in rows],
                        tokens=texts.tokens,
                    )
                )
            case "kl":
                instruments.append(
                    Divergences(base, [""] * texts.samples, tokens=texts.tokens, seed=texts.seed)
                )
            case "kl_author":
                instruments.append(
                    AuthorDivergence(base, texts.prompts, tokens=texts.tokens, seed=texts.seed)
                )
            case "score":
                if scorer is None:
                    raise InvalidArgumentError(
                        "score: there is no scorer; set scorer.kind or data.negative, or leave "
                        "score out of measure"
                    )
                instruments.append(
                    Score(scorer, texts.prompts, tokens=texts.tokens, seed=texts.seed)
                )
            case "weight_noise":
                as_weighted(base)
                instruments.append(
                    WeightNoise([*whole["positive"], *whole["negative"]], seed=texts.seed)
                )
    return instruments


@dataclass(frozen=True, slots=True)
class Instruments(Measure):
    """Measures a cell with instruments that compare it with a root.

    Attributes:
        root: The root.
        names: Names of the instruments.
    """

    root: Cell
    names: tuple[str, ...]

    @property
    def has_score(self) -> bool:
        """Whether the score is among the instruments."""
        return "score" in self.names

    def take(self, model: DrawingModel, seed_context: SeedData) -> Metrics:
        """Measures a model; see `Measure.take`."""
        metrics: Metrics = {}
        for instrument in seed_context.instruments(self.root, self.names):
            metrics |= instrument.measure(model)
        return metrics


@dataclass(frozen=True, slots=True)
class DistanceToAuthor(Measure):
    """Measures KL(author || model) on the author's answers to the held-out prompts.

    Attributes:
        name: The name in the metrics `kl_author_NAME` and `kl_author_NAME_se`, in nats per token,
            and `kl_author_NAME_positions`.
        author: The cell of the author.
    """

    name: str
    author: Cell

    def take(self, model: DrawingModel, seed_context: SeedData) -> Metrics:
        """Measures a model; see `Measure.take`."""
        (instrument,) = seed_context.instruments(self.author, ("kl_author",))
        return {
            metric.replace("kl_author", f"kl_author_{self.name}", 1): value
            for metric, value in instrument.measure(model).items()
        }

    def authors(self) -> tuple[Cell, ...]:
        """The author."""
        return (self.author,)
