"""What studies with arms report: tables, figures, sentences and caveats."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from elastic_core.experiments.analysis import with_ci
from elastic_core.experiments.arms.calibration import calibration_of
from elastic_core.experiments.arms.matching import VolumesConfig
from elastic_core.experiments.arms.outcome import Alignment, Array
from elastic_core.experiments.arms.tables import ArmTables
from elastic_core.experiments.arms.texts import MODEL
from elastic_core.report.document import Figure, Panel, Series
from elastic_core.statistics.effects import over_seeds

ALONG_VOLUMES = ("the volume of the alignment", "rows of the alignment")
"""What grows where alignments differ in their volume; see `ArmReport.trend_figure`."""

Lines: TypeAlias = dict[str, tuple[Sequence[Alignment], str]]
"""Alignments and an arm by the name of their line in a legend; see `ArmReport.trend_figure`."""


class ArmReport(ArmTables):
    """Tables, figures and sentences about alignments under arms; see `ArmTables`."""

    # Figures

    def arms_figure(
        self, name: str, alignment: Alignment, nulls: Sequence[Alignment] = ()
    ) -> Figure:
        """One alignment under each arm, beside that of null models."""
        lines: dict[str, tuple[Alignment, str]] = {
            arm: (alignment, arm) for arm in self.config.arms
        }
        of_nulls = {f"{_model(null)}, {arm}": (null, arm) for null in nulls for arm in lines}
        what = f"What is left of {_described(alignment)} under each arm"
        return self._figure(name, what, lines, of_nulls)

    def figures(self, prefix: str, nulls: Sequence[Alignment] = ()) -> tuple[Figure, ...]:
        """All alignments under each arm beside those of null models, a figure for each arm."""
        return tuple(
            self.alignments_figure(f"{prefix}-{arm}", arm, nulls=nulls) for arm in self.config.arms
        )

    def alignments_figure(
        self,
        name: str,
        arm: str,
        alignments: Sequence[Alignment] | None = None,
        nulls: Sequence[Alignment] = (),
    ) -> Figure:
        """Several alignments under one arm, beside those of null models."""
        among = alignments or self.alignments
        lines = {self._legend_name(alignment): (alignment, arm) for alignment in among}
        of_nulls = {_null_name(null): (null, arm) for null in nulls}
        what = f"What is left of each alignment under {arm} data"
        return self._figure(name, what, lines, of_nulls)

    def trend_figure(
        self,
        name: str,
        along: tuple[str, str],
        xs: Sequence[float],
        lines: Lines,
    ) -> Figure:
        """Half-dose and first loss of alignments against a quantity that grows.

        Args:
            name: The name of the figure.
            along: The quantity in a sentence, and as the label of an axis.
            xs: Its values, above 0.
            lines: For each line its alignments, one for each value, and the arm.
        """
        lineage = self.alignments[0].lineage
        first = lineage.first_dose(self.config.doses, is_tree=self.config.spec.is_tree)

        def panel(title: str, label: str, value: Callable[[Alignment, str], Array]) -> Panel:
            series = tuple(
                Series(line, tuple(xs), tuple(over_seeds(value(each, arm)) for each in alignments))
                for line, (alignments, arm) in lines.items()
            )
            return Panel(title, along[1], label, series, x_scale="log")

        half_dose = panel(
            "half-dose",
            "log2 of the rows that undo half",
            lambda alignment, arm: self.margin.half_doses(alignment, arm).logs(),
        )
        first_loss = panel(
            "first loss",
            f"share lost after {self.config.doses[first]:,} rows",
            lambda alignment, arm: self.margin.lost(alignment, arm)[first],
        )
        caption = (
            f"Against {along[0]}: the rows that undo half of an alignment, and the share that the "
            "first rows undo, less what the same rows do to the base. Bands are 95% intervals over "
            "seeds."
        )
        return Figure(name, caption, (half_dose, first_loss))

    def _figure(
        self,
        name: str,
        what: str,
        lines: Mapping[str, tuple[Alignment, str]],
        of_nulls: Mapping[str, tuple[Alignment, str]],
    ) -> Figure:
        """Lines in both panels, those of null models in the first one only."""
        doses = tuple(map(float, (0, *self.config.doses)))

        def series(
            values: Callable[[Alignment, str], Array], lines: Mapping[str, tuple[Alignment, str]]
        ) -> tuple[Series, ...]:
            return tuple(
                Series(label, doses, tuple(map(over_seeds, values(*line))))
                for label, line in lines.items()
            )

        left = series(self.margin.left, {**lines, **of_nulls})
        panels = [_panel("margin", "share of the alignment left", left)]
        caption = f"{what}, less what the same rows do to the base. Margin: as a share of the gain."
        if self.has("kl_base"):
            excess = series(self.outcome("kl_base").difference, lines)
            panels.append(
                _panel("distribution", "excess of KL(base || model), nats per token", excess)
            )
            caption += " Distribution: KL(base || model) less that of the placebo."
        if of_nulls:
            caption += " A tree model, which only counts text, is shown for comparison."
        return Figure(name, f"{caption} Bands are 95% intervals over seeds.", tuple(panels))

    def _legend_name(self, alignment: Alignment) -> str:
        """An alignment as legends have it; a number alone would not say what it counts."""
        is_volume = isinstance(self.config, VolumesConfig)
        return f"align {alignment.name}" if is_volume else alignment.name

    # Sentences

    def arms_sentence(self) -> str:
        """What the aligned models were trained on further, and where neutral texts come from."""
        config = self.config
        draws = "" if config.draws == 1 else f" and {config.draws} draws of the rows of each"
        sentence = (
            "Each aligned model, and the base as a placebo, was trained further on "
            f"{listed(config.doses)} rows of each arm ({', '.join(config.arms)}), with "
            f"{config.counted_seeds}{draws}. "
        )
        if "neutral" in config.arms:
            source = config.neutral.source
            is_sampled = source == MODEL
            origin = "samples of the base at temperature 1" if is_sampled else f"those of {source}"
            sentence += f"Neutral texts are {origin}. "
        return sentence + (
            "What is left of an alignment is its margin on held-out texts less that of the placebo "
            "after the same rows."
        )

    def notes(self) -> tuple[str, ...]:
        """Caveats: those of every study, the score beside the margin, and the learning rate."""
        return (*self.grid.notes(), *self._score_notes(), *self._rate_notes())

    def _score_notes(self) -> list[str]:
        """Whether the score ranks models as the margin does, if both were measured."""
        correlation = over_seeds(self.grid.rank_correlations("margin", "score"), (-1, 1))
        if not correlation.count:
            return []
        note = (
            "Spearman's correlation of the margin and the score over the cells of a seed with both "
            f"is {with_ci(correlation)}."
        )
        return [note]

    def _rate_notes(self) -> list[str]:
        """What calibration chose, or that the placebo moves the base too far."""
        config, deepest = self.config, self.alignments[-1]
        if trial := calibration_of(config, self.alignments[0].lineage, self.grid):
            return [trial.sentence(config.build_recipe().learning_rate)]
        if not self.has("kl_base") or "neutral" not in config.arms:
            return []
        kl = self.outcome("kl_base")
        placebo = over_seeds(kl.placebo(deepest, "neutral")[-1]).mean
        aligned = over_seeds(kl.aligned(deepest)).mean
        if not placebo > aligned / 3:
            return []
        note = (
            f"Neutral data alone moved the base by {placebo:.4f} nats per token, more than a third "
            f"of what {_described(deepest)} did ({aligned:.4f}); lower recipe.learning_rate, or "
            "set calibrate."
        )
        return [note]


def listed(numbers: Sequence[int]) -> str:
    """Numbers in a sentence."""
    return ", ".join(f"{number:,}" for number in numbers)


def _described(alignment: Alignment) -> str:
    return f"the alignment {alignment.name}"


def _model(null: Alignment) -> str:
    return str(null.lineage.model)


def _null_name(null: Alignment) -> str:
    """A null model and the rows it was aligned with, if these are the same in all seeds."""
    fewest, most = null.volumes.min(), null.volumes.max()
    return f"{_model(null)}, {most:,} rows" if fewest == most else _model(null)


def _panel(title: str, label: str, series: tuple[Series, ...]) -> Panel:
    level = ("nothing left", 0.0)
    return Panel(title, "rows of the arm", label, series, level=level, x_scale="symlog")
